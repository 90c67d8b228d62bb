/** Checkpoints loaded straight into a program, so that the host never holds the model. */
import type { TreeError } from "@chain-of-sight/core";
import type { DeviceError, Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { SourceError } from "../source.ts";
import { type OpenCheckpoint, streamCheckpoint } from "./load.ts";

/**
 * Writes every parameter of an opened checkpoint into a program whose inputs are `placeholders(prefix, specs)`, one
 * after another; the host holds one parameter at a time. The program copies what it is given.
 */
export const uploadCheckpoint = <C>(
  opened: OpenCheckpoint<C>,
  program: Program,
  prefix: string,
): Effect.Effect<void, SourceError | DeviceError | TreeError> =>
  streamCheckpoint(
    opened,
    (path, array) => program.write({ [prefix === "" ? path : `${prefix}.${path}`]: array }),
    { reuse: true },
  );
