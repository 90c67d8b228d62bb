/** A perceptron for each patch: LLaVA-1.5's projection (arXiv 2310.03744, section 3.2). */
import { fit } from "../parameter.ts";
import { type BridgeRule, gridOfSite, inheritUnchanged, type MlpDescription } from "./description.ts";
import { expectFeatures } from "./features.ts";
import { everyPatch } from "./growth.ts";
import { mlp, mlpSpecs } from "./mlp_layers.ts";

/** The perceptron bridge: a token for each patch. */
export const mlpRule: BridgeRule<MlpDescription> = {
  source: "LLaVA-1.5, arXiv 2310.03744, section 3.2",
  differences: "none: two layers with gelu on the deepest level",
  build: (_, site) => {
    const grid = gridOfSite("mlp", site), { width, to } = site;
    const specs = mlpSpecs(width, to), expect = expectFeatures("mlp", { levels: 1, grid, width });
    return {
      name: `mlp-${grid ** 2}`,
      tokens: grid ** 2,
      grid,
      levels: 1,
      specs,
      apply: (params, features) => mlp(fit("mlp", specs, params))(expect(features)[0]!),
    };
  },
  grow: (description, growth) => {
    everyPatch("mlp", growth);
    return { description, inherit: inheritUnchanged };
  },
};
