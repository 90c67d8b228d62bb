/** The step as the composition of gradient and update, and gradients of micro-batches that add up to those of one batch. */
import * as cs from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { additionsOf } from "../../pipelines/train/micro_batches.ts";

interface Batch {
  readonly x: cs.Tensor;
  readonly labels: cs.Tensor;
}

const specs = {
  first: cs.linearSpecs({ from: 3, to: 5, std: 0.5 }),
  last: cs.linearSpecs({ from: 5, to: 4, std: 0.5 }),
};

const loss = (params: cs.Tree<cs.Tensor>, { x, labels }: Batch) => {
  const { first, last } = cs.fit("model", specs, params);
  const { mean, count } = cs.crossEntropy(cs.linear(last)(cs.tanh(cs.linear(first)(x))), labels);
  return [mean, { tokens: count, doubled: cs.mul(mean, 2) }] as const;
};

const config = (more: Partial<cs.TrainStepConfig<Batch>> = {}): cs.TrainStepConfig<Batch> => ({
  loss,
  optimiser: cs.adamw({}),
  schedule: cs.constantLearningRate(0.1),
  maxNorm: 0.05,
  ...more,
});

const batchOf = (rows: number, name = ""): Batch => ({
  x: cs.input(`x${name}`, [rows, 3]),
  labels: cs.input(`labels${name}`, [rows], "i32"),
});

const stateOf = (scaled?: cs.StatePrecision): cs.TrainState<cs.Tensor> =>
  cs.placeholders(
    "state",
    cs.trainStateSpecs(cs.adamw({}), specs as cs.Tree<cs.ParameterSpec>, undefined, scaled),
  ) as cs.TrainState<cs.Tensor>;

const start = (scaled?: cs.StatePrecision) =>
  cs.bindingsOf(
    "state",
    cs.startTraining(
      cs.adamw({}),
      cs.initialise([1, 2], specs as cs.Tree<cs.ParameterSpec>),
      undefined,
      scaled,
    ) as cs.Tree<cs.NdArray>,
  );

const X = Array.from({ length: 24 }, (_, i) => Math.sin(3 * i + 1));
// the rows of micro-batches have 1, 2, 0 and 2 labels
const LABELS = [3, -1, 0, 1, -1, -1, 2, 3];

const leavesOf = ({ state, metrics }: cs.StepResult) =>
  cs.tensors.entries({ state, metrics } as unknown as cs.Tree<cs.Tensor>);

test("the step is the composition of its gradient and its update: the same nodes", () => {
  for (const more of [{}, { scaling: cs.unscaled }, { weight: "tokens" }, { maxNorm: 1e9 }]) {
    const settings = config(more), state = stateOf("scaling" in more ? { scaling: cs.unscaled } : undefined);
    const whole = cs.trainStep(settings)(state, batchOf(8));
    const composed = cs.updateOf(settings)(state, cs.gradientOf(settings)(state, batchOf(8)));
    const parts = leavesOf(composed);
    assert.ok(parts.length > 10);
    leavesOf(whole).forEach(([path, t], i) => assert.is(t, parts[i]![1], path));
  }
});

const split = (count: number, settings: cs.TrainStepConfig<Batch>, state: cs.TrainState<cs.Tensor>) => {
  const rows = 8 / count, stored = new Map<number, cs.Gradients<cs.Tensor>>();
  let sum: cs.Gradients<cs.Tensor> | undefined;
  additionsOf(count).forEach(({ merge, hold }, i) => {
    sum = cs.gradientOf(settings)(state, batchOf(rows, `.${i}`));
    for (const level of merge) sum = cs.addGradients(stored.get(level)!, sum);
    if (hold !== undefined) stored.set(hold, sum);
  });
  return cs.updateOf(settings)(state, sum!);
};

const inputsOf = (count: number, x: readonly number[] = X) => {
  const rows = 8 / count;
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      [`x.${i}`, cs.f32([rows, 3], x.slice(i * rows * 3, (i + 1) * rows * 3))],
      [`labels.${i}`, cs.i32([rows], LABELS.slice(i * rows, (i + 1) * rows))],
    ]).flat(),
  );
};

