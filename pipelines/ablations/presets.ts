/** The sizes of ablations: the experiment that arms change, as an experiment of Chain-of-Sight that grows from 20 tokens to 84. */
import type { DeviceName } from "@chain-of-sight/kernels";
import * as E from "fp-ts/lib/Either.js";
import { by, cos } from "../configs/entry.ts";
import type { PresetName } from "../configs/preset.ts";
import type { Experiment } from "../engine/experiment.ts";
import { changedBy } from "../engine/load.ts";
import { type DataConfig, defaultData } from "../scenes/config.ts";
import type { LanguageConfig } from "../stages/language_config.ts";
import { setting } from "./config.ts";

/** A size. */
export interface Preset {
  /** What all arms change. */
  readonly base: Experiment;
  /** Seeds unless others are asked for. */
  readonly seeds: number;
  /** What computes unless something is asked for: two cores are several times faster than a software adapter on them. */
  readonly device: DeviceName;
  /** Which arms of a family: all, those that are enough for its points, or only the first three of those. */
  readonly arms: "all" | "few" | "three";
}

const training: Omit<LanguageConfig, "steps" | "learningRate"> = {
  batch: 16,
  warmup: 20,
  weightDecay: 0.05,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 100,
  precision: "f32",
};

/** The rates of a bridge that starts from nothing behind a decoder that has learned to read. */
const rates = (bridge: number, decoder: number): LanguageConfig["learningRate"] => ({
  bridge,
  model: decoder,
  lm_head: decoder,
});

/** Several tasks in one row, each question a sample of its own. */
const tasks = { length: 42, turns: { presence: 2, count: 2, refer: 2 } };

/** Two cores. */
const small: Experiment = {
  name: "small",
  seed: 1,
  world: {
    // Fewer and larger things, so that a few minutes of training on two cores are enough to see them.
    data: {
      ...defaultData,
      concepts: 12,
      objects: [2, 4],
      size: [0.18, 0.36],
      plates: 0,
      repeated: 0.5,
    },
    vocabulary: "shipped",
  },
  featureBatch: 32,
  model: {
    vision: { from: "shipped" },
    bridge: cos([8, 2], [4, 1]),
    bridgeHeads: 4,
    decoder: { from: "shipped" },
    init: 0.09,
  },
  stages: [
    {
      train: {
        name: "pretrain",
        data: { scenes: "pretrain", count: 4096, ...tasks },
        ...training,
        steps: 480,
        learningRate: rates(3e-3, 6e-4),
        every: 200,
      },
    },
    { expand: { by: by({ resolution: 2, global: 2, local: 2 }) } },
    {
      train: {
        name: "finetune",
        data: { scenes: "finetune", count: 1024, ...tasks },
        ...training,
        steps: 100,
        learningRate: rates(1.5e-3, 4.5e-4),
        warmup: 15,
      },
    },
    { evaluate: { data: { scenes: "eval", count: 96 }, batch: 32, resamples: 1000, seed: 1, samples: 8 } },
  ],
};

/** A preset as another with some fields changed; one that does not fit is a bug of this file. */
const changed = (base: Experiment, fields: Readonly<Record<string, unknown>>): Experiment => {
  const made = changedBy(base, Object.entries(fields).map(([field, value]) => setting(field, value)));
  if (E.isLeft(made)) throw made.left;
  return made.right;
};

const fewTasks = { caption: 0, presence: 2, count: 1, refer: 1 };

const smoke = changed(small, {
  "name": "smoke",
  "world.data": { ...defaultData, concepts: 8, objects: [2, 3] },
  "world.vocabulary": 512,
  "featureBatch": 8,
  "model.bridgeHeads": 2,
  "model.decoder": { from: "fresh", width: 32, layers: 1, heads: 2, ff: 64 },
  "pretrain.data": { scenes: "pretrain", count: 8, length: 32, turns: fewTasks },
  "pretrain.steps": 6,
  "pretrain.batch": 2,
  "pretrain.warmup": 1,
  "pretrain.every": 2,
  "pretrain.learningRate": 1.6e-3,
  "finetune.data": { scenes: "finetune", count: 6, length: 32, turns: fewTasks },
  "finetune.steps": 4,
  "finetune.batch": 2,
  "finetune.warmup": 1,
  "finetune.every": 2,
  "finetune.learningRate": 1.6e-3,
  "evaluate": { data: { scenes: "eval", count: 4 }, batch: 16, resamples: 200, seed: 1, samples: 4 },
});

