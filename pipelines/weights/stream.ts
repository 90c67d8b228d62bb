/** Parameters streamed from files to where they belong, one at a time and in pieces of a few megabytes. */
import { type NdArray, sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import { openRanged, type RangedFile, readRange } from "./ranged.ts";
import { inFile, refuse } from "./fault.ts";
import type { SourceError, StoredTensor } from "./source.ts";
import { firstNonFinite, type FloatType, storedBytes, widen } from "./stored.ts";
import type { Placement } from "./table.ts";

/** Most bytes of a file that are in memory at a time. */
export const PIECE_BYTES = 2 ** 22;

/** Elements that are given at a time. */
const PIECE = PIECE_BYTES / 4;

/** Takes one parameter and keeps it, or is done with it when its effect ends. */
export type Sink<E, R> = (path: string, array: NdArray) => Effect.Effect<void, E, R>;

/** Takes a run of a parameter's elements, those from `at` on, and is done with it when its effect ends. */
export type PieceSink<E, R> = (
  path: string,
  at: number,
  values: Float32Array,
) => Effect.Effect<void, E, R>;

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

/** Memory of pieces, used again for each. */
interface Room {
  readonly bytes: Uint8Array;
  readonly values: Float32Array;
}

/** Elements of a placement as f32, some at a time; a transposed matrix is given whole. */
const eachPiece = <E, R>(
  { from, transposed }: Placement,
  file: RangedFile,
  room: Room,
  use: (first: number, values: Float32Array) => Effect.Effect<void, E, R>,
): Effect.Effect<void, SourceError | E, R> =>
  Effect.gen(function* () {
    const type = from.type as FloatType, size = storedBytes[type], count = from.bytes / size;
    const values = transposed ? new Float32Array(count) : room.values, step = Math.floor(PIECE_BYTES / size);
    for (let first = 0; first < Math.max(count, 1); first += values.length || 1) {
      const piece = values.subarray(0, Math.min(values.length, count - first));
      for (let at = 0; at < piece.length; at += step) {
        const some = piece.subarray(at, at + step), read = room.bytes.subarray(0, some.length * size);
        yield* readRange(from.file, file, from.at + (first + at) * size, read);
        widen(type, read, some);
      }
      yield* checked(from, piece, first);
      yield* use(first, transposed ? scatter(piece, from.shape[1]!) : piece);
    }
  });

type Open = (path: string) => Effect.Effect<RangedFile, SourceError>;

/** Opens each file once for as long as the scope lives. */
const opener = Effect.map(Effect.scope, (scope): Open => {
  const files = new Map<string, RangedFile>();
  return (path) =>
    Effect.suspend(() => {
      const known = files.get(path);
      return known !== undefined ? Effect.succeed(known) : Effect.tap(
        Scope.provide(openRanged(path), scope),
        (file) => Effect.sync(() => void files.set(path, file)),
      );
    });
});

/** The slices of every parameter in order, parameters in the order of the files. */
const byParameter = (placements: readonly Placement[]): readonly (readonly Placement[])[] =>
  [...Map.groupBy(placements, ({ path }) => path).values()].map((slices) =>
    slices.toSorted((a, b) => (a.slice?.index ?? 0) - (b.slice?.index ?? 0))
  );

/**
 * Reads placed parameters and gives their elements to the sink as f32, some at a time and in order. Memory holds one piece
 * of {@link PIECE_BYTES} and its numbers, however large a parameter or a stack of blocks is.
 */
export const streamPieces = <E, R>(
  placements: readonly Placement[],
  sink: PieceSink<E, R>,
): Effect.Effect<void, SourceError | E, R> =>
  Effect.scoped(Effect.gen(function* () {
    const open = yield* opener;
    const room: Room = { bytes: new Uint8Array(PIECE_BYTES), values: new Float32Array(PIECE) };
    for (const slices of byParameter(placements)) {
      for (const placement of slices) {
        const { path, shape, slice, from } = placement, start = (slice?.index ?? 0) * sizeOf(shape);
        yield* eachPiece(
          placement,
          yield* open(from.file),
          room,
          (first, values) => sink(path, start + first, values),
        );
      }
    }
  }));

/**
 * Reads placed parameters and gives each to the sink as f32 before the next is read. Beside what the sink keeps, memory
 * holds one parameter (of stacked blocks, one stack) and one piece of {@link PIECE_BYTES}.
 */
export const streamTo = <E, R>(
  placements: readonly Placement[],
  sink: Sink<E, R>,
): Effect.Effect<void, SourceError | E, R> =>
  Effect.suspend(() => {
    const shapes = new Map(
      placements.map((
        { path, shape, slice },
      ) => [path, slice === undefined ? [...shape] : [slice.of, ...shape]]),
    );
    let data = new Float32Array(0);
    return streamPieces(placements, (path, at, values) => {
      const shape = shapes.get(path)!;
      if (at === 0) data = new Float32Array(sizeOf(shape));
      data.set(values, at);
      return at + values.length === data.length ? sink(path, { dtype: "f32", shape, data }) : Effect.void;
    });
  });
