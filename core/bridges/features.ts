/** Inputs of bridges: levels of features on a square grid. */
import { ConfigError } from "../errors.ts";
import { reshape } from "../ops/movement.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The features that a bridge expects. */
export interface ExpectedFeatures {
  /** Number of levels. */
  readonly levels: number;
  /** Side of the grid. */
  readonly grid: number;
  /** Channels. */
  readonly width: number;
}

/**
 * Feature levels `[b, g g, d]` as they came.
 * @throws {ConfigError} where their number or a shape is another.
 */
export const expectFeatures = (op: string, { levels, grid, width }: ExpectedFeatures) =>
(
  features: readonly Tensor[],
): readonly Tensor[] => {
  const cells = grid ** 2;
  if (
    features.length === levels &&
    features.every(({ shape }) => shape.length === 3 && shape[1] === cells && shape[2] === width)
  ) return features;
  throw new ConfigError({
    op,
    got: `features ${features.map((f) => show(f.shape)).join(", ")}`,
    expected: `${levels} level${levels === 1 ? "" : "s"} of shape [b, ${cells}, ${width}]`,
    hint: "drop the class token, and use a layout of the encoder's resolution",
  });
};

/** `[b, g g, d]` as an image `[b, g, g, d]`. Data-last. */
export const asGrid = (g: number): (x_bnd: Tensor) => Tensor => (x_bnd: Tensor): Tensor =>
  reshape([x_bnd.shape[0]!, g, g, x_bnd.shape[2]!])(x_bnd);

/** An image `[b, y, x, d]` as a row of tokens `[b, y x, d]`. */
export const asTokens = (x_byxd: Tensor): Tensor => {
  const [b, y, x, d] = x_byxd.shape as [number, number, number, number];
  return reshape([b, y * x, d])(x_byxd);
};
