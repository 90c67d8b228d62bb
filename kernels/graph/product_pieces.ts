/**
 * Products with few results and long sums in pieces: products of slices of the sum side by side, then their results
 * added in order, so that the same numbers come out every time. One product alone would leave most of a device idle.
 */
import { is, matmul, permute, reshape, sizeOf, sum, type Tensor } from "@chain-of-sight/core";

import type { DeviceProfile } from "../device_profile.ts";
import { type ProductSize, schedulePieces } from "../schedule/pieces.ts";
import { rewrite } from "./rewrite.ts";

/** Sizes of a product, all leading axes together. */
export const productSize = (t: Tensor<"matmul">): ProductSize => ({
  batch: sizeOf(t.shape.slice(0, -2)),
  m: t.shape.at(-2)!,
  n: t.shape.at(-1)!,
  k: t.args[0]!.shape.at(-1)!,
});

/** A product as the sum of products over pieces of its summed length. */
const inPieces = (t: Tensor<"matmul">, pieces: number): Tensor => {
  const [a, b] = t.args as [Tensor, Tensor], { batch, m, n, k } = productSize(t), each = k / pieces;
  const left = permute([0, 2, 1, 3])(reshape([batch, m, pieces, each])(a));
  const right = reshape([batch, pieces, each, n])(b);
  const parts = matmul(right)(left);
  return reshape(t.shape)(sum({ axes: [1] })(parts));
};

/** The roots with products in pieces, as the profile has them. */
export const piecedProducts = (profile: DeviceProfile) => (roots: readonly Tensor[]): readonly Tensor[] => {
  if (profile.software && profile.schedules === undefined) return roots;
  return rewrite((node) => {
    if (!is("matmul", node)) return node;
    // f16 results of pieces would be rounded before they are added
    const pieces = node.dtype === "f32" ? schedulePieces(productSize(node), node.dtype, profile) : 1;
    return pieces > 1 ? inPieces(node, pieces) : node;
  })(roots);
};
