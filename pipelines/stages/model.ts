/** The vision-language model of an arm: a bridge, its expansion, and the decoder behind it. */
import {
  type Bridge,
  type BridgeDescription,
  bridgeOf,
  type BridgeSite,
  decoderMaps,
  expandBridge,
  type ExpandedBridge,
  expandedSite,
  type Expansion,
  inheritUnchanged,
  type LlamaConfig,
  type PathPredicate,
  type PyramidStage,
  type TokenSelection,
  type Tree,
  type VisionLanguage,
  visionLanguage,
  type VisionTower,
  withLora,
} from "@chain-of-sight/core";
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import { object } from "../base/codecs.ts";
import { fraction, natural, positive } from "../base/numbers.ts";
import { type EncoderViews, visionTower } from "../vision/tower.ts";
import type { LazyArray } from "../weights/lazy.ts";

/** @internal */
export const modelType = t.strict({
  width: natural,
  layers: natural,
  heads: natural,
  ff: natural,
  bridgeHeads: natural,
  init: fraction,
});

/**
 * A decoder that starts fresh, and the bridge's heads. `init` is the standard deviation of initial weights, queries and
 * embeddings: the usual 0.02 is meant for widths of about 1000; deviations go with the inverse root of the width, so that
 * it is about 0.06 at a width of 128.
 */
export interface ModelConfig extends TypeOf<typeof modelType> {}

/** Codec of {@link ModelConfig}. */
export const modelCodec = (): t.Type<ModelConfig, unknown, unknown> => modelType;

/** @internal */
export const adapterType = object({ rank: natural, alpha: positive }, { targets: t.readonlyArray(t.string) });

/**
 * Low-rank adapters: rank, scale, and the linear maps that have one, by path or by its end such as `q_proj`; the seven
 * maps of every block of the decoder if absent.
 */
export interface AdapterConfig extends TypeOf<typeof adapterType> {}

/** Codec of {@link AdapterConfig}. */
export const adapterCodec = (): t.Type<AdapterConfig, unknown, unknown> => adapterType;

/** How the decoder sees fewer visual tokens than there are. */
export interface InnerTokens {
  /** Stages of PyramidDrop; none if absent. */
  readonly pyramid?: readonly PyramidStage[];
  /** Vectors of the mode isolator (DualSpeed), before visual tokens in training steps that see a selection; none if absent. */
  readonly isolator?: number;
}

/** Everything that a model's parameters follow from, alongside its bridge. */
export interface ModelParts extends InnerTokens {
  /** The encoder whose features the bridge reads. */
  readonly tower: VisionTower;
  /** The decoder. */
  readonly decoder: LlamaConfig;
  /** Attention heads of the bridge. */
  readonly bridgeHeads: number;
  /** Standard deviation of weights that start random. */
  readonly init: number;
  /** Low-rank adapters; none if absent. */
  readonly adapter?: AdapterConfig;
}

/** The parts of a model with the shipped encoder and a decoder that starts fresh. */
export const partsOf = (
  { width, layers, heads, ff, bridgeHeads, init }: ModelConfig,
  vocabulary: number,
): ModelParts => ({
  tower: visionTower,
  decoder: { vocabulary, width, layers, heads, kvHeads: heads, ff },
  bridgeHeads,
  init,
});

/** A bridge as data, on images of a resolution. */
export interface PlacedBridge {
  /** The bridge. */
  readonly description: BridgeDescription;
  /** Side of the images in pixels. */
  readonly resolution: number;
}

const siteOf = (
  { tower: { config }, decoder, bridgeHeads }: ModelParts,
  resolution: number,
): BridgeSite => ({
  resolution,
  patch: config.patch,
  width: config.width,
  to: decoder.width,
  heads: bridgeHeads,
});

/** A bridge on images of a side; unless said, of the side that the encoder was trained at. */
export const smallBridge = (
  description: BridgeDescription,
  { tower }: Pick<ModelParts, "tower">,
  resolution: number = tower.config.resolution,
): PlacedBridge => ({ description, resolution });

