/** Adapters folded into weights, map by map, on the device at hand. */
import {
  type Adapters,
  arrayTrees,
  graft,
  input,
  isNdArray,
  mergeLora,
  type NdArray,
  type Tree,
  type TreeError,
  unmergeLora,
} from "@chain-of-sight/core";
import { type Device, type DeviceError, evaluate } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { LoadedAdapters } from "./huggingface/peft.ts";

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
