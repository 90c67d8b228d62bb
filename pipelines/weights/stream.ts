/** Parameters streamed from files to where they belong, one at a time and in pieces of a few megabytes. */
import type { NdArray } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { openRanged, type RangedFile, readRange } from "./ranged.ts";
import type { SourceError } from "./source.ts";
import { type FloatType, storedBytes, widen } from "./stored.ts";
import type { Placement } from "./table.ts";

/** Most bytes of a file that are in memory at a time. */
export const PIECE_BYTES = 2 ** 22;

/** Takes one parameter: keeps the array, or uploads it and lets it go. */
export type Sink<E, R> = (path: string, array: NdArray) => Effect.Effect<void, E, R>;

const scatter = (values: Float32Array, first: number, columns: number, to: Float32Array): void => {
  const rows = to.length / columns;
  for (let i = 0; i < values.length; i++) {
    const at = first + i, row = Math.floor(at / columns);
    to[(at - row * columns) * rows + row] = values[i]!;
  }
};

const byteView = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const fetch = (
  file: RangedFile,
  piece: Uint8Array,
  placement: Placement,
): Effect.Effect<NdArray, SourceError> =>
  Effect.gen(function* () {
    const { from, shape, transposed } = placement, type = from.type as FloatType;
    const size = storedBytes[type], count = from.bytes / size, data = new Float32Array(count);
    const straight = type === "F32" && !transposed, most = PIECE_BYTES / size;
    for (let at = 0; at < count; at += most) {
      const n = Math.min(most, count - at), begin = from.at + at * size;
      if (straight) {
        yield* readRange(from.file, file, begin, byteView(data.subarray(at, at + n)));
      } else {
        const bytes = piece.subarray(0, n * size);
        yield* readRange(from.file, file, begin, bytes);
        if (transposed) {
          const values = new Float32Array(n);
          widen(type, bytes, values);
          scatter(values, at, from.shape[1]!, data);
        } else widen(type, bytes, data.subarray(at, at + n));
      }
    }
    return { dtype: "f32", shape: [...shape], data };
  });

/**
 * Reads placed parameters file by file and gives each to the sink as f32 before the next is read. Beside what the sink
 * keeps, memory holds one parameter and one piece of {@link PIECE_BYTES}.
 */
export const streamTo = <E, R>(
  placements: readonly Placement[],
  sink: Sink<E, R>,
): Effect.Effect<void, SourceError | E, R> =>
  Effect.gen(function* () {
    const piece = new Uint8Array(PIECE_BYTES);
    const byFile = Map.groupBy(placements, ({ from }) => from.file);
    for (const [path, inside] of byFile) {
      yield* Effect.scoped(Effect.gen(function* () {
        const file = yield* openRanged(path);
        for (const placement of inside) yield* sink(placement.path, yield* fetch(file, piece, placement));
      }));
    }
  });
