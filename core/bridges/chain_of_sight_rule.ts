/** Chain-of-Sight as data, and how it grows (arXiv 2407.15819, section 3). */
import type { NdArray } from "../array.ts";
import {
  grow,
  type GrownLayout,
  type Growth,
  inflate,
  type Layout,
  layoutOf,
  windowsPerSide,
} from "../token_scaling.ts";
import type { Tree } from "../tree.ts";
import { chainOfSight, type ChainOfSightParams } from "./chain_of_sight.ts";
import type { BridgeRule, BridgeSite, ChainOfSightDescription, Inheritance, Start } from "./description.ts";

/** The layout of a description on a site. Throws ConfigError where windows do not tile the grid. */
export const layoutOn = (
  { windows, queries }: Pick<ChainOfSightDescription, "windows" | "queries">,
  { resolution, patch }: Pick<BridgeSite, "resolution" | "patch">,
): Layout => layoutOf(resolution, patch, windows, queries);

/** Whether a scale of the grown layout has more windows than the one it comes from. */
const hasGrown = (from: Layout, { layout, sources }: GrownLayout, scale: number): boolean =>
  windowsPerSide(layout, layout.scales[scale]!) > windowsPerSide(from, from.scales[sources[scale]!]!);

/** Inflation with a start: scales that grew take their queries, or all of their parameters, from a fresh bridge. */
const inheritance = (from: Layout, grown: GrownLayout, start: Start): Inheritance => (given, fresh) => {
  const params = given as unknown as ChainOfSightParams<NdArray>;
  const inflated = inflate(from, grown.layout, grown.sources)(params);
  if (start === "source") return inflated as unknown as Tree<NdArray>;
  const drawn = fresh() as unknown as ChainOfSightParams<NdArray>;
  const scales = inflated.scales.map((scale, s) => {
    if (!hasGrown(from, grown, s)) return scale;
    return start === "fresh" ? drawn.scales[s]! : { ...scale, queries: drawn.scales[s]!.queries };
  });
  return { ...inflated, scales } as unknown as Tree<NdArray>;
};

/** Chain-of-Sight: windows of several sizes, each with its own queries. */
export const chainOfSightRule: BridgeRule<ChainOfSightDescription> = {
  source: "Chain-of-Sight, arXiv 2407.15819, section 3",
  differences: "none known; order, levels and what new scales start from are switches of ablations",
  build: ({ windows, queries, levels, order }, site) =>
    chainOfSight({
      layout: layoutOn({ windows, queries }, site),
      width: site.width,
      to: site.to,
      heads: site.heads,
      levels,
      order,
    }),
  grow: (description, growth: Growth, site, start) => {
    const from = layoutOn(description, site), grown = grow(growth)(from);
    return {
      description: {
        ...description,
        windows: grown.layout.scales.map((s) => s.window),
        queries: grown.layout.scales.map((s) => s.queries),
      },
      inherit: inheritance(from, grown, start),
    };
  },
};