/** A bridge after an expansion, and how its parameters come from those before. Throws ConfigError. */
export const expandedBridge = (
  expansion: Expansion | null,
  parts: ModelParts,
  { description, resolution }: PlacedBridge,
): PlacedBridge & Pick<ExpandedBridge, "inherit"> => {
  if (expansion === null) return { description, resolution, inherit: inheritUnchanged };
  const site = siteOf(parts, resolution);
  return {
    ...expandBridge(description, expansion, site),
    resolution: expandedSite(expansion, site).resolution,
  };
};

/** A bridge after an expansion. Throws ConfigError where the bridge has no such expansion. */
export const grownBridge = (
  expansion: Expansion | null,
  parts: ModelParts,
  placed: PlacedBridge,
): PlacedBridge => {
  const { description, resolution } = expandedBridge(expansion, parts, placed);
  return { description, resolution };
};

/** Which of the stored levels a bridge reads, by index: the deepest. */
export const levelsRead = (
  parts: ModelParts,
  { description, resolution }: PlacedBridge,
): readonly number[] => {
  const { levels } = bridgeOf(description, siteOf(parts, resolution));
  return parts.tower.levels.map((_, i) => i).slice(-levels);
};

/** Given all stored levels, a bridge of fewer reads the deepest. */
const deepest = (stored: number) => (bridge: Bridge): Bridge => ({
  ...bridge,
  levels: stored,
  ...(bridge.members === undefined ? {} : { members: bridge.members.map(deepest(stored)) }),
  apply: (params, features) => bridge.apply(params, features.slice(-bridge.levels)),
});

/** What the encoder must see of images for a bridge. */
export const viewsRead = ({ description, resolution }: PlacedBridge): EncoderViews => ({
  side: resolution,
  tiles: description.kind === "tiled" ? description.tiles : 1,
});

/** The bridge on stored features of {@link viewsRead}. Throws a ConfigError where it does not fit the grid. */
export const bridgeAt = (parts: ModelParts, { description, resolution }: PlacedBridge): Bridge =>
  deepest(parts.tower.levels.length)(bridgeOf(description, siteOf(parts, resolution)));

/** Which linear maps an adapter is attached to. */
export const adaptedBy = ({ targets }: AdapterConfig): PathPredicate =>
  targets === undefined
    ? decoderMaps
    : (path) =>
      targets.some((name) => path === name || path.endsWith(`.${name}`) || path.startsWith(`${name}.`));

const adapted = ({ adapter }: ModelParts, model: VisionLanguage): VisionLanguage =>
  adapter === undefined
    ? model
    : withLora(model, { rank: adapter.rank, alpha: adapter.alpha, when: adaptedBy(adapter) });

/** A model whose decoder sees a selection of visual tokens, or all. */
const madeOf = (parts: ModelParts, placed: PlacedBridge, vision?: VisionTower, keep?: TokenSelection) => {
  const { decoder, pyramid, isolator } = parts;
  return adapted(
    parts,
    visionLanguage({
      bridge: bridgeAt(parts, placed),
      decoder,
      ...(vision === undefined ? {} : { vision }),
      ...(pyramid === undefined ? {} : { pyramid }),
      ...(isolator === undefined ? {} : { isolator }),
      ...(keep === undefined ? {} : { keep }),
    }),
  );
};

/** The model on stored features of a bridge's resolution. */
export const modelOf = (parts: ModelParts, bridge: PlacedBridge, keep?: TokenSelection): VisionLanguage =>
  madeOf(parts, bridge, undefined, keep);

/** The model on images: the same with the encoder before it, its parameters under `vision`. */
export const seeingModelOf = (
  parts: ModelParts,
  bridge: PlacedBridge,
  keep?: TokenSelection,
): VisionLanguage => madeOf(parts, bridge, parts.tower, keep);

/** What goes from stage to stage: a model's bridge and parameters. */
export interface ModelState {
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** Its parameters. */
  readonly params: Tree<LazyArray>;
  /** Hash of all that it came from. */
  readonly identity: string;
}
