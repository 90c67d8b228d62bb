/** Parameters streamed from files to where they belong, one at a time and in pieces of a few megabytes. */
import { type NdArray, sizeOf } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import { openRanged, type RangedFile, readRange } from "./ranged.ts";
import { inFile, refuse } from "./fault.ts";
import type { SourceError } from "./source.ts";
import { firstNonFinite, type FloatType, storedBytes, widen } from "./stored.ts";
import type { Placement } from "./table.ts";

/** Most bytes of a file that are in memory at a time. */
export const PIECE_BYTES = 2 ** 22;

/** Takes one parameter: keeps the array, or is done with it when its effect ends. */
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

type Open = (path: string) => Effect.Effect<RangedFile, SourceError>;

const fetch = (
  { from, transposed }: Placement,
  file: RangedFile,
  piece: Uint8Array,
  data: Float32Array,
): Effect.Effect<void, SourceError> =>
  Effect.gen(function* () {
    const type = from.type as FloatType, size = storedBytes[type], count = data.length;
    const straight = type === "F32" && !transposed, most = PIECE_BYTES / size;
    for (let at = 0; at < count; at += most) {
      const n = Math.min(most, count - at), begin = from.at + at * size;
      if (straight) {
        yield* readRange(from.file, file, begin, byteView(data.subarray(at, at + n)));
        continue;
      }
      const bytes = piece.subarray(0, n * size);
      yield* readRange(from.file, file, begin, bytes);
      if (transposed) {
        const values = new Float32Array(n);
        widen(type, bytes, values);
        scatter(values, at, from.shape[1]!, data);
      } else widen(type, bytes, data.subarray(at, at + n));
    }
  });

/** How parameters are given. */
export interface StreamOptions {
  /** Whether the array of one parameter becomes that of the next; false by default. */
  readonly reuse?: boolean;
}

/** An array of some length to be filled as a whole. */
type Room = (length: number) => Float32Array;

const freshRoom: Room = (length) => new Float32Array(length);

const oneRoom = (placements: readonly Placement[]): Room => {
  const lengths = placements.map(({ shape, slice }) => sizeOf(shape) * (slice?.of ?? 1));
  const whole = new Float32Array(lengths.reduce((a, b) => Math.max(a, b), 0));
  return (length) => whole.subarray(0, length);
};

const parameter = (
  slices: readonly Placement[],
  open: Open,
  piece: Uint8Array,
  room: Room,
): Effect.Effect<NdArray, SourceError> =>
  Effect.gen(function* () {
    const { shape, slice } = slices[0]!,
      size = sizeOf(shape),
      data = room(size * (slice?.of ?? 1));
    for (const placement of slices) {
      const first = (placement.slice?.index ?? 0) * size;
      const part = data.subarray(first, first + size), { file, name } = placement.from;
      yield* fetch(placement, yield* open(file), piece, part);
      const bad = firstNonFinite(part);
      if (bad >= 0) {
        return yield* Effect.fail(
          inFile(file)(refuse(
            "value",
            `${name} with ${part[bad]} at element ${bad}`,
            "finite numbers within the range of f32",
            "get the checkpoint from a step before the training diverged",
          )),
        );
      }
    }
    return { dtype: "f32", shape: slice === undefined ? [...shape] : [slice.of, ...shape], data };
  });

/**
 * Reads placed parameters and gives each to the sink as f32 before the next is read. Beside what the sink keeps, memory
 * holds one parameter (of stacked blocks, one stack) and one piece of {@link PIECE_BYTES}. With `reuse`, all parameters
 * are views of one array in turn, for sinks that keep none.
 */
export const streamTo = <E, R>(
  placements: readonly Placement[],
  sink: Sink<E, R>,
  { reuse = false }: StreamOptions = {},
): Effect.Effect<void, SourceError | E, R> =>
  Effect.scoped(Effect.gen(function* () {
    const piece = new Uint8Array(PIECE_BYTES),
      files = new Map<string, RangedFile>(),
      scope = yield* Effect.scope;
    const open: Open = (path) =>
      Effect.suspend(() => {
        const known = files.get(path);
        return known !== undefined ? Effect.succeed(known) : Effect.tap(
          Scope.provide(openRanged(path), scope),
          (file) => Effect.sync(() => void files.set(path, file)),
        );
      });
    const room = reuse ? oneRoom(placements) : freshRoom;
    for (const [path, slices] of Map.groupBy(placements, (placement) => placement.path)) {
      yield* sink(path, yield* parameter(slices, open, piece, room));
    }
  }));
