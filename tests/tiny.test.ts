/** The first thing to pass: a model is described, differentiated, trained for a few steps and gets better. */
import {
  adamw,
  bindingsOf,
  chainOfSight,
  constantLearningRate,
  initialise,
  input,
  interpret,
  layoutOf,
  type NdArray,
  placeholders,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  visionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { floats, integers } from "./support/random.ts";

test("a tiny vision-language model learns its batch", () => {
  const model = visionLanguage({
    bridge: chainOfSight({ layout: layoutOf(56, 14, [4, 2], [2, 1]), width: 8, to: 16, heads: 2 }),
    decoder: { vocabulary: 11, width: 16, layers: 1, heads: 2, ff: 24 },
  });
  assert.is(model.visualTokens, 6);
  const optimiser = adamw();
  const step = trainStep<VisionLanguageBatch>({
    loss: model.loss,
    optimiser,
    schedule: constantLearningRate(1e-2),
    maxNorm: 1,
  });
  const state = placeholders("state", trainStateSpecs(optimiser, model.specs)) as TrainState<Tensor>;
  const { state: next, metrics } = step(state, {
    features: [input("f0", [2, 16, 8]), input("f1", [2, 16, 8])],
    ids: input("ids", [2, 3], "i32"),
    labels: input("labels", [2, 3], "i32"),
  });
  const paths = tensors.entries(next as Tree<Tensor>).map(([path]) => `state.${path}`);
  const roots = [...tensors.leaves(next as Tree<Tensor>), metrics.loss];
  const ids = integers("ids", [2, 3], 0, 11);
  const batch = { f0: floats("f0", [2, 16, 8]), f1: floats("f1", [2, 16, 8]), ids, labels: ids };
  const params = initialise([1, 2], model.specs) as Tree<NdArray>;
  let values: Record<string, NdArray> = bindingsOf(
    "state",
    startTraining(optimiser, params) as Tree<NdArray>,
  );
  const losses = Array.from({ length: 12 }, () => {
    const out = interpret(roots, { ...values, ...batch });
    values = Object.fromEntries(paths.map((path, i) => [path, out[i]!]));
    return out.at(-1)!.data[0]!;
  });
  assert.ok(Math.abs(losses[0]! - Math.log(11)) < 0.2, `starts at the entropy of a guess: ${losses[0]}`);
  assert.ok(losses.at(-1)! < 0.7 * losses[0]!, `falls: ${losses.map((l) => l.toFixed(3)).join(" ")}`);
  assert.is(values["state.step"]!.data[0], 12);
});

test.run();
