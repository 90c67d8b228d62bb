/** One affine map for each patch: LLaVA's projection (arXiv 2304.08485, equation 1). */
import { linear, linearSpecs } from "../nn/linear.ts";
import { fit } from "../parameter.ts";
import { type BridgeRule, gridOfSite, inheritUnchanged, type LinearDescription } from "./description.ts";
import { expectFeatures } from "./features.ts";
import { everyPatch } from "./growth.ts";

/** The linear bridge: a token for each patch, "Linear" in the tables of arXiv 2407.15819. */
export const linearRule: BridgeRule<LinearDescription> = {
  source: "LLaVA, arXiv 2304.08485, equation 1; the Linear rows of arXiv 2407.15819",
  differences: "none: H = W Z + b on the deepest level",
  build: (_, site) => {
    const grid = gridOfSite("linear", site), { width, to } = site;
    const specs = linearSpecs({ from: width, to }),
      expect = expectFeatures("linear", { levels: 1, grid, width });
    return {
      name: `linear-${grid ** 2}`,
      tokens: grid ** 2,
      grid,
      levels: 1,
      specs,
      apply: (params, features) => linear(fit("linear", specs, params))(expect(features)[0]!),
    };
  },
  grow: (description, growth) => {
    everyPatch("linear", growth);
    return { description, inherit: inheritUnchanged };
  },
};
