/** Gradients of every bridge against central differences in float64, parameter by parameter and feature by feature. */
import {
  add,
  arrayTrees,
  type Bindings,
  bindingsOf,
  cast,
  input,
  interpret,
  iota,
  mul,
  type NdArray,
  onesLike,
  type ParameterSpec,
  placeholders,
  pullback,
  reshape,
  sin,
  sum,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bridgeHere, everyBridge, featuresOf, nameOf, parametersOf, site } from "../support/bridges.ts";
import { stream } from "../support/random.ts";

const STEP = 1e-4;

/** The sum of a tensor with fixed, unequal weights. */
const weighed = (y: Tensor): Tensor => {
  const n = y.shape.reduce((a, b) => a * b, 1);
  const weights = add(mul(sin(mul(cast("f32")(iota([n])), 1.7)), 0.5), 1);
  return sum()(mul(reshape([n])(y), weights));
};

const double = (a: NdArray): NdArray => ({ ...a, data: Float64Array.from(a.data as ArrayLike<number>) });

/** `a + by v`. */
const moved = (a: NdArray, v: readonly number[], by: number): NdArray => ({
  ...a,
  data: Float64Array.from(a.data as ArrayLike<number>, (x, i) => x + by * v[i]!),
});

for (const [description] of everyBridge) {
  test(nameOf(description), () => {
    const bridge = bridgeHere(description), features = featuresOf(bridge, site.width, 2);
    const held = placeholders("params", bridge.specs as Tree<ParameterSpec>) as Tree<Tensor>;
    const seen = features.map((f, i) => input(`features.${i}`, f.shape));
    const loss = weighed(bridge.apply(held, seen));
    const given: Bindings = Object.fromEntries(
      Object.entries({
        ...bindingsOf("params", parametersOf(bridge)),
        ...Object.fromEntries(features.map((f, i) => [`features.${i}`, f])),
      }).map(([name, a]) => [name, double(a)]),
    );
    const leaves = [...tensors.leaves(held), ...seen];
    const names = [
      ...arrayTrees.entries(parametersOf(bridge)).map(([path]) => `params.${path}`),
      ...seen.keys().map((i) => `features.${i}`),
    ];
    const grads = interpret(pullback([loss], [onesLike(loss)], leaves), given);
    let largest = 0;
    names.forEach((name, i) => {
      const next = stream(name), at = given[name]!, v = Array.from(at.data, () => 2 * next() - 1);
      const value = (by: number) => interpret([loss], { ...given, [name]: moved(at, v, by) })[0]!.data[0]!;
      // fourth order: the error falls with the fourth power of the step
      const slope = (8 * (value(STEP) - value(-STEP)) - (value(2 * STEP) - value(-2 * STEP))) / (12 * STEP);
      const got = v.reduce((s, x, k) => s + x * grads[i]!.data[k]!, 0);
      const size = Math.max(1, Math.abs(slope));
      // constants of descriptions, such as those in the derivative of erf, are single precision
      assert.ok(Math.abs(got - slope) <= 2e-6 * size, `${name}: ${got} against ${slope}`);
      largest = Math.max(largest, Math.abs(slope));
    });
    assert.ok(largest > 0.1, "the loss depends on its arguments");
  });
}

test.run();
