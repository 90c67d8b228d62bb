/** Growth of bridges that have a single window size. */
import { ConfigError } from "../errors.ts";
import type { Growth } from "../token_scaling.ts";

/** Refuses a growth that a kind of bridge does not have. */
export const refuseGrowth = (op: string, growth: Growth, expected: string, hint: string): never => {
  throw new ConfigError({
    op,
    got: `growth of resolution ${growth.resolution}, global ${growth.global}, local ${growth.local}`,
    expected,
    hint,
  });
};

/** Refuses growth of a global scale, for bridges whose tokens all represent a place. */
export const noGlobal = (op: string, growth: Growth): void => {
  if (growth.global !== 1) {
    refuseGrowth(op, growth, "global 1: it has no global scale", "grow the local lineage");
  }
};

/** Refuses growth that does not go with the patches, for bridges whose squares of patches are fixed. */
export const everyPatch = (op: string, growth: Growth): void => {
  noGlobal(op, growth);
  if (growth.local !== growth.resolution) {
    refuseGrowth(
      op,
      growth,
      "local as resolution: its tokens represent a fixed number of patches",
      "raise the resolution by the same factor, or choose a bridge that pools",
    );
  }
};

/** Tokens per side after a growth. */
export const grownSide = (op: string, side: number, growth: Growth): number => {
  noGlobal(op, growth);
  const grown = side * growth.local;
  return Number.isInteger(grown)
    ? grown
    : refuseGrowth(op, growth, `a whole multiple of ${side} tokens per side`, "choose a whole factor");
};
