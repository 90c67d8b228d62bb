/** Adapters folded into weights as these are read: neither a device nor a second copy of a weight is needed. */
import {
  type Adapters,
  type LowRank,
  type NdArray,
  ownerOf,
  show,
  type Tree,
  TreeError,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type LazyArray, lazyTrees, readLazy } from "./lazy.ts";

/** `W + scale B A` of a run of a weight's elements. */
const addedTo = (
  values: Float32Array,
  at: number,
  { lora_A, lora_B }: LowRank<NdArray>,
  scale: number,
): Float32Array => {
  const [rank, columns] = lora_A.shape.slice(-2) as [number, number], rows = lora_B.shape.at(-2)!;
  const out = values.slice();
  for (let i = 0; i < values.length;) {
    const row = Math.floor((at + i) / columns), from = (at + i) % columns;
    const end = Math.min(values.length, i + columns - from), stacked = Math.floor(row / rows) * rank;
    for (let k = 0; k < rank; k++) {
      const b = scale * lora_B.data[row * rank + k]!, a = (stacked + k) * columns + from - i;
      for (let j = i; j < end; j++) out[j]! += b * lora_A.data[a + j]!;
    }
    i = end;
  }
  return out;
};

/** Whether two factors fit a weight `[out, in]`, or a stack of them. */
const fits = ({ lora_A, lora_B }: LowRank<LazyArray>, { shape }: LazyArray): boolean => {
  const stack = shape.slice(0, -2), [to, from] = shape.slice(-2), rank = lora_A.shape.at(-2);
  return show(lora_A.shape) === show([...stack, rank!, from!]) &&
    show(lora_B.shape) === show([...stack, to!, rank!]);
};

/**
 * The parameters with every adapted weight replaced by `W + (alpha / rank) B A`, to be exported or run without adapters;
 * `-alpha` takes them out again, up to rounding. The factors of a weight are read when it is.
 * @throws {TreeError} where an adapter fits no weight.
 */
export const mergeAdapters = (
  params: Tree<LazyArray>,
  adapters: Adapters<LazyArray>,
  alpha: number,
): Tree<LazyArray> => {
  const given = lazyTrees.flatten(params);
  for (const [map, low] of Object.entries(adapters)) {
    const weight = given[`${map}.weight`];
    if (weight !== undefined && fits(low, weight)) continue;
    throw new TreeError({
      op: "mergeAdapters",
      got: `A ${show(low.lora_A.shape)} and B ${show(low.lora_B.shape)} for ${map}, whose weight is ` +
        (weight === undefined ? "not there" : show(weight.shape)),
      expected: "A [rank, in] and B [out, rank] for a weight [out, in]",
      hint: "name adapters of this model",
    });
  }
  return lazyTrees.map(params, (weight, path): LazyArray => {
    const low = adapters[ownerOf(path)];
    if (low === undefined || !path.endsWith(".weight")) return weight;
    const scale = alpha / low.lora_A.shape.at(-2)!;
    return {
      ...weight,
      stream: (sink) =>
        Effect.gen(function* () {
          const factors = { lora_A: yield* readLazy(low.lora_A), lora_B: yield* readLazy(low.lora_B) };
          yield* weight.stream((at, values) => sink(at, addedTo(values, at, factors, scale)));
        }),
    };
  });
};
