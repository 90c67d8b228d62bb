/** Stored tensors as lazy arrays: read from their files in pieces of a few megabytes. */
import { sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { inFile, refuse } from "./fault.ts";
import { inRuns, type LazyArray, RUN, type RunSink } from "./lazy.ts";
import { openRanged, type RangedFile, readRange } from "./ranged.ts";
import type { SourceError, StoredTensor } from "./source.ts";
import { firstNonFinite, type FloatType, storedBytes, widen } from "./stored.ts";
import type { Placement } from "./table.ts";

/** Maximum number of bytes of a file that are in memory at a time. */
export const PIECE_BYTES = 2 ** 22;

const scatter = (values: Float32Array, columns: number): Float32Array => {
  const rows = values.length / columns, to = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const row = Math.floor(i / columns);
    to[(i - row * columns) * rows + row] = values[i]!;
  }
  return to;
};

const checked = ({ file, name }: StoredTensor, values: Float32Array, first: number) => {
  const bad = firstNonFinite(values);
  return bad < 0 ? Effect.void : Effect.fail(
    inFile(file)(refuse(
      "value",
      `${name} with ${values[bad]} at element ${first + bad}`,
      "finite numbers within the range of f32",
      "get the checkpoint from a step before the training diverged",
    )),
  );
};

/** Elements of a tensor as f32, some at a time; those of a transposed matrix are read before the first is given. */
const eachRun = <E, R>(
  { from, transposed }: Pick<Placement, "from" | "transposed">,
  file: RangedFile,
  use: RunSink<E, R>,
): Effect.Effect<void, SourceError | E, R> =>
  Effect.gen(function* () {
    const type = from.type as FloatType, size = storedBytes[type], count = from.bytes / size;
    const values = new Float32Array(transposed ? count : Math.min(count, RUN));
    const bytes = new Uint8Array(Math.min(from.bytes, PIECE_BYTES)), step = Math.floor(PIECE_BYTES / size);
    for (let first = 0; first < Math.max(count, 1); first += values.length || 1) {
      const piece = values.subarray(0, Math.min(values.length, count - first));
      for (let at = 0; at < piece.length; at += step) {
        const some = piece.subarray(at, at + step), read = bytes.subarray(0, some.length * size);
        yield* readRange(from.file, file, from.at + (first + at) * size, read);
        widen(type, read, some);
      }
      yield* checked(from, piece, first);
      yield* transposed ? inRuns(scatter(piece, from.shape[1]!), use) : use(first, piece);
    }
  });

/** A tensor of a file, or the slices of a stack in order, as an array that is read when it is needed. */
const stored = (slices: readonly Placement[], open: OpenFile = openRanged): LazyArray => {
  const [{ shape, slice }] = slices as readonly [Placement];
  return {
    shape: slice === undefined ? shape : [slice.of, ...shape],
    stream: (sink) =>
      Effect.forEach(
        slices,
        (placement) => {
          const start = (placement.slice?.index ?? 0) * sizeOf(shape);
          return Effect.scoped(Effect.flatMap(
            open(placement.from.file),
            (file) => eachRun(placement, file, (at, values) => sink(start + at, values)),
          ));
        },
        { discard: true },
      ),
  };
};

/** Opens a file for as long as the scope lives. */
type OpenFile = (path: string) => Effect.Effect<RangedFile, SourceError, Scope.Scope>;

/**
 * Parameters that are read from their places when they are needed, by path, in the order of the files. Memory holds one
 * piece of {@link PIECE_BYTES} and its numbers, however large a parameter or a stack of blocks is.
 */
export const storedArrays = (
  placements: readonly Placement[],
  open?: OpenFile,
): Readonly<Record<string, LazyArray>> =>
  Object.fromEntries(
    [...Map.groupBy(placements, ({ path }) => path)].map(([path, slices]) => [
      path,
      stored(slices.toSorted((a, b) => (a.slice?.index ?? 0) - (b.slice?.index ?? 0)), open),
    ]),
  );
