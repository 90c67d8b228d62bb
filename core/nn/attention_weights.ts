/**
 * Attention weights, extracted from a description after it was built, so that no model has
 * to be written twice to be inspected.
 */
import { visibleKeys } from "../ops/attention.ts";
import { mul } from "../ops/elementwise.ts";
import { matmul } from "../ops/contraction.ts";
import { reshape, transpose } from "../ops/movement.ts";
import { inlined } from "../transforms/inline.ts";
import { is, type Tensor, topological } from "../tensor.ts";
import { maskedSoftmax, softmax } from "./softmax.ts";

/**
 * Attention in the descriptions of some values, in the order in which they were described: block after block. They are
 * nodes of `inlined(roots)`, which is what gradients for them are taken of.
 */
export const attentionsOf = (roots: readonly Tensor[]): readonly Tensor<"attention">[] =>
  topological(inlined(roots)).filter((t) => is("attention", t));

/** The weights of attention, `[b, h, q, s]`: of every query over all keys, 1 in all; 0 for a query that sees none. */
export const attentionWeights = (node: Tensor<"attention">): Tensor => {
  const [q, k] = node.args as [Tensor, Tensor], { scale } = node.attributes, seen = visibleKeys(node);
  const [b, h, n, d] = q.shape as [number, number, number, number],
    [, g, s] = k.shape as [number, number, number];
  const grouped = reshape([b, g, h / g, n, d])(q), keys = reshape([b, g, 1, s, d])(k);
  const scores = mul(matmul(transpose(keys))(grouped), scale);
  const weights = seen === undefined ? softmax() : maskedSoftmax(seen);
  return reshape([b, h, n, s])(weights(scores));
};
