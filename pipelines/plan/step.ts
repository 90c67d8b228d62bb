/**
 * The training step of a stage as the trainer makes it, from its description alone: no numbers, no device. The decoder is a
 * loop over its blocks, so that 32 of them are described and compiled as fast as two.
 */
import {
  type ParameterSpec,
  type Tree,
  type VisionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { NamedConfig, StageName } from "../configs/config.ts";
import { decoderOfConfig, modelOfStage } from "../configs/model.ts";
import { batchOfStage, stepOfStage } from "../configs/training.ts";
import { blocksOf, type Precision, type RematRegion } from "../train/precision.ts";
import { stepSource } from "../train/step_source.ts";
import type { Training } from "../train/training.ts";

/** The model of a stage whose decoder is a loop. Throws ConfigError. */
const loopedModel = (config: NamedConfig, stage: StageName): VisionLanguage =>
  modelOfStage(config, stage, { ...decoderOfConfig(config), scan: true });

/** How a step is computed on one device. */
export interface StepForm {
  /** Element types. */
  readonly precision: Precision;
  /** Regions whose blocks the backward pass recomputes, as a stage's configuration names them in `remat`. */
  readonly remat: readonly RematRegion[];
  /** Images at a time. */
  readonly images: number;
  /** Micro-batches of so many images whose gradients are added. */
  readonly micro: number;
}

/** The whole step of a stage for the compiler, as one program. Throws ConfigError. */
export const wholeStep = (config: NamedConfig, stage: StageName, form: Omit<StepForm, "micro">): Source =>
  stepSource(plannedTraining(config, stage, { ...form, micro: 1 })).source;

/** A stage's training without numbers, and its model. */
export interface PlannedTraining extends Training<VisionLanguageBatch> {
  /** The model that is trained. */
  readonly model: VisionLanguage;
}

/** The training of a stage. Throws ConfigError where the parts do not fit. */
export const plannedTraining = (
  config: NamedConfig,
  stage: StageName,
  { precision, remat, images, micro }: StepForm,
): PlannedTraining => {
  const model = loopedModel(config, stage), { steps } = config[stage];
  const { trainable, maxNorm, ...rule } = stepOfStage(config, stage);
  return {
    ...rule,
    stage,
    identity: config.name,
    model,
    specs: model.specs as Tree<ParameterSpec>,
    initial: {},
    batch: batchOfStage({ ...config, [stage]: { ...config[stage], batch: images } }, stage),
    ...(micro === 1 ? {} : { micro: { count: micro, weight: "tokens" } }),
    loss: model.loss,
    batchAt: () => Effect.succeed({}),
    trainable: trainable!,
    maxNorm: maxNorm!,
    precision,
    remat: blocksOf(remat),
    total: steps,
    work: { amount: images * micro, unit: "images" },
    places: { checkpoint: "", metrics: "", every: steps },
  };
};