test("micro-batches with different numbers of labels give the step of one batch", () => {
  const state = stateOf(), values = start();
  const whole = leavesOf(cs.trainStep(config())(state, batchOf(8)));
  const right = cs.interpret(whole.map(([, t]) => t), {
    ...values,
    x: cs.f32([8, 3], X),
    labels: cs.i32([8], LABELS),
  });
  for (const count of [2, 4, 8]) {
    const parts = new Map(leavesOf(split(count, config({ weight: "tokens" }), state)));
    const got = cs.interpret(whole.map(([path]) => parts.get(path)!), { ...values, ...inputsOf(count) });
    whole.forEach(([path], i) =>
      right[i]!.data.forEach((v, k) =>
        assert.ok(Math.abs(got[i]!.data[k]! - v) <= 2e-6 * Math.max(1, Math.abs(v)), `${count}: ${path}`)
      )
    );
  }
});

test("the mean of micro-batch means is another number: weights are needed", () => {
  const state = stateOf(), values = { ...start(), ...inputsOf(4) };
  const weighed = split(4, config({ weight: "tokens" }), state).metrics.loss;
  const means = [0, 1, 2, 3].map((i) => loss(state.params, batchOf(2, `.${i}`))[0]);
  const [right, ...others] = cs.interpret([weighed, ...means], values).map(({ data }) => data[0]!);
  assert.ok(Math.abs(others.reduce((a, b) => a + b) / 4 - right!) > 0.05);
});

test("one micro-batch that overflows leaves the whole step out", () => {
  const scaled = { scaling: cs.unscaled }, settings = config({ ...scaled, weight: "tokens" });
  const state = stateOf(scaled), { state: next, metrics } = split(4, settings, state);
  const param = (next.params as unknown as { first: { weight: cs.Tensor } }).first.weight;
  const values = start(scaled), broken = X.map((v, i) => i === 9 ? Infinity : v);
  const [moved, skipped] = cs.interpret([param, metrics.skipped!], { ...values, ...inputsOf(4) });
  assert.is(skipped!.data[0], 0);
  assert.not.equal([...moved!.data], [...values["state.params.first.weight"]!.data]);
  const [kept, left] = cs.interpret([param, metrics.skipped!], { ...values, ...inputsOf(4, broken) });
  assert.is(left!.data[0], 1);
  assert.equal([...kept!.data], [...values["state.params.first.weight"]!.data]);
});

test("a weight that the loss does not return is refused by name", () => {
  assert.throws(
    () => cs.gradientOf(config({ weight: "rows" }))(stateOf(), batchOf(8)),
    /tokens, doubled[\s\S]*rows/,
  );
});

/** The tree of sums over micro-batches from `first` on, as nested pairs; every level stores one sum at a time. */
const treeOf = (count: number, first = 0): string => {
  const stored = new Map<number, string>();
  let sum = "";
  additionsOf(count).forEach(({ merge, hold }, i) => {
    sum = `${first + i}`;
    for (const level of merge) {
      sum = `(${stored.get(level)}+${sum})`;
      stored.delete(level);
    }
    if (hold === undefined) return;
    assert.not.ok(stored.has(hold), `${count}: level ${hold} is free`);
    assert.ok(hold < Math.ceil(Math.log2(count)), `${count}: ${hold} levels`);
    stored.set(hold, sum);
  });
  assert.is(stored.size, 0);
  return sum;
};

test("additions are a balanced tree, and those of equal parts are its upper levels", () => {
  assert.is(treeOf(4), "((0+1)+(2+3))");
  for (let count = 1; count <= 40; count++) {
    assert.equal(treeOf(count).match(/\d+/g)!.map(Number), Array.from({ length: count }, (_, i) => i));
    for (let ranks = 2; count % ranks === 0; ranks *= 2) {
      const part = count / ranks;
      let parts = Array.from({ length: ranks }, (_, r) => treeOf(part, r * part));
      while (parts.length > 1) {
        parts = parts.flatMap((a, i) => i % 2 === 0 ? [`(${a}+${parts[i + 1]})`] : []);
      }
      assert.is(parts[0], treeOf(count), `${count} micro-batches on ${ranks} ranks`);
    }
  }
});

test.run();
