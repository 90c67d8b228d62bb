/** Squares of patches side by side in one token: InternVL 1.5 (arXiv 2404.16821) and Idefics3 (arXiv 2408.12637). */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { layerNorm, layerNormSpecs } from "../nn/norm.ts";
import { spaceToDepth } from "../nn/pixels.ts";
import { fit } from "../parameter.ts";
import {
  type BridgeRule,
  gridOfSite,
  inheritUnchanged,
  type PixelShuffleDescription,
} from "./description.ts";
import { asGrid, asTokens, expectFeatures } from "./features.ts";
import { everyPatch } from "./growth.ts";
import { mlp, mlpSpecs } from "./mlp_layers.ts";

/** The pixel shuffle bridge: `ratio x ratio` patches become one token. */
export const pixelShuffleRule: BridgeRule<PixelShuffleDescription> = {
  source: "InternVL 1.5, arXiv 2404.16821, section 3.2 (ratio 2); Idefics3, arXiv 2408.12637, section 4.1",
  differences: "the order of the channels within a token, which the first map can undo",
  build: ({ ratio }, site) => {
    const grid = gridOfSite("pixel-shuffle", site), { width, to } = site, side = grid / ratio;
    if (!Number.isInteger(ratio) || ratio < 1 || !Number.isInteger(side)) {
      throw new ConfigError({
        op: "pixel-shuffle",
        got: `squares of ${ratio} patches on a ${grid} x ${grid} grid`,
        expected: "squares that tile the grid",
        hint: `choose a divisor of ${grid}`,
      });
    }
    const wide = ratio ** 2 * width, specs = { ln: layerNormSpecs(wide), mlp: mlpSpecs(wide, to) };
    const expect = expectFeatures("pixel-shuffle", { levels: 1, grid, width });
    return {
      name: `pixel-shuffle-${side ** 2}`,
      tokens: side ** 2,
      grid,
      levels: 1,
      specs,
      apply: (params, features) => {
        const { ln, mlp: weights } = fit("pixel-shuffle", specs, params);
        return pipe(
          expect(features)[0]!,
          asGrid(grid),
          spaceToDepth(ratio),
          asTokens,
          layerNorm(ln),
          mlp(weights),
        );
      },
    };
  },
  grow: (description, growth) => {
    everyPatch("pixel-shuffle", growth);
    return { description, inherit: inheritUnchanged };
  },
};
