/** The loss of an output map by blocks of its classes: values and gradients are those of all logits at once. */
import * as cs from "@chain-of-sight/core";
import type { LinearParams, Tensor, Tree } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("loss by blocks of classes");

const N = [2, 5], D = 6, V = 23;
const states = cs.input("x", [...N, D]), labels = cs.input("labels", N, "i32");
const weight = cs.input("w", [V, D]);
const maps: Readonly<Record<string, LinearParams<Tensor>>> = {
  "a weight": { weight },
  "a bias": { weight, bias: cs.input("b", [V]) },
  "an adapter": {
    weight,
    lora_A: cs.input("A", [3, D]),
    lora_B: cs.input("B", [V, 3]),
    lora_scale: cs.input("s", []),
  },
};

const bindingsOf = (map: LinearParams<Tensor>, given: readonly number[]): cs.Bindings => ({
  x: floats("x", states.shape),
  labels: cs.i32(N, given),
  ...Object.fromEntries(
    Object.values(map).map((
      t,
    ) => [(t as Tensor<"input">).attributes.path, floats(`leaf ${t.shape}`, t.shape)]),
  ),
});

const plain = [3, 22, 0, -100, 7, 23, -1, 11, 12, 5];

type Params = { readonly map: LinearParams<Tensor>; readonly states: Tensor };

/** Loss, count, loss of every label, right answers, and gradients for the map and the states. */
const rootsOf = (map: LinearParams<Tensor>, blocks: number, weights?: Tensor): readonly Tensor[] => {
  const f = (p: Params) => {
    const all = cs.linearCrossEntropy(p.map, p.states, labels, cs.IGNORED, blocks);
    const loss = weights === undefined ? all.mean : cs.sum()(cs.mul(all.perToken, weights));
    return [loss, all] as const;
  };
  const { value, aux, grad } = cs.valueAndGrad(f)({ map, states });
  return [value, aux.count, aux.perToken, aux.correct, ...cs.tensors.leaves(grad as Tree<Tensor>)];
};

for (const [name, map] of Object.entries(maps)) {
  for (const blocks of [2, 3, 4, 23, 40]) {
    test(`${name}, ${blocks} blocks: equal to all logits at once`, () => {
      const bindings = bindingsOf(map, plain), all = cs.interpret(rootsOf(map, 1), bindings);
      cs.interpret(rootsOf(map, blocks), bindings).forEach((value, i) =>
        near(`result ${i}`, value, all[i]!, { rtol: 1e-12, atol: 1e-14 })
      );
    });
  }
}

test("weights of labels, no label that counts, and logits of 1e4 apart", () => {
  const map = maps["a bias"]!, weights = cs.input("weights", N);
  const same = (bindings: cs.Bindings) => {
    const [all, some] = [1, 4].map((blocks) => cs.interpret(rootsOf(map, blocks, weights), bindings));
    some!.forEach((value, i) => near(`result ${i}`, value, all![i]!, { rtol: 1e-12, atol: 1e-14 }));
  };
  const given = { ...bindingsOf(map, plain), weights: floats("weights", N) };
  same(given);
  same({ ...given, labels: cs.i32(N, N.flatMap(() => [-100, 23, -1, -100, 99])) });
  same({ ...given, b: cs.f32([V], Array.from({ length: V }, (_, i) => i % 3 === 0 ? 1e4 : -1e4)) });
});

test("nothing of the size of tokens times classes is computed but block by block", () => {
  const [value] = rootsOf({ weight }, 4), grads = rootsOf({ weight }, 4).slice(4);
  const sizes = cs.topological(cs.simplify([value!, ...grads])).map((t) => cs.sizeOf(t.shape));
  assert.not(sizes.includes(10 * V));
});

test("equals among logits: the first is the answer, across blocks too", () => {
  const map = { weight: cs.input("w", [V, D]) };
  const bindings = {
    x: cs.f32([...N, D], new Float32Array(60).fill(1)),
    w: cs.f32([V, D], new Float32Array(V * D)),
  };
  for (const label of [0, 1, 22]) {
    const given = { ...bindings, labels: cs.i32(N, new Array(10).fill(label)) };
    const [, , , correct] = cs.interpret(rootsOf(map, 4), given);
    assert.ok(correct!.data.every((c) => c === (label === 0 ? 1 : 0)), `label ${label}`);
  }
});

test("mixed precision: within roundings of f16", () => {
  const map = maps["a weight"]!;
  const f = (blocks: number) => (p: Params) =>
    cs.linearCrossEntropy(p.map, p.states, labels, cs.IGNORED, blocks).mean;
  const all = (blocks: number) => {
    const { value, grad } = cs.valueAndGrad(cs.mixed({})(f(blocks)))({ map, states });
    return cs.interpret([value, grad.map.weight, grad.states], bindingsOf(map, plain));
  };
  const exact = all(1);
  all(4).forEach((value, i) => {
    const { worst, scale } = difference(value.data, exact[i]!.data);
    assert.ok(worst < 2 ** -9 * scale, `result ${i} is off by ${worst} of ${scale}`);
  });
});

test("labels of other axes are refused as for logits", () => {
  assert.throws(
    () => cs.linearCrossEntropy({ weight }, states, cs.input("l", [5, 2], "i32"), cs.IGNORED, 4),
    /crossEntropy: got logits \[2, 5, 23\] with labels \[5, 2\]/,
  );
});

test.run();
