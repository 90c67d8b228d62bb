/** Adapters folded into weights, map by map, on the device at hand. */
import {
  type Adapters,
  arrayTrees,
  graft,
  input,
  isNdArray,
  mergeLora,
  type NdArray,
  ownerOf,
  type Tree,
  type TreeError,
  unmergeLora,
} from "@chain-of-sight/core";
import { type Device, type DeviceError, evaluate } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { LoadedAdapters } from "./huggingface/peft.ts";
import { type LazyArray, lazyTrees, readLazy } from "./lazy.ts";

const inputsOf = (map: string, { lora_A, lora_B }: Adapters<NdArray>[string], weight: NdArray) => ({
  params: { [map]: { weight: input("weight", weight.shape) } },
  adapters: { [map]: { lora_A: input("A", lora_A.shape), lora_B: input("B", lora_B.shape) } },
  values: { weight, A: lora_A, B: lora_B },
});

const folded = <T extends Tree<NdArray>>(
  fold: typeof mergeLora,
  params: T,
  { adapters, alpha }: LoadedAdapters,
): Effect.Effect<T, DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const flat = arrayTrees.flatten(params), weights: Record<string, { weight: NdArray }> = {};
    for (const [map, low] of Object.entries(adapters)) {
      const weight = flat[`${map}.weight`], one = inputsOf(map, low, weight ?? low.lora_A);
      const tree = yield* Effect.try({
        try: () => fold<typeof one.params>(weight === undefined ? {} : one.params, one.adapters, alpha),
        catch: (cause) => cause as TreeError,
      });
      const [sum] = yield* evaluate([tree[map]!.weight], one.values);
      weights[map] = { weight: sum! };
    }
    return graft(isNdArray, params, weights) as T;
  });

/**
 * The parameters with every adapted weight replaced by `W + (alpha / rank) B A`, to be exported or run without
 * adapters. The given parameters stay as they are. One weight at a time is on the device.
 */
export const mergeAdapters = <T extends Tree<NdArray>>(
  params: T,
  adapters: LoadedAdapters,
): Effect.Effect<T, DeviceError | TreeError, Device> => folded(mergeLora, params, adapters);

/** The inverse of {@link mergeAdapters}, up to rounding. */
export const unmergeAdapters = <T extends Tree<NdArray>>(
  params: T,
  adapters: LoadedAdapters,
): Effect.Effect<T, DeviceError | TreeError, Device> => folded(unmergeLora, params, adapters);

/** `W + scale B A` of a run of a weight's elements. */
const addedTo = (
  values: Float32Array,
  at: number,
  { lora_A, lora_B }: Adapters<NdArray>[string],
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

/** As {@link mergeAdapters}, without a device: every adapted weight is added to when it is read. */
export const mergedWhenRead = (
  params: Tree<LazyArray>,
  adapters: Adapters<LazyArray>,
  alpha: number,
): Tree<LazyArray> =>
  lazyTrees.map(params, (weight, path): LazyArray => {
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
