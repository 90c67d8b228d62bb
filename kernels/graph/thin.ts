/**
 * Products of few rows, such as those of a decoder that writes one token, as sums along the rows of the other operand.
 * A tile of a product shares what it reads among its rows; where there are none to share with, a workgroup to each
 * result reads its row of weights side by side, and there are enough of them to keep the memory busy.
 */
import { is, mul, operandsOf, reshape, sizeOf, sum, type Tensor, transpose } from "@chain-of-sight/core";
import { rewrite } from "./rewrite.ts";

/** Most rows of all batches together. */
const ROWS = 4;

/** Least length of a sum, and least number of sums: smaller products are quick in any way. */
const LENGTH = 64, SUMS = 64;

/** Whether the last axis but one lies side by side in memory: a matrix that was transposed, as weights are. */
const transposed = (t: Tensor): boolean => {
  if (is("permute", t)) return t.attributes.order.at(-1) === t.shape.length - 2;
  const [from] = operandsOf(t);
  return (is("expand", t) || (is("reshape", t) && from!.shape.at(-1) === t.shape.at(-1))) &&
    transposed(from!);
};

/** Whether a node is a product that sums do better. */
export const isThin = (t: Tensor): boolean => {
  if (!is("matmul", t)) return false;
  const [a, b] = t.args as [Tensor, Tensor], n = t.shape.at(-1)!;
  return sizeOf(t.shape.slice(0, -1)) <= ROWS && a.shape.at(-1)! >= LENGTH && n >= SUMS && transposed(b);
};

const summed = (t: Tensor): Tensor => {
  const [a, b] = t.args as [Tensor, Tensor], lead = t.shape.slice(0, -2);
  const [m, n] = t.shape.slice(-2) as [number, number], k = a.shape.at(-1)!;
  const rows = reshape([...lead, m, 1, k])(a), others = reshape([...lead, 1, n, k])(transpose(b));
  return sum({ axes: [-1] })(mul(rows, others));
};

/** The roots with thin products as sums. */
export const thinned: (roots: readonly Tensor[]) => readonly Tensor[] = rewrite((node) =>
  isThin(node) ? summed(node) : node
);
