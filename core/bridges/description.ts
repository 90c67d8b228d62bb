/**
 * Bridges as data: the part of a configuration that describes a bridge, independent of encoder and decoder. Every kind
 * is a file of this folder with one {@link BridgeRule}; `table.ts` holds them all.
 */
import type { NdArray } from "../array.ts";
import { ConfigError } from "../errors.ts";
import type { Growth } from "../token_scaling.ts";
import type { Tree } from "../tree.ts";
import type { Bridge } from "./bridge.ts";

/** One affine map for each patch. */
export interface LinearDescription {
  /** Discriminates the description. */
  readonly kind: "linear";
}

/** A perceptron for each patch. */
export interface MlpDescription {
  /** Discriminates the description. */
  readonly kind: "mlp";
}

/** Queries that look at the whole grid. */
export interface ResamplerDescription {
  /** Discriminates the description. */
  readonly kind: "resampler";
  /** Number of visual tokens. */
  readonly queries: number;
  /** Feature levels, used one after the other; 1 reads the deepest alone. */
  readonly levels: number;
}

/** In which order the tokens of the scales follow each other. */
export type TokenOrder = "coarse-to-fine" | "fine-to-coarse";

/** Queries that look at windows of several sizes. */
export interface ChainOfSightDescription {
  /** Discriminates the description. */
  readonly kind: "chain-of-sight";
  /** Window side of every scale in patches, coarse to fine. */
  readonly windows: readonly number[];
  /** Queries per window of every scale. */
  readonly queries: readonly number[];
  /** Feature levels, used one after the other; 1 reads the deepest alone. */
  readonly levels: number;
  /** Order of the tokens; the paper's is coarse to fine. */
  readonly order: TokenOrder;
}

/** Means over a grid of regions, then a perceptron. */
export interface AveragePoolDescription {
  /** Discriminates the description. */
  readonly kind: "average-pool";
  /** Tokens per side. */
  readonly side: number;
}

/** Convolutions around a pooling, then a perceptron. */
export interface CAbstractorDescription {
  /** Discriminates the description. */
  readonly kind: "c-abstractor";
  /** Tokens per side. */
  readonly side: number;
  /** Convolution blocks before and after the pooling, each; 3 in the paper's. */
  readonly depth: number;
  /** Side of the grid for which its position table is made; other grids get an interpolated one. */
  readonly table: number;
}

/** Interpolated queries that look at their own region of the grid, then a perceptron. */
export interface TokenPackerDescription {
  /** Discriminates the description. */
  readonly kind: "token-packer";
  /** Side of a region in patches: a token for each. */
  readonly region: number;
  /** Feature levels side by side in keys and values. */
  readonly levels: number;
}

/** Squares of patches side by side in one token, then a perceptron. */
export interface PixelShuffleDescription {
  /** Discriminates the description. */
  readonly kind: "pixel-shuffle";
  /** Side of a square in patches. */
  readonly ratio: number;
}

/** A perceptron, then nested means of its results: one set of parameters for every token count. */
export interface NestedPoolDescription {
  /** Discriminates the description. */
  readonly kind: "nested-pool";
  /** Tokens per side, growing: all are trained together, the last one answers. */
  readonly sides: readonly number[];
}

/** Queries of which the first few suffice: one set of parameters for every token count. */
export interface NestedQueriesDescription {
  /** Discriminates the description. */
  readonly kind: "nested-queries";
  /** Numbers of first queries, growing: all are trained together, the last one answers. */
  readonly queries: readonly number[];
  /** Queries that there are. */
  readonly most: number;
  /** Feature levels, used one after the other; 1 reads the deepest alone. */
  readonly levels: number;
}

/** Another bridge on a small image of the whole and on each of its tiles. */
export interface TiledDescription {
  /** Discriminates the description. */
  readonly kind: "tiled";
  /** Tiles per side. */
  readonly tiles: number;
  /** The bridge of each view. */
  readonly of: ViewDescription;
}

/** A bridge that looks at one image. */
export type ViewDescription =
  | LinearDescription
  | MlpDescription
  | ResamplerDescription
  | ChainOfSightDescription
  | AveragePoolDescription
  | CAbstractorDescription
  | TokenPackerDescription
  | PixelShuffleDescription
  | NestedPoolDescription
  | NestedQueriesDescription;

/** What a configuration says of a bridge. Plain data. */
export type BridgeDescription = ViewDescription | TiledDescription;

/** Names of the kinds of bridges. */
export type BridgeKind = BridgeDescription["kind"];

/** What is on both sides of a bridge. */
export interface BridgeSite {
  /** Side of the input image in pixels. */
  readonly resolution: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** Channels of the features. */
  readonly width: number;
  /** Channels of the language model. */
  readonly to: number;
  /** Heads of the bridge's attention, where it has any. */
  readonly heads: number;
}

/** How a pre-trained bridge becomes the bridge of fine-tuning. */
export type Expansion =
  /** Higher resolution and smaller windows, by lineage; see {@link Growth}. */
  | {
    /** Discriminates the expansion. */
    readonly kind: "grow";
    /** Factors per side. */
    readonly growth: Growth;
    /** What new scales start from; `source` as in the paper. */
    readonly start: Start;
  }
  /** The same bridge on tiles of a larger image, each of the old resolution. */
  | {
    /** Discriminates the expansion. */
    readonly kind: "tile";
    /** Tiles per side. */
    readonly tiles: number;
  };

/**
 * What a scale that grew starts from: weights and queries of its source scale, its weights with fresh queries, or
 * nothing of it. Scales that keep their windows always start from their source.
 */
export type Start = "source" | "fresh-queries" | "fresh";

/** Parameters of a bridge before and after it grew; `fresh` draws new ones for the grown bridge. */
export type Inheritance = (params: Tree<NdArray>, fresh: () => Tree<NdArray>) => Tree<NdArray>;

/** A bridge after an expansion. */
export interface ExpandedBridge<D extends BridgeDescription = BridgeDescription> {
  /** The new description. */
  readonly description: D;
  /** How its parameters come from those before. */
  readonly inherit: Inheritance;
}

/** Everything that is known of one kind of bridge. */
export interface BridgeRule<D extends BridgeDescription> {
  /** Where it comes from. */
  readonly source: string;
  /** In what it differs from there. */
  readonly differences: string;
  /** The bridge. Throws ConfigError where it does not fit the site. */
  readonly build: (description: D, site: BridgeSite) => Bridge;
  /** The bridge after a growth of the image and its windows. Throws ConfigError where it has no such growth. */
  readonly grow: (description: D, growth: Growth, site: BridgeSite, start: Start) => ExpandedBridge<D>;
}

/** Side of the patch grid: `R / P`. Throws ConfigError where patches do not tile the image. */
export const gridOfSite = (op: string, { resolution, patch }: BridgeSite): number => {
  const grid = resolution / patch;
  if (Number.isInteger(grid) && grid >= 1) return grid;
  throw new ConfigError({
    op,
    got: `${resolution} px in patches of ${patch} px`,
    expected: "a whole number of patches per side",
    hint: `use a multiple of ${patch} px`,
  });
};

/** Parameters that do not depend on the number of tokens go on as they are. */
export const inheritUnchanged: Inheritance = (params: Tree<NdArray>): Tree<NdArray> => params;
