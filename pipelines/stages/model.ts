/** The vision-language model of an arm: a bridge, its expansion, and the decoder behind it. */
import {
  asTheyAre,
  type Bridge,
  type BridgeDescription,
  bridgeOf,
  type BridgeSite,
  expandBridge,
  type ExpandedBridge,
  expandedSite,
  type Expansion,
  type LlamaConfig,
  type NdArray,
  type Tree,
  type VisionLanguage,
  visionLanguage,
} from "@chain-of-sight/core";
import * as t from "io-ts";
import { bridgeCodec, expansionCodec } from "../configs/bridge_codec.ts";
import { fraction, natural } from "../base/numbers.ts";
import { type EncoderViews, visionTower } from "../vision/tower.ts";

/** One way of pre-training with few tokens and fine-tuning with many. */
export interface Arm {
  /** Name, unique in a run; files are named by it. */
  readonly name: string;
  /** The bridge of pre-training, on the small grid. */
  readonly bridge: BridgeDescription;
  /** How it grows between pre-training and fine-tuning; null where it does not, and the resolution stays. */
  readonly expansion: Expansion | null;
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

const armType = t.strict({
  name: t.refinement(t.string, (s) => /^[\w.-]+$/.test(s), "a name of letters, digits, dots and dashes"),
  bridge: bridgeCodec(),
  expansion: t.union([expansionCodec(), t.null]),
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
  init: fraction,
});

/** Codec of {@link ModelConfig}. */
export const modelCodec = (): t.Type<ModelConfig, unknown, unknown> =>
  modelType as unknown as t.Type<ModelConfig, unknown, unknown>;

/** A bridge as data, on images of a resolution. */
export interface PlacedBridge {
  /** The bridge. */
  readonly description: BridgeDescription;
  /** Side of the images in pixels. */
  readonly resolution: number;
}

const siteOf = (config: ModelConfig, resolution: number): BridgeSite => ({
  resolution,
  patch: visionTower.config.patch,
  width: visionTower.config.width,
  to: config.width,
  heads: config.bridgeHeads,
});

/** The bridge of pre-training, on pictures of that side; unless said, of the side that the encoder was trained at. */
export const smallBridge = (
  arm: Arm,
  resolution: number = visionTower.config.resolution,
): PlacedBridge => ({ description: arm.bridge, resolution });

/** The bridge after an arm's expansion, and how its parameters come from those before. Throws ConfigError. */
export const expandedBridge = (
  { expansion }: Arm,
  config: ModelConfig,
  { description, resolution }: PlacedBridge,
): PlacedBridge & Pick<ExpandedBridge, "inherit"> => {
  if (expansion === null) return { description, resolution, inherit: asTheyAre };
  const site = siteOf(config, resolution);
  return {
    ...expandBridge(description, expansion, site),
    resolution: expandedSite(expansion, site).resolution,
  };
};

/**
 * The bridge of fine-tuning, where pre-training had pictures of that side, as {@link smallBridge} has them.
 * Throws ConfigError where the arm's bridge has no such expansion.
 */
export const grownBridge = (arm: Arm, config: ModelConfig, pretrained?: number): PlacedBridge => {
  const { description, resolution } = expandedBridge(arm, config, smallBridge(arm, pretrained));
  return { description, resolution };
};

/** Which of the stored levels a bridge reads, by index: the deepest. */
export const levelsRead = (
  config: ModelConfig,
  { description, resolution }: PlacedBridge,
): readonly number[] => {
  const { levels } = bridgeOf(description, siteOf(config, resolution));
  return visionTower.levels.map((_, i) => i).slice(-levels);
};

/** Given all stored levels, a bridge of fewer reads the deepest. */
const deepest = (bridge: Bridge): Bridge => ({
  ...bridge,
  levels: visionTower.levels.length,
  ...(bridge.members === undefined ? {} : { members: bridge.members.map(deepest) }),
  apply: (params, features) => bridge.apply(params, features.slice(-bridge.levels)),
});

/** What the encoder must see of pictures for a bridge. */
export const viewsRead = ({ description, resolution }: PlacedBridge): EncoderViews => ({
  side: resolution,
  tiles: description.kind === "tiled" ? description.tiles : 1,
});

/** The bridge on stored features of {@link viewsRead}. Throws a ConfigError where it does not fit the grid. */
export const bridgeAt = (config: ModelConfig, { description, resolution }: PlacedBridge): Bridge =>
  deepest(bridgeOf(description, siteOf(config, resolution)));

/** The decoder behind the bridge. */
export const decoderOf = (
  { width, layers, heads, ff }: ModelConfig,
  vocabulary: number,
): LlamaConfig => ({ vocabulary, width, layers, heads, kvHeads: heads, ff });

/** The model on stored features of a bridge's resolution. */
export const modelOf = (config: ModelConfig, vocabulary: number, bridge: PlacedBridge): VisionLanguage =>
  visionLanguage({ bridge: bridgeAt(config, bridge), decoder: decoderOf(config, vocabulary) });

/** The model on pictures: the same with the encoder before it, its parameters under `vision`. */
export const seeingModelOf = (
  config: ModelConfig,
  vocabulary: number,
  bridge: PlacedBridge,
): VisionLanguage =>
  visionLanguage({
    bridge: bridgeAt(config, bridge),
    decoder: decoderOf(config, vocabulary),
    vision: visionTower,
  });

/** What goes from stage to stage: a model's bridge and parameters. */
export interface ModelState {
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** Its parameters. */
  readonly params: Tree<NdArray>;
  /** Hash of all that it came from. */
  readonly identity: string;
}