/** Three times the steps of `small` on three times its scenes, and four times its questions. */
const medium = changed(small, {
  "name": "medium",
  "pretrain.data.count": 12_288,
  "pretrain.steps": 1500,
  "pretrain.warmup": 60,
  "pretrain.every": 500,
  "finetune.data.count": 3072,
  "finetune.steps": 450,
  "finetune.warmup": 30,
  "finetune.every": 200,
  "evaluate.data.count": 256,
});

/**
 * The concepts and styles of `small`, which the shipped encoder knows, in a world with signs, colours and relations:
 * letters are 4 to 10 pixels high in pre-training and twice that in fine-tuning.
 */
const signs: DataConfig = {
  ...defaultData,
  plates: 2,
  heldOut: 0.05,
  evalHeldOut: 0,
  world: {
    heldOutStyles: ["twemoji"],
    patterns: { train: ["solid", "gradient"], heldOut: ["stripes"] },
    heldOutCounts: 0,
    large: { objects: [2, 4], size: [0.24, 0.34] },
    letters: [9 / 224, 20 / 224],
    cover: 0.6,
  },
};

/** One GPU: signs to read and more kinds of questions. */
const gpu = changed(small, {
  "name": "gpu",
  "world.data": signs,
  "world.vocabulary": 1024,
  "featureBatch": 128,
  "model.decoder": { from: "fresh", width: 128, layers: 2, heads: 4, ff: 352 },
  "pretrain.data": {
    scenes: "pretrain",
    count: 4096,
    length: 96,
    turns: { presence: 5, count: 1, attribute: 1, relation: 1, reading: 1 },
  },
  "pretrain.steps": 1500,
  "pretrain.batch": 32,
  "pretrain.learningRate": 1.5e-3,
  "pretrain.warmup": 75,
  "pretrain.every": 500,
  "finetune.data": {
    scenes: "finetune",
    count: 2048,
    length: 116,
    turns: { presence: 4, count: 1, refer: 2, attribute: 1, relation: 1, reading: 2, name: 1 },
  },
  "finetune.steps": 400,
  "finetune.batch": 32,
  "finetune.learningRate": 8e-4,
  "finetune.warmup": 20,
  "finetune.every": 200,
  "evaluate": { data: { scenes: "eval", count: 256 }, batch: 128, resamples: 1000, seed: 1, samples: 12 },
});

/** A wider and deeper decoder, and ten times as long. */
const full = changed(gpu, {
  "name": "full",
  "model.decoder": { from: "fresh", width: 384, layers: 6, heads: 6, ff: 1024 },
  "model.init": 0.05,
  "pretrain.data.count": 32_768,
  "pretrain.steps": 12_000,
  "pretrain.batch": 64,
  "pretrain.learningRate": 6e-4,
  "pretrain.warmup": 600,
  "pretrain.every": 2000,
  "finetune.data.count": 8192,
  "finetune.steps": 3000,
  "finetune.batch": 64,
  "finetune.learningRate": 3e-4,
  "finetune.warmup": 150,
  "finetune.every": 1000,
  "evaluate.data.count": 1024,
});

/** All presets by name. */
export const presets: Readonly<Record<PresetName, Preset>> = {
  smoke: { base: smoke, seeds: 2, device: "cpu", arms: "three" },
  small: { base: small, seeds: 3, device: "cpu", arms: "few" },
  medium: { base: medium, seeds: 3, device: "cpu", arms: "few" },
  gpu: { base: gpu, seeds: 3, device: "auto", arms: "all" },
  full: { base: full, seeds: 3, device: "auto", arms: "all" },
};
