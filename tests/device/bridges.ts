/** Every bridge, forward and backward, for the device-generic suite. */
import {
  bindingsOf,
  bridgeOf,
  input,
  type ParameterSpec,
  placeholders,
  pullback,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import { everyBridge, featuresOf, nameOf, parametersOf, site } from "../support/bridges.ts";
import { floats } from "../support/random.ts";
import type { DeviceCase } from "./cases.ts";

/** Visual tokens of two images, and gradients for every parameter and every feature. */
export const bridgeCases: readonly DeviceCase[] = everyBridge.map(([description]) => {
  const bridge = bridgeOf(description, { ...site, width: 16, to: 10 }), features = featuresOf(bridge, 16, 2);
  const held = placeholders("params", bridge.specs as Tree<ParameterSpec>) as Tree<Tensor>;
  const seen = features.map((f, i) => input(`features.${i}`, f.shape)), out = bridge.apply(held, seen);
  return {
    name: `bridge ${nameOf(description)}`,
    ops: [],
    roots: [out, ...pullback([out], [input("cot", out.shape)], [...tensors.leaves(held), ...seen])],
    bindings: {
      ...bindingsOf("params", parametersOf(bridge, 0.25)),
      ...Object.fromEntries(features.map((f, i) => [`features.${i}`, f])),
      cot: floats("cotangent", out.shape, -1, 1),
    },
    exact: false,
    loose: false,
  };
});
