/**
 * The plain resampler, Chain-of-Sight's baseline ("Resamp." in the tables of arXiv 2407.15819): one window over the
 * whole grid, otherwise the same block.
 */
import { layoutOf } from "../token_scaling.ts";
import type { Bridge } from "./bridge.ts";
import { chainOfSight, type ChainOfSightConfig } from "./chain_of_sight.ts";
import { type BridgeRule, inheritUnchanged, type ResamplerDescription } from "./description.ts";
import { refuseGrowth } from "./growth.ts";

/** Configuration of a resampler. */
export interface ResamplerConfig extends Omit<ChainOfSightConfig, "layout"> {
  /** Side of the input image in pixels. */
  readonly resolution: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** Number of visual tokens. */
  readonly queries: number;
}

/** The configuration of the one-window bridge that a resampler is. */
export const resamplerConfig = (
  { resolution, patch, queries, ...rest }: ResamplerConfig,
): ChainOfSightConfig => ({ ...rest, layout: layoutOf(resolution, patch, [resolution / patch], [queries]) });

/** A resampler as a bridge, named by its token count. It reads two feature levels by default. */
export const resampler = (config: ResamplerConfig): Bridge => ({
  ...chainOfSight(resamplerConfig(config)),
  name: `resampler-${config.queries}`,
});

/** The plain resampler with one or more feature levels. */
export const resamplerRule: BridgeRule<ResamplerDescription> = {
  source:
    "Flamingo's perceiver resampler, arXiv 2204.14198, section 3.1; the Resamp. rows of arXiv 2407.15819",
  differences:
    "one layer for each feature level, of the very block that Chain-of-Sight has, so that only the " +
    "windows differ; keys are the features alone, and queries do not look at each other",
  build: ({ queries, levels }, site) => resampler({ ...site, queries, levels }),
  grow: (description, growth) => {
    if (growth.global !== 1 || growth.local !== 1) {
      refuseGrowth(
        "resampler",
        growth,
        "global 1 and local 1: its queries look at the whole image and have no windows to split",
        "raise the resolution alone, or tile the image",
      );
    }
    return { description, inherit: inheritUnchanged };
  },
};
