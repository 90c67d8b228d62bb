/** A small bridge of every kind, on a grid of 4. */
import {
  bindingsOf,
  type Bridge,
  type BridgeDescription,
  bridgeOf,
  type BridgeSite,
  initialise,
  input,
  interpret,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  type Tree,
} from "@chain-of-sight/core";
import { spread } from "../../pipelines/configs/spread.ts";
import { floats } from "./random.ts";

/** A grid of 4 x 4 patches, 4 channels, to 3. */
export const site: BridgeSite = { resolution: 56, patch: 14, width: 4, to: 3, heads: 2 };

/** Descriptions that fit the site, with their token counts. */
export const everyBridge: readonly (readonly [BridgeDescription, number])[] = [
  [{ kind: "linear" }, 16],
  [{ kind: "mlp" }, 16],
  [{ kind: "resampler", queries: 3, levels: 1 }, 3],
  [{ kind: "resampler", queries: 3, levels: 2 }, 3],
  [{ kind: "chain-of-sight", windows: [4, 2], queries: [2, 1], levels: 2, order: "coarse-to-fine" }, 6],
  [{ kind: "chain-of-sight", windows: [4, 2], queries: [2, 1], levels: 1, order: "fine-to-coarse" }, 6],
  [{ kind: "average-pool", side: 2 }, 4],
  [{ kind: "average-pool", side: 3 }, 9],
  [{ kind: "c-abstractor", side: 2, depth: 1, table: 4 }, 4],
  [{ kind: "c-abstractor", side: 3, depth: 1, table: 2 }, 9],
  [{ kind: "token-packer", region: 2, levels: 2 }, 4],
  [{ kind: "pixel-shuffle", ratio: 2 }, 4],
  [{ kind: "nested-pool", sides: [1, 2, 4] }, 16],
  [{ kind: "nested-queries", queries: [1, 3], most: 4, levels: 2 }, 3],
  [{ kind: "tiled", tiles: 2, of: { kind: "average-pool", side: 1 } }, 5],
];

/** Name of a case. */
export const nameOf = (description: BridgeDescription): string =>
  JSON.stringify(description).replaceAll('"', "");

/** Features of b images for a bridge, as arrays. */
export const featuresOf = (bridge: Bridge, width: number, b = 1): readonly NdArray[] => {
  const cells = (bridge.views?.count ?? 1) * bridge.grid ** 2;
  return Array.from({ length: bridge.levels }, (_, l) => floats(`level ${l}`, [b, cells, width], -1, 1));
};

/** Parameters of a bridge, large enough that every one of them matters. */
export const parametersOf = (bridge: Bridge, std = 0.5): Tree<NdArray> =>
  initialise([7, 8], spread(bridge.specs as Tree<ParameterSpec>, std)) as Tree<NdArray>;

/** Visual tokens of a bridge, by the reference interpreter. */
export const tokensOf = (bridge: Bridge, params: Tree<NdArray>, features: readonly NdArray[]): NdArray => {
  const inputs = features.map((f, i) => input(`features.${i}`, f.shape));
  const held = placeholders("params", bridge.specs as Tree<ParameterSpec>) as Tree<Tensor>;
  return interpret([bridge.apply(held, inputs)], {
    ...bindingsOf("params", params),
    ...Object.fromEntries(features.map((f, i) => [`features.${i}`, f])),
  })[0]!;
};

/** The bridge of a description on the site. */
export const bridgeHere = (description: BridgeDescription): Bridge => bridgeOf(description, site);
