/** A fine-tuning of adapters alone: the base stays as it is, the loss falls, and the merged model is the trained one. */
import {
  adamw,
  type Adapters,
  bindingsOf,
  chainOfSight,
  decoderMaps,
  initialise,
  input,
  interpret,
  layoutOf,
  mergeLora,
  type NdArray,
  placeholders,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  under,
  visionLanguage,
  type VisionLanguageBatch,
  warmupCosine,
  withLora,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats, integers } from "../support/random.ts";
import type { MakeStepper } from "./suite.ts";

const STEPS = 12;
const ALPHA = 8;

const base = visionLanguage({
  bridge: chainOfSight({ layout: layoutOf(56, 14, [4, 2], [2, 1]), width: 8, to: 16, heads: 2 }),
  decoder: { vocabulary: 19, width: 16, layers: 2, heads: 2, ff: 24 },
});
const model = withLora(base, { rank: 4, alpha: ALPHA, when: decoderMaps });

const batch: VisionLanguageBatch = {
  features: [0, 1].map((l) => input(`features.${l}`, [2, 16, 8])),
  ids: input("ids", [2, 5], "i32"),
  labels: input("labels", [2, 5], "i32"),
};
const values = {
  "features.0": floats("f0", [2, 16, 8]),
  "features.1": floats("f1", [2, 16, 8]),
  ids: integers("ids", [2, 5], 0, 19),
  labels: integers("labels", [2, 5], 0, 19),
};

/** The suite for one evaluator; it runs at once. */
export const loraSuite = (name: string, make: MakeStepper): void => {
  const test = suite(`adapters trained, ${name}`);
  test(`${STEPS} steps`, async () => {
    const trainable = under("lora");
    const optimiser = adamw({ groups: [{ when: under("lora"), scale: 2 }] });
    const step = trainStep<VisionLanguageBatch>({
      loss: model.loss,
      optimiser,
      schedule: warmupCosine({ peak: 0.02, warmup: 2, total: STEPS }),
      maxNorm: 1,
      trainable,
    });
    const state = placeholders("s", trainStateSpecs(optimiser, model.specs, trainable)) as TrainState<Tensor>;
    const result = step(state, batch);
    const changed = tensors.entries(result.state as Tree<Tensor>).filter(([path, t]) =>
      tensors.flatten(state as Tree<Tensor>)[path] !== t
    );
    assert.ok(
      changed.every(([path]) => path === "step" || /^(params|opt\.[mv])\.lora\./.test(path)),
      "only adapters, their moments and the step are new",
    );
    const start = initialise([4, 2], model.specs) as Tree<NdArray>;
    const initial = bindingsOf("s", startTraining(optimiser, start, trainable) as Tree<NdArray>);
    const stepper = await make({
      next: Object.fromEntries(tensors.entries(result.state as Tree<Tensor>).map(([p, t]) => [`s.${p}`, t])),
      metrics: result.metrics,
      initial,
    });
    const losses: number[] = [];
    for (let t = 0; t < STEPS; t++) losses.push((await stepper.step(values))["loss"]!);
    assert.ok(losses.at(-1)! < 0.95 * losses[0]!, `loss ${losses[0]} to ${losses.at(-1)}`);

    const end = await stepper.state(), params = placeholders("s.params", model.specs) as Tree<Tensor>;
    let moved = 0;
    for (const [path, { data }] of Object.entries(initial).filter(([p]) => p.startsWith("s.params."))) {
      const same = data.every((x, i) => x === end[path]!.data[i]);
      if (path.startsWith("s.params.lora.")) moved += same ? 0 : 1;
      else assert.ok(same, `${path} is frozen`);
    }
    assert.is(moved, 2 * 2 * 7, "both factors of every map have moved");

    const { lora, ...rest } = params as unknown as { readonly lora: Adapters<Tensor> };
    const merged = mergeLora(rest as Tree<Tensor>, lora, ALPHA);
    const [adapted, plain] = interpret(
      [model.logits(params, batch, batch.ids), base.logits(merged, batch, batch.ids)],
      { ...end, ...values },
    );
    near("logits of the merged model", plain!, adapted!, { rtol: 1e-6, atol: 1e-9 });
  });
  test.run();
};
