/**
 * A named configuration: a model, its bridge, and the way from few visual tokens to many, as one plain value. All else
 * (layouts, parameters, token counts) follows from it; see `model.ts`.
 */
import type { BridgeDescription, Expansion } from "@chain-of-sight/core";
import type { PaperRow } from "./paper_row.ts";

/** How large a configuration is: as in the paper, or at a quarter of its tokens, small enough to train anywhere. */
export type Geometry = "full" | "small";

/** Every geometry. */
export const geometries: readonly Geometry[] = ["full", "small"];

/** The vision encoder. */
export interface VisionGeometry {
  /** Hugging Face name of the weights that it starts from; null where it starts at random. */
  readonly weights: string | null;
  /** Patch side in pixels. */
  readonly patch: number;
  /** Channels. */
  readonly width: number;
  /** Blocks that are used. */
  readonly layers: number;
  /** Attention heads. */
  readonly heads: number;
  /** Blocks whose features the bridge may read, counted from 0, shallow first. A bridge of one level reads the last. */
  readonly levels: readonly number[];
  /** Whether a class token is first. */
  readonly classToken: boolean;
}

/** The decoder. */
export interface DecoderGeometry {
  /** Hugging Face name of the weights that it starts from; null where it starts at random. */
  readonly weights: string | null;
  /** Rows of the embedding table. */
  readonly vocabulary: number;
  /** Channels. */
  readonly width: number;
  /** Blocks. */
  readonly layers: number;
  /** Attention heads. */
  readonly heads: number;
  /** Key-value heads. */
  readonly kvHeads: number;
  /** Channels inside the perceptrons. */
  readonly ff: number;
}

/** Configuration of a model, but for its bridge. */
export interface ModelGeometry {
  /** The vision encoder. */
  readonly vision: VisionGeometry;
  /** The decoder. */
  readonly decoder: DecoderGeometry;
  /** Attention heads of the bridge. */
  readonly bridgeHeads: number;
  /** Standard deviation of what starts random. */
  readonly init: number;
}

/** Low-rank additions to all seven linear maps of every block of the decoder. */
export interface LoraGeometry {
  /** Rank of the additions. */
  readonly rank: number;
  /** They are scaled by `alpha / rank`. */
  readonly alpha: number;
}

/** One training of a configuration. */
export interface TrainingStage {
  /** Side of the images in pixels. */
  readonly resolution: number;
  /** Prefixes of the parameter paths that are trained (`vision`, `bridge`, `model`, `lm_head`). */
  readonly trainable: readonly string[];
  /** Low-rank additions, which are always trained; null for none. */
  readonly lora: LoraGeometry | null;
  /** Optimiser steps. */
  readonly steps: number;
  /** Images of a step. */
  readonly batch: number;
  /** Text tokens of an image: prompt and answer. */
  readonly textTokens: number;
  /** Highest learning rate. */
  readonly rate: number;
  /** Lowest learning rate, at the end. */
  readonly floor: number;
  /** Steps of warm-up. */
  readonly warmup: number;
  /** Decay of the weights. */
  readonly weightDecay: number;
  /** Largest norm of the gradients. */
  readonly maxNorm: number;
}

/** A configuration. */
export interface NamedConfig {
  /** Its name, the same in both geometries. */
  readonly name: string;
  /** Its size. */
  readonly geometry: Geometry;
  /** Its content, in a sentence. */
  readonly about: string;
  /** Encoder and decoder. */
  readonly model: ModelGeometry;
  /** The bridge of pre-training. */
  readonly bridge: BridgeDescription;
  /** How the bridge grows; null where it does not. */
  readonly expansion: Expansion | null;
  /** Pre-training: few tokens. */
  readonly pretrain: TrainingStage;
  /** Fine-tuning: many tokens. */
  readonly finetune: TrainingStage;
  /** Rows of the paper that it reproduces; none for baselines and controls that the paper does not have. */
  readonly rows: readonly PaperRow[];
  /** What is chosen here because no public source says it. */
  readonly assumptions: readonly string[];
}

/** The two trainings of a configuration. */
export type StageName = "pretrain" | "finetune";
