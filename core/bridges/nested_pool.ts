/** Nested average pooling behind a perceptron: Matryoshka Multimodal Models (M3, arXiv 2405.17430). */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { fit } from "../parameter.ts";
import type { Bridge } from "./bridge.ts";
import { type BridgeRule, gridOfSite, inheritUnchanged, type NestedPoolDescription } from "./description.ts";
import { asGrid, asTokens, expectFeatures } from "./features.ts";
import { grownSide } from "./growth.ts";
import { growing } from "./nested.ts";
import { mlp, mlpSpecs } from "./mlp_layers.ts";
import { poolTo, sideOn } from "./pool.ts";

/** The nested pooling bridge: coarse tokens are means of the fine ones, and all counts are trained together. */
export const nestedPoolRule: BridgeRule<NestedPoolDescription> = {
  source: "M3, arXiv 2405.17430, section 3, equations 1 and 2; mu-cai/matryoshka-mm",
  differences: "counts are a list of any squares that divide the grid; after growth the coarser counts stay",
  build: ({ sides }, site) => {
    const grid = gridOfSite("nested-pool", site), { width, to } = site;
    const specs = mlpSpecs(width, to);
    const expect = expectFeatures("nested-pool", { levels: 1, grid, width });
    const at = (side: number): Bridge => {
      if (grid % sideOn("nested-pool", side, grid) !== 0) {
        throw new ConfigError({
          op: "nested-pool",
          got: `${side} tokens per side on a ${grid} x ${grid} grid`,
          expected: "a number that divides the grid, so that counts are nested",
          hint: `choose a divisor of ${grid}`,
        });
      }
      return {
        name: `nested-pool-${side ** 2}`,
        tokens: side ** 2,
        grid,
        levels: 1,
        specs,
        apply: (params, features) =>
          pipe(
            expect(features)[0]!,
            mlp(fit("nested-pool", specs, params)),
            asGrid(grid),
            poolTo(side),
            asTokens,
          ),
      };
    };
    const all = growing("nested-pool", sides).map(at);
    return { ...all.at(-1)!, members: all.slice(0, -1) };
  },
  grow: (description, growth) => {
    const grown = description.sides.map((side) => grownSide("nested-pool", side, growth));
    return {
      description: {
        ...description,
        sides: [...new Set([...description.sides, ...grown])].toSorted((a, b) => a - b),
      },
      inherit: inheritUnchanged,
    };
  },
};
