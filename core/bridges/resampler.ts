/**
 * The plain resampler, Chain-of-Sight's rival ("Resamp." in the tables of arXiv 2407.15819): one window over the
 * whole grid, otherwise the same block.
 */
import { layoutOf } from "../token_scaling.ts";
import type { Bridge } from "./bridge.ts";
import { chainOfSight, type ChainOfSightConfig } from "./chain_of_sight.ts";

/** What a resampler is made of. */
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

/** A resampler as a bridge, named by its token count. It reads two feature levels unless told otherwise. */
export const resampler = (config: ResamplerConfig): Bridge => ({
  ...chainOfSight(resamplerConfig(config)),
  name: `resampler-${config.queries}`,
});
