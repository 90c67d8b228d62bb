/** Training a vision-language model: what pre-training and fine-tuning have in common. */
import {
  adamw,
  cast,
  constant,
  crossEntropy,
  div,
  equal,
  maximum,
  or,
  type ParameterSpec,
  type PathPredicate,
  select,
  sum,
  type Tensor,
  type Tree,
  under,
  type VisionLanguage,
  type VisionLanguageBatch,
  warmupCosine,
} from "@chain-of-sight/core";
import * as t from "io-ts";
import { amount, batchSize, natural, positive } from "../base/numbers.ts";
import { hashOf } from "../base/hash.ts";
import { blocksOf, type Precision, type RematRegion } from "../train/precision.ts";
import type { OnNonFinite, Training, TrainingPlaces } from "../train/training.ts";
import { type ModelConfig, modelOf, type ModelState, type PlacedBridge, seeingModelOf } from "./model.ts";
import { type LanguageSource, sourceInputs } from "./source.ts";

/** How a stage trains. */
export interface LanguageConfig {
  /** Optimiser steps. */
  readonly steps: number;
  /** Rows of a step. */
  readonly batch: number;
  /** Highest learning rate. */
  readonly rate: number;
  /** Steps of warm-up. */
  readonly warmup: number;
  /** Decay of the weights. */
  readonly weightDecay: number;
  /** Greatest norm of the gradients. */
  readonly maxNorm: number;
  /** What is trained: prefixes of parameter paths. */
  readonly trainable: readonly string[];
  /** Steps between checkpoints. */
  readonly every: number;
  /** Element types; f32 by default. */
  readonly precision?: Precision;
  /** Frozen parameters that mixed precision stores as f32: prefixes of paths; by default none, and they are f16. */
  readonly storeF32?: readonly string[];
  /** Blocks that the backward pass recomputes, which takes less memory and more time; none by default. */
  readonly remat?: readonly RematRegion[];
  /** What becomes of a step that is not finite; `stop` by default. */
  readonly onNonFinite?: OnNonFinite;
  /** Micro-batches of a step, whose gradients are added (gradient accumulation); 1 by default. Divides `batch`. */
  readonly micro?: number;
}

const fieldsType = t.exact(t.intersection([
  t.type({
    steps: natural,
    batch: batchSize,
    rate: amount,
    warmup: amount,
    weightDecay: amount,
    maxNorm: positive,
    trainable: t.readonlyArray(t.string),
    every: natural,
  }),
  t.partial({
    precision: t.keyof({ f32: null, mixed: null }),
    storeF32: t.readonlyArray(t.string),
    remat: t.readonlyArray(t.keyof({ vision: null, decoder: null })),
    onNonFinite: t.keyof({ stop: null, skip: null }),
    micro: natural,
  }),
]));
const languageType = t.refinement(
  fieldsType,
  ({ batch, micro = 1 }) => batch % micro === 0,
  "a number of micro-batches that divides the batch",
);

/** Codec of {@link LanguageConfig}. */
export const languageCodec = (): t.Type<LanguageConfig, unknown, unknown> =>
  languageType as unknown as t.Type<LanguageConfig, unknown, unknown>;

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

/** Whether a path is trained. */
export const trainedBy = (config: LanguageConfig): PathPredicate => under(...config.trainable);

/** Hash of all that decides the numbers of a stage. */
export const languageIdentity = <E, R>(stage: LanguageStage<E, R>, given: ModelState): string => {
  // what f32 trainings were known by before they could be anything else stays
  const { every: _every, precision = "f32", onNonFinite = "stop", micro = 1, ...others } = stage.config;
  const config = {
    ...others,
    ...(precision === "f32" ? {} : { precision, frozen: "f16" }),
    ...(onNonFinite === "stop" ? {} : { onNonFinite }),
    ...(micro === 1 ? {} : { micro }),
  };
  return hashOf({
    stage: stage.name,
    from: given.identity,
    bridge: given.bridge,
    model: stage.model,
    config,
    seed: stage.seed,
    ...stage.source.identity,
  });
};

/**
 * Share of right answers among the labels `yes` and `no`, `[]`: whether a model looks at its pictures shows there long
 * before it shows in the loss. The logits are those of the loss; describing them again costs nothing.
 */
export const presenceAccuracy = (
  model: VisionLanguage,
  { yes, no }: LanguageSource["words"],
): (params: Tree<Tensor>, batch: VisionLanguageBatch) => Tensor =>
(params: Tree<Tensor>, batch: VisionLanguageBatch): Tensor => {
  const asked = or(equal(batch.labels, yes), equal(batch.labels, no));
  const { correct } = crossEntropy(model.logits(params, batch, batch.ids), batch.labels);
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

/** The training of a stage from a model's state. */
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
    optimiser: adamw({ weightDecay: config.weightDecay, betas: [0.9, 0.98] }),
    schedule: warmupCosine({
      peak: config.rate,
      warmup: config.warmup,
      total: config.steps,
      floor: config.rate / 50,
    }),
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
