/** The step of a stage as the language has it: what is lost, what learns, and how fast. */
import {
  adamw,
  input,
  type TrainStepConfig,
  type VisionLanguageBatch,
  warmupCosine,
} from "@chain-of-sight/core";
import type { NamedConfig, StageName } from "./config.ts";
import { modelOfStage, trainedInStage } from "./model.ts";

/** The batch of a stage as inputs: `images` `[b, r, r, 3]`, `ids` and `labels` `[b, t]`. */
export const batchOfStage = (
  config: NamedConfig,
  stage: StageName,
): VisionLanguageBatch & { readonly images: ReturnType<typeof input> } => {
  const { batch, resolution, textTokens } = config[stage];
  return {
    images: input("images", [batch, resolution, resolution, 3]),
    ids: input("ids", [batch, textTokens], "i32"),
    labels: input("labels", [batch, textTokens], "i32"),
  };
};

/** The training step of a stage, for `trainStep`. Throws ConfigError where the models do not fit. */
export const stepOfStage = (
  config: NamedConfig,
  stage: StageName,
): TrainStepConfig<VisionLanguageBatch> => {
  const { rate, floor, warmup, steps, weightDecay, maxNorm } = config[stage];
  return {
    loss: modelOfStage(config, stage).loss,
    optimiser: adamw({ weightDecay, betas: [0.9, 0.98] }),
    schedule: warmupCosine({ peak: rate, warmup, total: steps, floor }),
    maxNorm,
    trainable: trainedInStage(config, stage),
  };
};
