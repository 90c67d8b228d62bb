/** Flags that many commands have. */
import { deviceNames } from "@chain-of-sight/kernels";
import { Argument, Flag } from "effect/cli";

/** Prints data instead of text. */
export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDefault(false),
  Flag.withDescription("print the results as JSON, and nothing else, on standard output"),
);

/** Whether large products of f16 add up in f16 within 16 steps. */
export const halfSumsFlag = Flag.Boolean("half-sums").pipe(
  Flag.withDefault(false),
  Flag.withDescription("add up large f16 products in f16 within 16 steps: faster on GPUs, errors of 2e-3"),
);

/** What computes. */
export const computeFlag = Flag.Literals("device", deviceNames).pipe(
  Flag.withDefault("auto" as const),
  Flag.withDescription("what computes: auto takes a GPU through WebGPU, and the CPU where there is none"),
);

/** Fields of a configuration, by path. */
export const setFlag = Flag.String("set").pipe(
  Flag.atLeast(0),
  Flag.withDescription(
    "a field of the configuration, such as pretrain.steps=100; may be given more than once",
  ),
);

/** A directory without the slashes at its end. */
export const bare = (directory: string): string => directory.replace(/(?<=.)\/+$/, "");

/** A directory that is read, `what` says of what; slashes at its end are taken off. */
export const directoryArgument = (what: string) =>
  Argument.String("dir").pipe(Argument.map(bare), Argument.withDescription(what));
