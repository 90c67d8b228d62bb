/** Operations of the trainings of an experiment, from their descriptions alone. Pure. */
import {
  costOf,
  type ParameterSpec,
  placeholders,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  type VisionLanguageBatch,
  warmupCosine,
} from "@chain-of-sight/core";
import { hashOf } from "../base/hash.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import { optimiserOf, trainedBy } from "../stages/language_config.ts";
import { modelOf, viewsRead } from "../stages/model.ts";
import { vocabularyOf } from "../stages/scene_source.ts";
import { sourceInputs } from "../stages/source.ts";
import { cellsOf, visionTower } from "../vision/tower.ts";
import { bridgeAfter, type Experiment } from "./experiment.ts";

/** Work of one training. */
export interface Work {
  /** Visual tokens of a picture. */
  readonly visualTokens: number;
  /** Operations of a step, forward, backward and update; a multiplication with an addition is two. */
  readonly flops: number;
}

const known = new Map<string, Work>(), vocabularies = new Map<string, number>();

const remembered = <A>(memory: Map<string, A>, key: string, make: () => A): A => {
  const value = memory.get(key) ?? make();
  memory.set(key, value);
  return value;
};

/** Rows of the embedding of an experiment. */
const vocabularyOfExperiment = (e: Pick<Experiment, "data" | "vocabulary">): number =>
  remembered(vocabularies, hashOf([e.data, e.vocabulary]), () => vocabularyOf(tokenizerFor(e)));

/** Work of a step of pre-training or fine-tuning. Throws ConfigError for an arm that does not fit. */
export const workOf = (e: Experiment, stage: "pretrain" | "finetune"): Work => {
  const vocabulary = vocabularyOfExperiment(e), config = e[stage], { length } = e.text[stage];
  const bridge = bridgeAfter(e, stage);
  const { batch, maxNorm } = config;
  return remembered(known, hashOf({ vocabulary, config, length, bridge, model: e.model }), () => {
    const model = modelOf(e.model, vocabulary, bridge), trainable = trainedBy(config);
    const { optimiser } = optimiserOf(config, model.specs as Tree<ParameterSpec>);
    const cells = cellsOf(viewsRead(bridge)), { width } = visionTower.config;
    const inputs = sourceInputs(
      { sight: { kind: "features", levels: visionTower.levels.length, cells, width }, length },
      batch,
    );
    const state = placeholders("work", trainStateSpecs(optimiser, model.specs, trainable));
    const step = trainStep<VisionLanguageBatch>({
      loss: model.loss,
      optimiser,
      schedule: warmupCosine({ peak: 1, warmup: 1, total: 2 }),
      maxNorm,
      trainable,
    })(state as TrainState<Tensor>, inputs);
    const results = tensors.leaves({ state: step.state, loss: step.metrics.loss } as Tree<Tensor>);
    return { visualTokens: model.visualTokens, flops: costOf(results).flops };
  });
};
