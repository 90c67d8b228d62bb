/** The three sizes of the quickstart. */
import type { Expansion } from "@chain-of-sight/core";
import { by, cos } from "../configs/entry.ts";
import { defaultData } from "../scenes/config.ts";
import type { LanguageConfig } from "../stages/language_config.ts";
import type { Arm } from "./base.ts";
import type { QuickstartConfig, Scale } from "./quickstart_config.ts";

const grown = (global: number, local: number): Expansion => by({ resolution: 2, global, local });

/**
 * The rivals, at a quarter of the paper's token counts. Their fine-tuning layouts on the grid of 16:
 * the resampler keeps 84 queries over one window; 20 -> 84 has windows [16, 8, 2] with [4, 4, 1] queries (the paper's
 * 80 -> 336); 8 -> 132 has windows [16, 4, 2] (its 32 -> 528).
 */
export const quickstartArms: readonly Arm[] = [
  {
    name: "resampler",
    bridge: { kind: "resampler", queries: 84, levels: 2 },
    expansion: grown(1, 1),
  },
  { name: "chain-of-sight-20", bridge: cos([8, 2], [4, 1]), expansion: grown(2, 2) },
  { name: "chain-of-sight-8", bridge: cos([8, 4], [4, 1]), expansion: grown(4, 4) },
];

const training: LanguageConfig = {
  steps: 240,
  batch: 16,
  learningRate: 1.6e-3,
  warmup: 20,
  weightDecay: 0.05,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 100,
  precision: "f32",
};

/** For two cores and a software device. */
const software: QuickstartConfig = {
  scale: "software",
  seed: 1,
  // Fewer and larger things, so that a few minutes of training on two cores are enough to see them.
  data: { ...defaultData, concepts: 12, objects: [2, 4], size: [0.18, 0.36], plates: 0 },
  scenes: { pretrain: 1024, finetune: 256, eval: 64 },
  vision: { steps: 0, batch: [16, 4], scenes: 512 },
  model: { width: 128, layers: 2, heads: 4, ff: 352, bridgeHeads: 4, init: 0.09 },
  vocabulary: 512,
  text: {
    pretrain: { length: 46, turns: { caption: 0, presence: 6, count: 1, refer: 0 } },
    finetune: { length: 48, turns: { caption: 0, presence: 5, count: 1, refer: 1 } },
  },
  featureBatch: 32,
  pretrain: training,
  finetune: { ...training, steps: 80, batch: 8, learningRate: 1e-3, warmup: 8 },
  evaluate: { batch: 32, resamples: 1000, seed: 1, samples: 8 },
  arms: quickstartArms,
};

/** Learns nothing much, but goes through every stage: for tests of the whole. */
const micro: QuickstartConfig = {
  ...software,
  scale: "micro",
  data: { ...defaultData, concepts: 8, objects: [2, 3] },
  scenes: { pretrain: 16, finetune: 8, eval: 8 },
  vision: { steps: 2, batch: [4, 2], scenes: 16 },
  model: { width: 32, layers: 1, heads: 2, ff: 64, bridgeHeads: 2, init: 0.09 },
  featureBatch: 8,
  text: {
    pretrain: { length: 32, turns: { caption: 0, presence: 2, count: 1, refer: 1 } },
    finetune: { length: 32, turns: { caption: 0, presence: 2, count: 1, refer: 1 } },
  },
  pretrain: { ...training, steps: 4, batch: 2, warmup: 1 },
  finetune: { ...training, steps: 2, batch: 2, warmup: 1 },
  evaluate: { batch: 16, resamples: 200, seed: 1, samples: 4 },
};

/** For a real GPU. */
const gpu: QuickstartConfig = {
  ...software,
  scale: "gpu",
  scenes: { pretrain: 4096, finetune: 2048, eval: 256 },
  featureBatch: 128,
  data: defaultData,
  text: {
    pretrain: { length: 80, turns: { caption: 1, presence: 6, count: 1, refer: 0 } },
    finetune: { length: 96, turns: { caption: 1, presence: 6, count: 2, refer: 2 } },
  },
  pretrain: { ...training, steps: 1500, batch: 32, learningRate: 1.5e-3, warmup: 75, every: 500 },
  finetune: { ...training, steps: 400, batch: 32, learningRate: 8e-4, warmup: 20, every: 200 },
  evaluate: { batch: 128, resamples: 1000, seed: 1, samples: 12 },
};

/** The configuration of a scale. */
export const presets: Readonly<Record<Scale, QuickstartConfig>> = { micro, software, gpu };
