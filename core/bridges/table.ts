/** The table of bridge kinds, and the operations on a description of any kind. */
import { ConfigError } from "../errors.ts";
import { averagePoolRule } from "./average_pool.ts";
import type { Bridge } from "./bridge.ts";
import { cAbstractorRule } from "./c_abstractor.ts";
import { chainOfSightRule } from "./chain_of_sight_rule.ts";
import {
  type BridgeDescription,
  type BridgeKind,
  type BridgeRule,
  type BridgeSite,
  type ExpandedBridge,
  type Expansion,
  inheritUnchanged,
  type TiledDescription,
} from "./description.ts";
import { refuseGrowth } from "./growth.ts";
import { linearRule } from "./linear.ts";
import { mlpRule } from "./mlp.ts";
import { nestedPoolRule } from "./nested_pool.ts";
import { nestedQueriesRule } from "./nested_queries.ts";
import { pixelShuffleRule } from "./pixel_shuffle.ts";
import { resamplerRule } from "./resampler.ts";
import { tiled } from "./tiled.ts";
import { tokenPackerRule } from "./token_packer.ts";

const tiledRule: BridgeRule<TiledDescription> = {
  source:
    "the rows marked * of arXiv 2407.15819: 80 tokens of a resampler become 400 with an existing strategy",
  differences:
    "read as a thumbnail and 2 x 2 tiles (5 x 80); thumbnail first, made of means of squares; no separators",
  build: ({ tiles, of }, site) =>
    tiled(bridgeOf(of, { ...site, resolution: site.resolution / tiles }), tiles),
  grow: (_, growth) =>
    refuseGrowth(
      "tiled",
      growth,
      "no growth: tiles have the resolution of pre-training",
      "grow the bridge before it is tiled",
    ),
};

/** The rule of every kind. */
export const bridgeRules: {
  readonly [K in BridgeKind]: BridgeRule<Extract<BridgeDescription, { readonly kind: K }>>;
} = {
  linear: linearRule,
  mlp: mlpRule,
  resampler: resamplerRule,
  "chain-of-sight": chainOfSightRule,
  "average-pool": averagePoolRule,
  "c-abstractor": cAbstractorRule,
  "token-packer": tokenPackerRule,
  "pixel-shuffle": pixelShuffleRule,
  "nested-pool": nestedPoolRule,
  "nested-queries": nestedQueriesRule,
  tiled: tiledRule,
};

const ruleOf = <D extends BridgeDescription>(description: D): BridgeRule<D> =>
  bridgeRules[description.kind] as unknown as BridgeRule<D>;

/** The bridge of a description on a site. Throws ConfigError where it does not fit there. */
export function bridgeOf(description: BridgeDescription, site: BridgeSite): Bridge {
  return ruleOf(description).build(description, site);
}

/** A description after an expansion, from its site before. Throws ConfigError where the bridge has no such expansion. */
export const expandBridge = (
  description: BridgeDescription,
  expansion: Expansion,
  site: BridgeSite,
): ExpandedBridge => {
  if (expansion.kind === "grow") {
    const { growth, start } = expansion;
    if (start !== "source" && description.kind !== "chain-of-sight") {
      throw new ConfigError({
        op: "expandBridge",
        got: `start ${start} for ${description.kind}`,
        expected: "source: its parameters do not depend on the number of tokens",
        hint: "start from the source",
      });
    }
    return ruleOf(description).grow(description, growth, site, start);
  }
  if (description.kind === "tiled") {
    throw new ConfigError({
      op: "expandBridge",
      got: "tiles of tiles",
      expected: "a bridge that sees one image",
      hint: "use more tiles at once",
    });
  }
  return {
    description: { kind: "tiled", tiles: expansion.tiles, of: description },
    inherit: inheritUnchanged,
  };
};

/** The site after an expansion: the image grows, encoder and decoder stay. */
export const expandedSite = (expansion: Expansion, site: BridgeSite): BridgeSite => ({
  ...site,
  resolution: site.resolution *
    (expansion.kind === "grow" ? expansion.growth.resolution : expansion.tiles),
});
