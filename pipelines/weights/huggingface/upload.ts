/** Checkpoints loaded straight into a program, so that the host never holds the model, nor a parameter of it. */
import { type DTypeError, halved, sizeOf, type TreeError } from "@chain-of-sight/core";
import type { DeviceError, Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { SourceError } from "../source.ts";
import { type PieceSink, streamPieces, streamTo } from "../stream.ts";
import type { Placement } from "../table.ts";
import type { OpenCheckpoint } from "./load.ts";

/** Why a checkpoint could not be loaded into a program. */
type UploadError = SourceError | DeviceError | TreeError | DTypeError;

/**
 * Writes every parameter of an opened checkpoint into a program whose inputs are `placeholders(prefix, specs)`, a few
 * megabytes at a time; those that the program has as f16 are rounded, and refused by name beyond its range.
 */
export const uploadCheckpoint = <C>(
  { placements }: OpenCheckpoint<C>,
  program: Program,
  prefix: string,
): Effect.Effect<void, UploadError> => {
  const inputOf = (path: string): string => prefix === "" ? path : `${prefix}.${path}`;
  const isHalf = (path: string): boolean => program.plan.inputs[inputOf(path)]?.dtype === "f16";
  const piece: PieceSink<DeviceError | TreeError | DTypeError, never> = (path, at, data) => {
    const array = { dtype: "f32" as const, shape: [data.length], data };
    return isHalf(path)
      ? Effect.flatMap(
        Effect.try({ try: () => halved(path, array), catch: (cause) => cause as DTypeError }),
        (half) => program.writePart(inputOf(path), at, half),
      )
      : program.writePart(inputOf(path), at, array);
  };
  // runs of f16 begin at even elements, as slices of an odd number of them do not
  const odd = ({ path, shape, slice }: Placement): boolean =>
    slice !== undefined && sizeOf(shape) % 2 !== 0 && isHalf(path);
  return Effect.andThen(
    streamPieces(placements.filter((placement) => !odd(placement)), piece),
    streamTo(placements.filter(odd), (path, { data }) => piece(path, 0, data as Float32Array)),
  );
};
