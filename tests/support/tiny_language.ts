/** A language stage of a few parameters on features and words that repeat. */
import { f32, i32, type NdArray } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { rngOf } from "../../pipelines/base/rng.ts";
import type { LanguageConfig } from "../../pipelines/stages/language_config.ts";
import { type LanguageStage, languageTraining } from "../../pipelines/stages/language.ts";
import { type ModelState, partsOf } from "../../pipelines/stages/model.ts";
import { freshArm } from "./fresh_arm.ts";
import type { LanguageSource } from "../../pipelines/stages/source.ts";
import { microBatchesOf } from "../../pipelines/train/micro_batches.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";

/** Progress that nobody sees. */
export const quiet: ProgressSink = {
  isTerminal: () => false,
  width: () => 80,
  write: () => {},
  now: () => 0,
};

const vocabulary = 24, length = 6, cells = 64, width = 128;
const model = { width: 16, layers: 1, heads: 2, ff: 32, bridgeHeads: 2, init: 0.09 };
const arm = { name: "a", bridge: { kind: "resampler", queries: 4, levels: 2 }, expansion: null } as const;

/** Rows whose words follow from a seed and the step; `failing` decides at which step there is none. */
const source = <E = never>(
  failing: (step: number) => E | undefined = () => undefined,
): LanguageSource<E> => ({
  identity: { rows: "random" },
  visionInput: { kind: "features", levels: 2, cells, width },
  length,
  vocabulary,
  words: { yes: 1, no: 2 },
  batches: (seed, size) => (step, part) => {
    const error = failing(step), rng = rngOf("tiny", seed, step);
    if (error !== undefined) return Effect.fail(error);
    const level = (): NdArray =>
      f32([size, cells, width], Array.from({ length: size * cells * width }, () => rng.range(-1, 1)));
    const ids = Array.from({ length: size * length }, (_, i) => (i * 5 + rng.below(3)) % vocabulary);
    const labels = ids.map((id, i) => i % length === 0 ? -100 : id);
    const whole = {
      "features.0": level(),
      "features.1": level(),
      ids: i32([size, length], ids),
      labels: i32([size, length], labels),
    };
    return Effect.succeed(part === undefined ? whole : microBatchesOf(whole, part.of)[part.index]!);
  },
});

/** The stage's parts. */
export const tinyLanguage = {
  vocabulary,
  model,
  arm,
  source,
  /** Its training, which writes to a folder. */
  training: <E = never>(
    config: LanguageConfig,
    folder = "nowhere",
    from: LanguageSource<E> = source(),
    more: Partial<LanguageStage<E>> = {},
    given: ModelState = freshArm(arm, model, vocabulary, 1),
  ) =>
    languageTraining(
      { name: "tiny", config, model: partsOf(model, vocabulary), source: from, seed: 3, ...more },
      given,
      {
        checkpoint: `${folder}/c.safetensors`,
        metrics: `${folder}/m.jsonl`,
        every: config.every,
        sink: quiet,
      },
    ),
};
