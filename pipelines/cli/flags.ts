/** Flags that many commands have. */
import { deviceNames } from "@chain-of-sight/kernels";
import { Argument, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { fromEither } from "../base/bridge.ts";
import { stepDevices } from "../tune/step_device.ts";
import member from "../deno.json" with { type: "json" };
import { type LiveLogError, liveLogsOf, withLiveLogs } from "../runs/live.ts";
import { notice, print } from "../terminal/output.ts";
import { type PresetName, presetNamed } from "../configs/preset.ts";

/** Version of this library. */
export const PRODUCT_VERSION: string = member.version;

/** Versions that results of benchmarks name. */
export const versions = { "chain-of-sight": PRODUCT_VERSION, Deno: Deno.version.deno } as const;

/** Prints a result as JSON, or in words. */
export const printResult = <A>(json: boolean, result: A, text: (result: A) => string): void =>
  print(json ? JSON.stringify(result, null, 2) : text(result));

/** A flag that is on where it is given. */
export const switchFlag = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDefault(false), Flag.withDescription(what));

/** A flag of a text with a default. */
export const textFlag = (name: string, by: string, what: string) =>
  Flag.String(name).pipe(Flag.withDefault(by), Flag.withDescription(what));

/** A flag of a text that may be absent. */
export const optionalText = (name: string, what: string) =>
  Flag.String(name).pipe(Flag.optional, Flag.withDescription(what));

/** A flag of one of some names, with a default. */
export const choiceFlag = <const T extends readonly string[]>(
  name: string,
  names: T,
  by: NoInfer<T[number]>,
  what: string,
) => Flag.Literals(name, names).pipe(Flag.withDefault(by), Flag.withDescription(what));

/** A flag of one of some presets; an old name is accepted with a hint. */
export const presetFlagOf = <const T extends PresetName>(names: readonly T[], what: string) =>
  Flag.String("preset").pipe(
    Flag.filterMap((text) => {
      const found = presetNamed(text), name = names.find((one) => one === found?.name);
      if (name !== undefined && found?.hint !== undefined) notice(found.hint);
      return Option.fromUndefinedOr(name);
    }, () => `one of ${names.join(", ")}`),
    Flag.withDescription(`${what}: ${names.join(", ")}`),
  );

/** A flag of a whole number with a default. */
export const intFlag = (name: string, by: number, what: string) =>
  Flag.Int(name).pipe(Flag.withDefault(by), Flag.withDescription(what));

/** A flag of a whole number above 0. */
export const wholeFlag = (name: string, what: string) =>
  Flag.Int(name).pipe(
    Flag.filter((n) => n > 0, () => "a whole number above 0"),
    Flag.withDescription(what),
  );

/** A flag of a whole number above 0, with a default. */
export const countFlag = (name: string, by: number, what: string) =>
  wholeFlag(name, what).pipe(Flag.withDefault(by));

/** A flag of whole numbers above 0 with commas between. */
export const wholesFlag = (name: string, what: string) =>
  Flag.String(name).pipe(
    Flag.filterMap((text) => {
      const counts = text.split(",").map((part) => part.trim());
      return counts.every((part) => /^[1-9]\d*$/.test(part))
        ? Option.some(counts.map(Number))
        : Option.none();
    }, () => "whole numbers above 0 with commas between, such as 32,80"),
    Flag.withDescription(what),
  );

/** What computes a benchmark: Deno's own WebGPU by default. */
export const benchDeviceFlag = choiceFlag("device", stepDevices, "deno", "device to run on");

/** Prints data instead of text. */
export const jsonFlag = switchFlag(
  "json",
  "write the results to standard output as JSON",
);

/** Whether models are downloaded. */
export const downloadFlag = switchFlag(
  "download",
  "download models given by hub id that the Hugging Face cache lacks",
);

/** Whether large products of f16 add up in f16 within 16 steps. */
export const halfSumsFlag = switchFlag(
  "half-sums",
  "accumulate large f16 matrix products in f16 over 16 steps: faster on GPUs, relative error up to 2e-3",
);

/** Device that runs it. */
export const computeFlag = choiceFlag(
  "device",
  deviceNames,
  "auto",
  "device to run on; auto takes a GPU through WebGPU, else the CPU",
);

/** Fields of a configuration, by path. */
export const setFlag = Flag.String("set").pipe(
  Flag.atLeast(0),
  Flag.withDescription(
    "override a field of the configuration, such as pretrain.steps=100; repeatable",
  ),
);

/** Programs that show trainings while they go on. */
export const logFlag = optionalText(
  "log",
  "log metrics during training: tensorboard (event files in the logs of each training, below the store), mlflow " +
    "(a file store in ./mlruns) or mlflow:<folder>; comma-separated",
);

/** A program whose trainings are shown as `--log` says. */
export const shown = <A, E, R>(
  log: Option.Option<string>,
  program: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | LiveLogError, R> =>
  Option.match(log, {
    onNone: () => program,
    onSome: (text) => Effect.flatMap(fromEither(liveLogsOf(text)), (logs) => withLiveLogs(logs, program)),
  });

/** A directory without the slashes at its end. */
export const bare = (directory: string): string => directory.replace(/(?<=.)\/+$/, "");

/** A directory that is read, `what` says of what; slashes at its end are taken off. */
export const directoryArgument = (what: string) =>
  Argument.String("dir").pipe(Argument.map(bare), Argument.withDescription(what));
