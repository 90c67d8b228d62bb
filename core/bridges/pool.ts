/** Pooling of a feature grid to fewer tokens. */
import { ConfigError } from "../errors.ts";
import { adaptiveAveragePool2d, averagePool2d } from "../nn/pooling.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Tokens per side on a grid, checked.
 * @throws {ConfigError} unless there is at least one token per side and one patch per token.
 */
export const sideOn = (op: string, side: number, grid: number): number => {
  if (Number.isInteger(side) && side >= 1 && side <= grid) return side;
  throw new ConfigError({
    op,
    got: `${side} tokens per side on a ${grid} x ${grid} grid`,
    expected: `1 to ${grid}`,
    hint: "pool to fewer tokens, or raise the resolution",
  });
};

/** Means over `side x side` regions: `[b, g, g, d]` to `[b, side, side, d]`; regions overlap unless side divides g. */
export const poolTo = (side: number): (x_bggd: Tensor) => Tensor => (x_bggd: Tensor): Tensor => {
  const grid = x_bggd.shape[1]!;
  if (side === grid) return x_bggd;
  return grid % side === 0 ? averagePool2d(grid / side)(x_bggd) : adaptiveAveragePool2d(side)(x_bggd);
};
