/**
 * One run as a value: everything that decides its numbers on a given device, and nothing else. An ablation is a list of
 * these, derived from one base.
 */
import * as t from "io-ts";
import { type DataConfig, dataConfigCodec } from "../scenes/config.ts";
import type { EvaluateConfig } from "../stages/evaluate.ts";
import { languageCodec, type LanguageConfig } from "../stages/language_config.ts";
import {
  type Arm,
  armCodec,
  grownBridge,
  modelCodec,
  type ModelConfig,
  type PlacedBridge,
  smallBridge,
} from "../stages/model.ts";
import { type TextConfig, turnsCodec } from "../train/rows.ts";

/** What all runs of a comparison share. */
export interface ExperimentBase {
  /** How scenes are made. */
  readonly data: DataConfig;
  /** Scenes of each split. */
  readonly scenes: { readonly pretrain: number; readonly finetune: number; readonly eval: number };
  /** The vision stage: 0 steps take the shipped weights, more train the encoder here. */
  readonly vision: {
    /** Optimiser steps. */
    readonly steps: number;
    /** Pictures of a step at 112 px and at 224 px. */
    readonly batch: readonly [number, number];
    /** Training scenes. */
    readonly scenes: number;
  };
  /** The decoder. */
  readonly model: ModelConfig;
  /** Greatest size of the vocabulary. */
  readonly vocabulary: number;
  /** Rows of training text in either stage. */
  readonly text: { readonly pretrain: TextConfig; readonly finetune: TextConfig };
  /** Pictures per submit when features are computed, at 112 px; a quarter of them at 224 px. */
  readonly featureBatch: number;
  /** Pre-training. */
  readonly pretrain: LanguageConfig;
  /** Fine-tuning. */
  readonly finetune: LanguageConfig;
  /** Evaluation. */
  readonly evaluate: EvaluateConfig;
}

/** What experiments may have beside their base; what is absent is as it was before there was a choice. */
export interface ExperimentSetting {
  /** Side of the pictures of pre-training, pixels; 112 if absent. Growth multiplies it for fine-tuning and evaluation. */
  readonly resolution?: number;
  /** How scenes of pre-training are made; as all others if absent. */
  readonly pretrainData?: DataConfig;
  /** Scenes of the control split `large-objects`, about which evaluation asks as well; none if absent. */
  readonly largeObjects?: number;
}

/** One run: an arm and a seed on a base. */
export interface Experiment extends ExperimentBase, ExperimentSetting {
  /** The bridge, and how it grows. */
  readonly arm: Arm;
  /** Key of initial weights and of the order of examples. */
  readonly seed: number;
}

const natural = t.refinement(t.number, (n) => Number.isInteger(n) && n > 0, "an integer above 0");
const whole = t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0, "an integer of at least 0");
// a control asks each question about another scene
const several = t.refinement(t.number, (n) => Number.isInteger(n) && n > 1, "an integer above 1");
const text = t.strict({ length: natural, turns: turnsCodec });

const baseFields = {
  data: dataConfigCodec(),
  scenes: t.strict({ pretrain: natural, finetune: natural, eval: several }),
  vision: t.strict({ steps: whole, batch: t.readonly(t.tuple([natural, natural])), scenes: natural }),
  model: modelCodec(),
  vocabulary: natural,
  text: t.strict({ pretrain: text, finetune: text }),
  featureBatch: natural,
  pretrain: languageCodec(),
  finetune: languageCodec(),
  evaluate: t.strict({ batch: natural, resamples: natural, seed: whole, samples: natural }),
};

/** Codecs of the fields that a type has beside those of its base. */
type FieldsBeside<A, B> = {
  readonly [K in Exclude<keyof A, keyof B>]: t.Type<A[K], unknown, unknown>;
};

/** Codec of what extends {@link ExperimentBase} by some fields; it takes complete values only. */
export const baseAnd = <A extends ExperimentBase>(
  fields: FieldsBeside<A, ExperimentBase>,
): t.Type<A, unknown, unknown> =>
  t.strict({ ...baseFields, ...fields as unknown as t.Props }) as unknown as t.Type<A, unknown, unknown>;

/** As {@link baseAnd}, for what has an {@link ExperimentSetting} as well. */
export const settingAnd = <A extends ExperimentBase & ExperimentSetting>(
  fields: FieldsBeside<A, ExperimentBase & ExperimentSetting>,
): t.Type<A, unknown, unknown> =>
  t.exact(t.intersection([
    t.type({ ...baseFields, ...fields as unknown as t.Props }),
    t.partial({ resolution: natural, pretrainData: dataConfigCodec(), largeObjects: natural }),
  ])) as unknown as t.Type<A, unknown, unknown>;

const experimentType = settingAnd<Experiment>({
  arm: armCodec(),
  seed: whole as unknown as t.Type<number, unknown, unknown>,
});

/** Codec of {@link Experiment}; it takes complete configurations only. */
export const experimentCodec = (): t.Type<Experiment, unknown, unknown> => experimentType;

/** What a run of this form is decided by, with arm and seed left out. */
export const baseOf = (of: ExperimentBase): ExperimentBase => ({
  data: of.data,
  scenes: of.scenes,
  vision: of.vision,
  model: of.model,
  vocabulary: of.vocabulary,
  text: of.text,
  featureBatch: of.featureBatch,
  pretrain: of.pretrain,
  finetune: of.finetune,
  evaluate: of.evaluate,
});

/** The setting of what has one: absent fields stay absent, so that what is without them is known by the same hash. */
export const settingOf = (
  { resolution, pretrainData, largeObjects }: ExperimentSetting,
): ExperimentSetting => ({
  ...(resolution === undefined ? {} : { resolution }),
  ...(pretrainData === undefined ? {} : { pretrainData }),
  ...(largeObjects === undefined ? {} : { largeObjects }),
});

/** The bridge of an experiment in and after a stage. Throws ConfigError for an arm that does not fit. */
export const bridgeAfter = (
  { arm, model, resolution }: Pick<Experiment, "arm" | "model" | "resolution">,
  stage: "pretrain" | "expand" | "finetune",
): PlacedBridge => stage === "pretrain" ? smallBridge(arm, resolution) : grownBridge(arm, model, resolution);
