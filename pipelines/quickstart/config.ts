/** The complete configuration of a quickstart: what is made, trained, and asked. */
import * as t from "io-ts";
import { type DataConfig, dataConfigCodec } from "../data/config.ts";
import type { QuestionKind } from "../data/tasks.ts";
import type { EvaluateConfig } from "../stages/evaluate.ts";
import { languageCodec, type LanguageConfig } from "../stages/language.ts";
import { type Arm, armCodec, modelCodec, type ModelConfig } from "../stages/model.ts";
import type { TextConfig } from "../train/rows.ts";

/** How large a quickstart is. */
export type Scale = "micro" | "software" | "gpu";

/** Every scale, the smallest first. */
export const scales: readonly Scale[] = ["micro", "software", "gpu"];

/** Everything that decides a quickstart. */
export interface QuickstartConfig {
  /** The preset that it was derived from. */
  readonly scale: Scale;
  /** Key of initial weights and of the order of examples. */
  readonly seed: number;
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
  /** The rivals; the first is the one that times are relative to. */
  readonly arms: readonly Arm[];
}

const natural = t.refinement(t.number, (n) => Number.isInteger(n) && n > 0, "an integer above 0");
const whole = t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0, "an integer of at least 0");
const turns: Record<QuestionKind, typeof whole> = {
  caption: whole,
  presence: whole,
  count: whole,
  refer: whole,
};

const text = t.strict({ length: natural, turns: t.strict(turns) });

const codec = t.strict({
  scale: t.keyof({ micro: null, software: null, gpu: null }),
  seed: whole,
  data: dataConfigCodec(),
  scenes: t.strict({ pretrain: natural, finetune: natural, eval: natural }),
  vision: t.strict({ steps: whole, batch: t.readonly(t.tuple([natural, natural])), scenes: natural }),
  model: modelCodec(),
  vocabulary: natural,
  text: t.strict({ pretrain: text, finetune: text }),
  featureBatch: natural,
  pretrain: languageCodec(),
  finetune: languageCodec(),
  evaluate: t.strict({ batch: natural, resamples: natural, seed: whole, samples: natural }),
  arms: t.refinement(
    t.readonlyArray(armCodec()),
    (arms) => arms.length > 0 && new Set(arms.map((a) => a.name)).size === arms.length,
    "one arm or more, with different names",
  ),
});

/** Codec of {@link QuickstartConfig}; it takes complete configurations only. */
export const quickstartCodec = (): t.Type<QuickstartConfig, unknown, unknown> =>
  codec as unknown as t.Type<QuickstartConfig, unknown, unknown>;
