/** Training a vision-language model on stored features: what pre-training and fine-tuning have in common. */
import {
  adamw,
  cast,
  crossEntropy,
  div,
  equal,
  input,
  maximum,
  type NdArray,
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
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import type { DataConfig } from "../data/config.ts";
import type { Scene } from "../data/record.ts";
import { hashOf } from "../runs/hash.ts";
import { batchAt, type BatchError, batchOf } from "../text/batch.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureSet, gatherFeatures } from "../train/features.ts";
import type { Precision } from "../train/precision.ts";
import { type TextConfig, trainingRow } from "../train/rows.ts";
import type { Training, TrainingPlaces } from "../train/training.ts";
import { type ModelConfig, modelOf, type ModelState } from "./model.ts";

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
}

const natural = t.refinement(t.number, (n) => Number.isInteger(n) && n > 0, "an integer above 0");
const amount = t.refinement(t.number, (n) => Number.isFinite(n) && n >= 0, "a number of at least 0");
const languageType = t.exact(t.intersection([
  t.type({
    steps: natural,
    batch: natural,
    rate: amount,
    warmup: amount,
    weightDecay: amount,
    maxNorm: t.refinement(t.number, (n) => n > 0, "a number above 0"),
    trainable: t.readonlyArray(t.string),
    every: natural,
  }),
  t.partial({ precision: t.keyof({ f32: null, mixed: null }) }),
]));

/** Codec of {@link LanguageConfig}. */
export const languageCodec = (): t.Type<LanguageConfig, unknown, unknown> =>
  languageType as unknown as t.Type<LanguageConfig, unknown, unknown>;

/** What models of a run learn from at one resolution. */
export interface LanguageData {
  /** The scenes. */
  readonly scenes: readonly Scene[];
  /** Their features. */
  readonly features: FeatureSet;
  /** How scenes and questions are made. */
  readonly data: DataConfig;
  /** How rows are made. */
  readonly text: TextConfig;
  /** The encoding. */
  readonly tokenizer: Tokenizer;
}

/** One stage of one arm. */
export interface LanguageStage {
  /** Name of the stage in the run. */
  readonly name: string;
  /** How it trains. */
  readonly config: LanguageConfig;
  /** The model behind the bridge. */
  readonly model: ModelConfig;
  /** What it learns from. */
  readonly data: LanguageData;
  /** Key of the order of examples. */
  readonly seed: number;
}

/** Rows of an embedding for an encoding: a multiple of 8. */
export const vocabularyOf = (tokenizer: Tokenizer): number => Math.ceil(tokenizer.size / 8) * 8;

/** The batch of a step as inputs. */
export const languageInputs = (
  { cells, width }: FeatureSet,
  levels: number,
  batch: number,
  length: number,
): VisionLanguageBatch => ({
  features: Array.from({ length: levels }, (_, i) => input(`features.${i}`, [batch, cells, width])),
  ids: input("ids", [batch, length], "i32"),
  labels: input("labels", [batch, length], "i32"),
});

/** Whether a path is trained. */
export const trainedBy = (config: LanguageConfig): PathPredicate => under(...config.trainable);

/** Hash of all that decides the numbers of a stage. */
export const languageIdentity = (stage: LanguageStage, given: ModelState): string => {
  // what f32 trainings were known by before they could be anything else stays
  const { every: _every, precision = "f32", ...others } = stage.config;
  const config = precision === "f32" ? others : { ...others, precision };
  const { data, text, features, tokenizer } = stage.data;
  return hashOf({
    stage: stage.name,
    from: given.identity,
    bridge: given.bridge,
    model: stage.model,
    config,
    seed: stage.seed,
    data,
    text,
    features: features.key,
    vocabulary: tokenizer.json,
  });
};

/**
 * Share of right answers among the labels `yes` and `no`, `[]`: whether a model looks at its pictures shows there long
 * before it shows in the loss. The logits are those of the loss; describing them again costs nothing.
 */
export const presenceAccuracy = (
  model: VisionLanguage,
  tokenizer: Tokenizer,
): (params: Tree<Tensor>, batch: VisionLanguageBatch) => Tensor =>
(params: Tree<Tensor>, batch: VisionLanguageBatch): Tensor => {
  const [yes, no] = ["yes", "no"].map((word) => tokenizer.encode(word)[0] ?? tokenizer.unk) as [
    number,
    number,
  ];
  const asked = or(equal(batch.labels, yes), equal(batch.labels, no));
  const { correct } = crossEntropy(model.logits(params, batch, batch.ids), batch.labels);
  return div(sum()(select(asked, correct, 0)), maximum(sum()(cast("f32")(asked)), 1));
};

/** The training of a stage from a model's state. */
export const languageTraining = (
  stage: LanguageStage,
  given: ModelState,
  places: TrainingPlaces,
): Training<VisionLanguageBatch, BatchError> => {
  const { config, data } = stage, { scenes, features, text, tokenizer } = data;
  const model = modelOf(stage.model, vocabularyOf(tokenizer), given.bridge);
  const order = batchAt(stage.seed, scenes.length, config.batch);
  const arraysAt = (step: number): E.Either<BatchError, Readonly<Record<string, NdArray>>> => {
    const examples = order(step);
    const rows = examples.map(({ index, epoch }) =>
      trainingRow(tokenizer, scenes[index]!, data.data, text, epoch)
    );
    return E.map((batch: { readonly ids: NdArray; readonly labels: NdArray }) => ({
      ...Object.fromEntries(
        gatherFeatures(features, examples.map((e) => e.index)).map((level, i) => [`features.${i}`, level]),
      ),
      ids: batch.ids,
      labels: batch.labels,
    }))(batchOf(rows));
  };
  return {
    stage: stage.name,
    identity: languageIdentity(stage, given),
    specs: model.specs as Tree<ParameterSpec>,
    initial: given.params,
    batch: languageInputs(features, features.levels.length, config.batch, text.length),
    loss: (params, batch) => {
      const [loss, metrics] = model.loss(params, batch);
      return [loss, { ...metrics, presence: presenceAccuracy(model, tokenizer)(params, batch) }];
    },
    batchAt: (step) =>
      Effect.suspend(() => {
        const made = arraysAt(step);
        return E.isLeft(made) ? Effect.fail(made.left) : Effect.succeed(made.right);
      }),
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
    total: config.steps,
    work: { amount: config.batch * (model.visualTokens + text.length), unit: "tokens" },
    places,
  };
};
