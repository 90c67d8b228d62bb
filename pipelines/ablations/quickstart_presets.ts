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

/** The rates of a bridge that starts from nothing behind a decoder that has learnt to read. */
const rates = (bridge: number, decoder: number): LanguageConfig["learningRate"] => ({
  bridge,
  model: decoder,
  lm_head: decoder,
});

/** Several tasks in one row, each question a sample of its own. */
const tasks = { length: 42, turns: { presence: 2, count: 2, refer: 2 } };

/** For two cores and a software device. */
const software: QuickstartConfig = {
  scale: "software",
  seed: 1,
  // Fewer and larger things, so that a few minutes of training on two cores are enough to see them.
  data: { ...defaultData, concepts: 12, objects: [2, 4], size: [0.18, 0.36], plates: 0, repeated: 0.5 },
  scenes: { pretrain: 4096, finetune: 1024, eval: 96 },
  vision: { steps: 0, batch: [16, 4], scenes: 512 },
  model: { width: 128, layers: 2, heads: 4, ff: 352, bridgeHeads: 4, init: 0.09 },
  vocabulary: "shipped",
  text: { pretrain: tasks, finetune: tasks },
  featureBatch: 32,
  pretrain: { ...training, steps: 480, learningRate: rates(3e-3, 6e-4), every: 200 },
  finetune: { ...training, steps: 100, learningRate: rates(1.5e-3, 4.5e-4), warmup: 15 },
  evaluate: { batch: 32, resamples: 1000, seed: 1, samples: 8 },
  arms: quickstartArms,
};

/** Learns nothing much, but goes through every stage: for tests of the whole. */
const micro: QuickstartConfig = {
  ...software,
  scale: "micro",
  data: { ...defaultData, concepts: 8, objects: [2, 3] },
  vocabulary: 512,
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
  vocabulary: 512,
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
