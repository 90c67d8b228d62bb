/** The vision-language model of an arm: a layout, its growth, and the decoder behind the bridge. */
import {
  chainOfSight,
  grow,
  type Grown,
  type Layout,
  layoutOf,
  type LlamaConfig,
  type NdArray,
  type Tree,
  type VisionLanguage,
  visionLanguage,
} from "@chain-of-sight/core";
import * as t from "io-ts";
import { visionTower } from "../vision/tower.ts";

/** One way of pre-training with few tokens and fine-tuning with many. A single scale is the plain resampler. */
export interface Arm {
  /** Name, unique in a run; files are named by it. */
  readonly name: string;
  /** What the table calls its bridge. */
  readonly bridge: string;
  /** Window sides of pre-training, in patches of the small grid, coarse to fine. */
  readonly windows: readonly number[];
  /** Queries per window. */
  readonly queries: readonly number[];
  /** Growth of resolution and of each lineage between pre-training and fine-tuning, factors per side. */
  readonly growth: { readonly resolution: number; readonly global: number; readonly local: number };
}

/** The decoder, and the bridge's heads. */
export interface ModelConfig {
  /** Channels of the decoder. */
  readonly width: number;
  /** Blocks of the decoder. */
  readonly layers: number;
  /** Attention heads of the decoder. */
  readonly heads: number;
  /** Channels inside its perceptrons. */
  readonly ff: number;
  /** Attention heads of the bridge. */
  readonly bridgeHeads: number;
  /**
   * Standard deviation of initial weights, queries and embeddings. The usual 0.02 is meant for widths of about 1000;
   * what it is there is about 0.06 at a width of 128, since deviations go with the inverse root of the width.
   */
  readonly init: number;
}

const natural = t.refinement(t.number, (n) => Number.isInteger(n) && n > 0, "an integer above 0");

const positive = t.refinement(t.number, (n) => n > 0 && n < 1, "a number between 0 and 1");

const armType = t.strict({
  name: t.refinement(t.string, (s) => /^[\w.-]+$/.test(s), "a name of letters, digits, dots and dashes"),
  bridge: t.string,
  windows: t.readonlyArray(natural),
  queries: t.readonlyArray(natural),
  growth: t.strict({ resolution: natural, global: natural, local: natural }),
});

/** Codec of {@link Arm}. */
export const armCodec = (): t.Type<Arm, unknown, unknown> =>
  armType as unknown as t.Type<Arm, unknown, unknown>;

const modelType = t.strict({
  width: natural,
  layers: natural,
  heads: natural,
  ff: natural,
  bridgeHeads: natural,
  init: positive,
});

/** Codec of {@link ModelConfig}. */
export const modelCodec = (): t.Type<ModelConfig, unknown, unknown> =>
  modelType as unknown as t.Type<ModelConfig, unknown, unknown>;

/** The layout of pre-training. Throws a ConfigError for windows that do not tile the grid. */
export const smallLayout = (arm: Arm): Layout =>
  layoutOf(visionTower.config.resolution, visionTower.config.patch, arm.windows, arm.queries);

/** The layout of fine-tuning, and where each of its scales comes from. */
export const grownLayout = (arm: Arm): Grown => grow(arm.growth)(smallLayout(arm));

/** The decoder behind the bridge. */
export const decoderOf = (
  { width, layers, heads, ff }: ModelConfig,
  vocabulary: number,
): LlamaConfig => ({ vocabulary, width, layers, heads, kvHeads: heads, ff });

/** The model on stored features of a layout's resolution. */
export const modelOf = (config: ModelConfig, vocabulary: number, layout: Layout): VisionLanguage =>
  visionLanguage({
    bridge: chainOfSight({
      layout,
      width: visionTower.config.width,
      to: config.width,
      heads: config.bridgeHeads,
    }),
    decoder: decoderOf(config, vocabulary),
  });

/** What goes from stage to stage: a model's layout and parameters. */
export interface ModelState {
  /** The layout of its bridge. */
  readonly layout: Layout;
  /** Its parameters. */
  readonly params: Tree<NdArray>;
  /** Hash of all that it came from. */
  readonly identity: string;
}
