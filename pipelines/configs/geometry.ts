/** The two sizes of every configuration: encoder, decoder and schedules. */
import type { Geometry, ModelGeometry, TrainingStage } from "./config.ts";

/** What configurations of one size share. */
export interface GeometryBase {
  /** Encoder and decoder. */
  readonly model: ModelGeometry;
  /** Side of the images of pre-training in pixels. */
  readonly resolution: number;
  /** Pre-training, at that resolution. */
  readonly pretrain: Omit<TrainingStage, "resolution">;
  /** Fine-tuning. */
  readonly finetune: Omit<TrainingStage, "resolution">;
  /** What is chosen here because no public source says it. */
  readonly assumptions: readonly string[];
}

/** As in the paper: 23 blocks of CLIP ViT-L/14 and Vicuna-7B; all that the authors did not publish is an assumption. */
const full: GeometryBase = {
  model: {
    vision: {
      weights: "openai/clip-vit-large-patch14",
      patch: 14,
      width: 1024,
      layers: 23,
      heads: 16,
      levels: [15, 22],
      classToken: true,
    },
    decoder: {
      weights: "lmsys/vicuna-7b-v1.5",
      vocabulary: 32000,
      width: 4096,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      ff: 11008,
    },
    bridgeHeads: 16,
    init: 0.02,
  },
  resolution: 224,
  pretrain: {
    trainable: ["bridge"],
    lora: null,
    steps: 253_907,
    batch: 256,
    textTokens: 64,
    rate: 1e-4,
    floor: 1e-5,
    warmup: 2000,
    weightDecay: 0.05,
    maxNorm: 1,
  },
  finetune: {
    trainable: ["vision", "bridge"],
    lora: { rank: 64, alpha: 64 },
    steps: 5198,
    batch: 128,
    textTokens: 256,
    rate: 2e-5,
    floor: 0,
    warmup: 156,
    weightDecay: 0,
    maxNorm: 1,
  },
  assumptions: [
    "pre-training: encoder and decoder frozen, one pass over 65M samples in batches of 256, rates of BLIP-2's second stage",
    "fine-tuning: 665K samples in batches of 128 at 2e-5, as LLaVA-1.5; alpha of the low-rank additions is their rank",
    "text tokens of an image: 64 in pre-training, 256 in fine-tuning",
  ],
};

/** A quarter of the tokens: half the side of the images, a model that starts at random and trains in seconds. */
const small: GeometryBase = {
  model: {
    vision: {
      weights: null,
      patch: 14,
      width: 32,
      layers: 3,
      heads: 2,
      levels: [1, 2],
      classToken: true,
    },
    decoder: {
      weights: null,
      vocabulary: 512,
      width: 64,
      layers: 2,
      heads: 4,
      kvHeads: 4,
      ff: 176,
    },
    bridgeHeads: 2,
    init: 0.09,
  },
  resolution: 112,
  pretrain: {
    trainable: ["bridge", "model", "lm_head"],
    lora: null,
    steps: 240,
    batch: 16,
    textTokens: 48,
    rate: 2e-3,
    floor: 4e-5,
    warmup: 20,
    weightDecay: 0.05,
    maxNorm: 1,
  },
  finetune: {
    trainable: ["vision", "bridge"],
    lora: { rank: 8, alpha: 8 },
    steps: 80,
    batch: 8,
    textTokens: 48,
    rate: 1e-3,
    floor: 2e-5,
    warmup: 8,
    weightDecay: 0,
    maxNorm: 1,
  },
  assumptions: [
    "a quarter of the paper's tokens in the same proportions; the decoder starts at random, so pre-training trains it",
  ],
};

/** Bases by size. */
export const geometryBases: Readonly<Record<Geometry, GeometryBase>> = { full, small };
