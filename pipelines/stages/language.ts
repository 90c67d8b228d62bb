/** Training a vision-language model: what pre-training and fine-tuning have in common. */
import {
  cast,
  constant,
  div,
  equal,
  maximum,
  or,
  type ParameterSpec,
  select,
  sum,
  type Tensor,
  type Tree,
  under,
  type VisionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import { hashOf } from "../base/hash.ts";
import { blocksOf } from "../train/precision.ts";
import type { Training, TrainingPlaces } from "../train/training.ts";
import { decidingFields, type LanguageConfig, optimiserOf, trainedBy } from "./language_config.ts";
import { type ModelConfig, modelOf, type ModelState, type PlacedBridge, seeingModelOf } from "./model.ts";
import { type LanguageSource, sourceInputs } from "./source.ts";

/** One stage of one arm. */
export interface LanguageStage<E = never, R = never> {
  /** Name of the stage in the run. */
  readonly name: string;
  /** How it trains. */
  readonly config: LanguageConfig;
  /** The model behind the bridge. */
  readonly model: ModelConfig;
  /** What it learns from. */
  readonly source: LanguageSource<E, R>;
  /** Key of the order of examples. */
  readonly seed: number;
}

/** Hash of all that decides the numbers of a stage. */
export const languageIdentity = <E, R>(stage: LanguageStage<E, R>, given: ModelState): string =>
  hashOf({
    stage: stage.name,
    from: given.identity,
    bridge: given.bridge,
    model: stage.model,
    config: decidingFields(stage.config),
    seed: stage.seed,
    ...stage.source.identity,
  });

/**
 * Share of right answers among the labels `yes` and `no`, `[]`: whether a model looks at its pictures shows there long
 * before it shows in the loss. The answers are those of the loss; describing them again costs nothing.
 */
export const presenceAccuracy = (
  model: VisionLanguage,
  { yes, no }: LanguageSource["words"],
): (params: Tree<Tensor>, batch: VisionLanguageBatch) => Tensor =>
(params: Tree<Tensor>, batch: VisionLanguageBatch): Tensor => {
  const asked = or(equal(batch.labels, yes), equal(batch.labels, no));
  const { correct } = model.entropy(params, batch);
  return div(sum()(select(asked, correct, 0)), maximum(sum()(cast("f32")(asked)), 1));
};

/** The model that a stage trains: with the encoder where its source gives pictures. */
export const stageModel = <E, R>(
  { model, source }: Pick<LanguageStage<E, R>, "model" | "source">,
  bridge: PlacedBridge,
): VisionLanguage =>
  source.sight.kind === "pictures"
    ? seeingModelOf(model, source.vocabulary, bridge)
    : modelOf(model, source.vocabulary, bridge);

/** The training of a stage from a model's state. Throws a ConfigError for groups that do not fit. */
export const languageTraining = <E, R>(
  stage: LanguageStage<E, R>,
  given: ModelState,
  places: TrainingPlaces,
): Training<VisionLanguageBatch, E, R> => {
  const { config, source } = stage, model = stageModel(stage, given.bridge);
  const { micro = 1 } = config, rows = config.batch / micro;
  const { buckets = [] } = source,
    work = (tokens: number): number => config.batch * (model.visualTokens + tokens);
  return {
    stage: stage.name,
    identity: languageIdentity(stage, given),
    specs: model.specs as Tree<ParameterSpec>,
    initial: given.params,
    batch: sourceInputs(source, rows),
    ...(buckets.length === 0 ? {} : {
      others: buckets.map((tokens) => ({
        batch: sourceInputs(source, rows, tokens),
        amount: work(tokens),
      })),
    }),
    loss: (params, batch) => {
      const [loss, metrics] = model.loss(params, batch);
      const presence = presenceAccuracy(model, source.words)(params, batch);
      const length = buckets.length === 0 ? {} : { length: constant(batch.ids.shape[1]!) };
      return [loss, { ...metrics, presence, ...length }];
    },
    batchAt: source.batches(stage.seed, config.batch),
    trainable: trainedBy(config),
    ...optimiserOf(config, model.specs as Tree<ParameterSpec>),
    maxNorm: config.maxNorm,
    ...(config.precision === undefined ? {} : { precision: config.precision }),
    ...(config.storeF32 === undefined ? {} : { half: (path) => !under(...config.storeF32!)(path) }),
    ...(config.remat === undefined ? {} : { remat: blocksOf(config.remat) }),
    ...(config.onNonFinite === undefined ? {} : { onNonFinite: config.onNonFinite }),
    ...(micro === 1 ? {} : { micro: { count: micro, weight: "tokens" } }),
    total: config.steps,
    work: { amount: work(source.length), unit: "tokens" },
    places,
  };
};
