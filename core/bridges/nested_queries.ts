/** Nested queries: the Matryoshka Query Transformer (MQT, arXiv 2405.19315). */
import { ConfigError } from "../errors.ts";
import { sliceAxis } from "../ops/movement.ts";
import { fit } from "../parameter.ts";
import type { Bridge } from "./bridge.ts";
import { chainOfSightSpecs, chainOfSightTokens } from "./chain_of_sight.ts";
import {
  type BridgeRule,
  gridOfSite,
  inheritUnchanged,
  type NestedQueriesDescription,
} from "./description.ts";
import { refuseGrowth } from "./growth.ts";
import { growing } from "./nested.ts";
import { resamplerConfig } from "./resampler.ts";

/** The nested query bridge: the first m of many queries are a resampler of m tokens, for every m. */
export const nestedQueriesRule: BridgeRule<NestedQueriesDescription> = {
  source: "MQT, arXiv 2405.19315, section 3.1; gordonhu608/MQT-LLaVA (256 queries)",
  differences:
    "the block is that of the plain resampler here (no position embedding), so that only the nesting " +
    "differs; the mean over a list of counts represents the random count of a step",
  build: ({ queries, most, levels }, site) => {
    const whole = resamplerConfig({ ...site, queries: most, levels }), specs = chainOfSightSpecs(whole);
    const at = (count: number): Bridge => {
      const tokens = chainOfSightTokens(resamplerConfig({ ...site, queries: count, levels }));
      return {
        name: `nested-queries-${count}`,
        tokens: count,
        grid: gridOfSite("nested-queries", site),
        levels,
        specs,
        apply: (params, features) => {
          const { scales, ...shared } = fit("nested-queries", specs, params);
          const first = scales.map((s) => ({ ...s, queries: sliceAxis(1, 0, count)(s.queries) }));
          return tokens({ ...shared, scales: first }, features);
        },
      };
    };
    const counts = growing("nested-queries", queries);
    if (counts.at(-1)! > most) {
      throw new ConfigError({
        op: "nested-queries",
        got: `the first ${counts.at(-1)} of ${most} queries`,
        expected: `at most ${most}`,
        hint: "use fewer, or make more",
      });
    }
    const all = counts.map(at);
    return { ...all.at(-1)!, members: all.slice(0, -1) };
  },
  grow: (description, growth) => {
    if (growth.local !== 1) {
      refuseGrowth(
        "nested-queries",
        growth,
        "local 1: its queries look at the whole image",
        "grow the global lineage: a factor f means f f times the queries",
      );
    }
    const grown = description.queries.map((n) => n * growth.global ** 2);
    return {
      description: {
        ...description,
        queries: [...new Set([...description.queries, ...grown])].toSorted((a, b) => a - b),
      },
      inherit: inheritUnchanged,
    };
  },
};
