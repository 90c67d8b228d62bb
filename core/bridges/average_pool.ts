/** Adaptive average pooling, then a perceptron: DeCo (arXiv 2405.20985). */
import { pipe } from "fp-ts/lib/function.js";
import { fit } from "../parameter.ts";
import { type AveragePoolDescription, type BridgeRule, gridOfSite, inheritUnchanged } from "./description.ts";
import { asGrid, asTokens, expectFeatures } from "./features.ts";
import { grownSide } from "./growth.ts";
import { mlp, mlpSpecs } from "./mlp_layers.ts";
import { poolTo, sideOn } from "./pool.ts";

/**
 * The pooling bridge. Its parameters do not depend on the number of tokens, so a model pre-trained on pooled tokens
 * grows to all of them as it is: the control that separates the schedule of Chain-of-Sight from its bridge.
 */
export const averagePoolRule: BridgeRule<AveragePoolDescription> = {
  source: "DeCo, arXiv 2405.20985, section 4: 2D adaptive average pooling and a projection",
  differences: "the projection is LLaVA-1.5's perceptron, as for the other bridges here",
  build: ({ side }, site) => {
    const grid = gridOfSite("average-pool", site), { width, to } = site;
    sideOn("average-pool", side, grid);
    const specs = mlpSpecs(width, to);
    const expect = expectFeatures("average-pool", { levels: 1, grid, width });
    return {
      name: `average-pool-${side ** 2}`,
      tokens: side ** 2,
      grid,
      levels: 1,
      specs,
      apply: (params, features) =>
        pipe(
          expect(features)[0]!,
          asGrid(grid),
          poolTo(side),
          asTokens,
          mlp(fit("average-pool", specs, params)),
        ),
    };
  },
  grow: (description, growth) => ({
    description: { ...description, side: grownSide("average-pool", description.side, growth) },
    inherit: inheritUnchanged,
  }),
};
