/**
 * A step on ranks that share the optimiser's memory (ZeRO stage 1): each sums the gradients of its own part of the parameters
 * over all ranks, updates that part, and hands it to the others. All hold all parameters; sums, norms and updates are those
 * of one process, bit for bit. Arrays move by name, since the ranks' programs differ in their layout.
 */
import { input, type NdArray, ndarray, stackedSquares, type TreeError } from "@chain-of-sight/core";
import type { DeviceError, Plan, Program } from "@chain-of-sight/kernels";
import type { Source } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import { type RanksError, theRanks } from "../ranks/ranks.ts";
import { type MoveGroup, partOfGroup, type Piece, type Shard } from "./shard.ts";

/** What moving arrays can fail with. */
export type MoveError = DeviceError | RanksError | TreeError;

/** Input path of the squared norms of all gradients. */
export const SQUARES = "squares";

/** Prefix of the gradient of a parameter. */
export const GRADIENT = "grad.grad.";

const data = ({ data }: NdArray): Float32Array => data as Float32Array;

const pack = (
  arrays: Readonly<Record<string, NdArray>>,
  prefix: string,
  pieces: readonly Piece[],
  into: Float32Array,
): void => {
  let at = 0;
  for (const { path, size } of pieces) {
    into.set(data(arrays[prefix + path]!), at);
    at += size;
  }
};

const unpacked = (
  from: Float32Array,
  prefix: string,
  pieces: readonly Piece[],
): Readonly<Record<string, NdArray>> => {
  let at = 0;
  return Object.fromEntries(pieces.map(({ path, shape, size }) => {
    at += size;
    return [prefix + path, ndarray("f32", shape, from.slice(at - size, at))] as const;
  }));
};

const namesOf = (prefix: string, pieces: readonly Piece[]): readonly string[] =>
  pieces.map(({ path }) => prefix + path);

/** Replaces the gradients of this rank's part by their sums over all ranks. */
const sumOwn = (main: Program, group: MoveGroup): Effect.Effect<void, MoveError> =>
  Effect.gen(function* () {
    const { rank, partSum } = yield* theRanks, count = partOfGroup(group);
    const arrays = yield* main.read(namesOf(GRADIENT, group.flat()));
    const numbers = new Float32Array(count * group.length);
    group.forEach((pieces, r) => pack(arrays, GRADIENT, pieces, numbers.subarray(r * count)));
    yield* main.write(unpacked(yield* partSum(numbers), GRADIENT, group[rank]!));
  });

/** Replaces arrays of every other rank's part by those of that rank. */
const handOn = (main: Program, prefix: string, group: MoveGroup): Effect.Effect<void, MoveError> =>
  Effect.gen(function* () {
    const { rank, allgather } = yield* theRanks, count = partOfGroup(group), own = group[rank]!;
    const mine = new Float32Array(count);
    pack(own.length === 0 ? {} : yield* main.read(namesOf(prefix, own)), prefix, own, mine);
    const all = yield* allgather(mine);
    for (const [r, pieces] of group.entries()) {
      if (r !== rank && pieces.length > 0) {
        yield* main.write(unpacked(all.subarray(r * count, (r + 1) * count), prefix, pieces));
      }
    }
  });

/** Replaces the scalars alongside the gradients by their sums over all ranks. */
const sumScalars = (main: Program): Effect.Effect<void, MoveError> =>
  Effect.gen(function* () {
    const names = Object.keys(main.plan.inputs)
      .filter((path) => path.startsWith("grad.") && !path.startsWith(GRADIENT)).toSorted();
    const arrays = yield* main.read(names);
    const sums = Float32Array.from(names, (name) => data(arrays[name]!)[0]!);
    yield* (yield* theRanks).sum(new Uint8Array(sums.buffer));
    yield* main.write(
      Object.fromEntries(names.map((name, i) => [name, ndarray("f32", [], sums.slice(i, i + 1))])),
    );
  });

/** Paths of the trained parameters in the order in which a program has their gradients in memory. */
export const placedOrder = ({ inputs, memory: { slots, slotOf } }: Plan, trained: readonly string[]) => {
  const placeOf = (slot: number): readonly [root: number, offset: number] => {
    const { within } = slots[slot]!;
    if (within === undefined) return [slot, 0];
    const [root, offset] = placeOf(within.slot);
    return [root, offset + within.offset];
  };
  const places = new Map(trained.map((path) => [path, placeOf(slotOf.get(inputs[GRADIENT + path]!)!)]));
  return trained.toSorted((a, b) => {
    const [p, at] = places.get(a)!, [q, other] = places.get(b)!;
    return p - q || at - other;
  });
};

/**
 * The program of the squared norms of all gradients, in the order of their memory. Of all, though each rank's own alone are
 * sums by then: devices cut many tensors into pieces of one length, which depends on all of them. The update has the same
 * sums, so that it lays all gradients side by side.
 */
export const squaresSource = ({ byRank }: Shard, order: readonly string[]): Source => {
  const pieces = new Map(byRank.flat().map((piece) => [piece.path, piece]));
  const inputs = order.map((path) => input(GRADIENT + path, pieces.get(path)!.shape));
  return { outputs: { [SQUARES]: stackedSquares(inputs) }, donate: {}, inputs };
};

/**
 * The end of a step whose gradients each rank has computed on its micro-batches: `main` updates this rank's part, `squares` is
 * the program of {@link squaresSource}, `trained` the parameters in the order of the norm.
 */
export const updateSharded = (
  { groups, isOwn }: Shard,
  trained: readonly string[],
  main: Program,
  squares: Program,
): Effect.Effect<void, MoveError> =>
  Effect.gen(function* () {
    const { sum } = yield* theRanks;
    for (const group of groups) yield* sumOwn(main, group);
    yield* sumScalars(main);
    yield* squares.run;
    const found = data((yield* squares.read([SQUARES]))[SQUARES]!), all = new Float32Array(trained.length);
    // the others' are 0, which changes no square
    placedOrder(main.plan, trained).forEach((path, i) => {
      if (isOwn(path)) all[trained.indexOf(path)] = found[i]!;
    });
    yield* sum(new Uint8Array(all.buffer));
    yield* main.write({ [SQUARES]: ndarray("f32", [trained.length], all) });
    yield* main.run;
    for (const group of groups) yield* handOn(main, "state.params.", group);
  });
