/** Baselines and controls that the paper does not have, under the same conditions. */
import { compoundScaling, type Expansion, resolutionScaling } from "@chain-of-sight/core";
import { by, type ConfigEntry, pretrained, sharper } from "./entry.ts";

const baselineEntry = (
  name: string,
  about: string,
  bridge: ConfigEntry["bridge"],
  expansion: Expansion | null,
): ConfigEntry => ({ name, about, bridge, expansion, rows: [] });

const resampler = (queries: number, levels: number) => ({ kind: "resampler", queries, levels }) as const;
const pool = (side: number) => ({ kind: "average-pool", side }) as const;
const abstractor = (side: number) => ({ kind: "c-abstractor", side, depth: 3, table: 16 }) as const;
const packer = { kind: "token-packer", region: 2, levels: 2 } as const;

// twice the tokens per side at twice the resolution; four times the tokens per side, down to the patch
const finer = by({ resolution: 2, global: 1, local: 2 });
const finest = by({ resolution: 2, global: 1, local: 4 });

/** Baselines as entries. */
export const baselineEntries: readonly ConfigEntry[] = [
  baselineEntry(
    "mlp-256-256-at-224",
    "A perceptron for every patch (LLaVA-1.5), no growth.",
    { kind: "mlp" },
    null,
  ),
  baselineEntry(
    "mlp-256-1024",
    "A perceptron for every patch, at twice the resolution.",
    { kind: "mlp" },
    finer,
  ),
  baselineEntry("average-pool-64-64", "Average pooling (DeCo), no growth.", pool(8), sharper),
  baselineEntry("average-pool-144-144", "Average pooling (DeCo), no growth.", pool(12), sharper),
  baselineEntry("average-pool-256-256", "No pooling in pre-training, pooling at 448 px.", pool(16), sharper),
  baselineEntry(
    "pool-then-grow-64-256",
    "The schedule without the bridge: pooled tokens, then more of them.",
    pool(8),
    finer,
  ),
  baselineEntry(
    "pool-then-grow-64-1024",
    "The schedule without the bridge: pooled tokens, then all.",
    pool(8),
    finest,
  ),
  baselineEntry(
    "c-abstractor-64-64",
    "Convolutions around a pooling (Honeybee), no growth.",
    abstractor(8),
    sharper,
  ),
  baselineEntry(
    "c-abstractor-144-144",
    "Convolutions around a pooling (Honeybee), no growth.",
    abstractor(12),
    sharper,
  ),
  baselineEntry(
    "c-abstractor-64-256",
    "Convolutions around a pooling (Honeybee), grown.",
    abstractor(8),
    finer,
  ),
  baselineEntry("token-packer-64-64", "Region resampling (TokenPacker), no growth.", packer, sharper),
  baselineEntry("token-packer-64-256", "Region resampling (TokenPacker), grown.", packer, finer),
  baselineEntry("pixel-shuffle-64-256", "Squares of patches side by side, grown.", {
    kind: "pixel-shuffle",
    ratio: 2,
  }, finer),
  baselineEntry(
    "nested-pool-64-256",
    "Nested pooling (M3), every count trained; a finer one in fine-tuning.",
    { kind: "nested-pool", sides: [2, 4, 8] },
    finer,
  ),
  baselineEntry(
    "nested-queries-64-256",
    "Nested queries (MQT), every count trained; more of them in fine-tuning.",
    { kind: "nested-queries", queries: [16, 64], most: 256, levels: 2 },
    by({ resolution: 2, global: 2, local: 1 }),
  ),
  baselineEntry(
    "cos-80-400-tiled",
    "Chain-of-Sight on a thumbnail and 2 x 2 tiles, instead of its own growth.",
    pretrained[80],
    { kind: "tile", tiles: 2 },
  ),
  baselineEntry(
    "resampler-80-80-one-level",
    "The plain resampler on the deepest level alone.",
    resampler(80, 1),
    sharper,
  ),
  baselineEntry(
    "resampler-336-336-one-level",
    "The plain resampler on the deepest level alone.",
    resampler(336, 1),
    sharper,
  ),
  baselineEntry(
    "cos-80-336-one-level",
    "Chain-of-Sight on the deepest level alone: several scales without several levels.",
    { ...pretrained[80], levels: 1 },
    by(resolutionScaling()),
  ),
  baselineEntry(
    "cos-80-336-reversed",
    "Tokens from fine to coarse.",
    { ...pretrained[80], order: "fine-to-coarse" },
    by(resolutionScaling()),
  ),
  baselineEntry(
    "cos-80-1296-reversed",
    "Tokens from fine to coarse.",
    { ...pretrained[80], order: "fine-to-coarse" },
    by(compoundScaling()),
  ),
  baselineEntry(
    "cos-80-336-fresh",
    "Scales that grew start at random: what inflation is worth.",
    pretrained[80],
    by(resolutionScaling(), "fresh"),
  ),
  baselineEntry(
    "cos-80-1296-fresh",
    "Scales that grew start at random: what inflation is worth.",
    pretrained[80],
    by(compoundScaling(), "fresh"),
  ),
  baselineEntry(
    "cos-80-1296-fresh-queries",
    "Scales that grew keep their weights, but their queries start at random.",
    pretrained[80],
    by(compoundScaling(), "fresh-queries"),
  ),
];
