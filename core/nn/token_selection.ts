/**
 * Token selection: indices of the kept tokens carry no gradient; the gradient flows through the gathered rows.
 * Shapes: b rows, n tokens, k kept tokens, d channels.
 */
import { ConfigError } from "../errors.ts";
import { div, equal, maximum, minimum, mul, select, sqrt, sub } from "../ops/elementwise.ts";
import { matmul } from "../ops/contraction.ts";
import { reshape, transpose } from "../ops/movement.ts";
import { sort, topK } from "../ops/order.ts";
import { argmax, sum } from "../ops/reduce.ts";
import { full, iota } from "../ops/source.ts";
import { min } from "../ops/statistics.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { stopGradient } from "../transforms/custom_vjp.ts";
import { scan } from "../transforms/scan.ts";

const checkCount = (op: string, k: number, x: Tensor): void => {
  const n = x.shape[1]!;
  if (Number.isInteger(k) && k >= 1 && k <= n) return;
  throw new ConfigError({
    op,
    got: `${k} of the tokens of ${show(x.shape)}`,
    expected: `an integer from 1 to ${n}`,
    hint: "keep a share above 0 and at most 1",
  });
};

/**
 * Indices, i32 `[b, k]` ascending, of the tokens with the largest scores `[b, n]`; of equal scores the first. Data-last.
 * @throws {ConfigError} for a k below 1 or above n.
 */
export const topTokens = (k: number): (score_bn: Tensor) => Tensor => (score_bn: Tensor): Tensor => {
  checkCount("topTokens", k, score_bn);
  return sort()(topK(k)(stopGradient(score_bn)).indices);
};

/** A norm below this is that of a token without direction. */
const SMALL = 1e-12;

/**
 * Indices, i32 `[b, k]` ascending, of tokens `[b, n, d]` that are far from each other (DivPrune, arXiv 2503.02175, Max-Min
 * Diversity): the distance is 1 - cosine; first the token whose nearest other is farthest, then k - 1 times the one whose
 * nearest chosen one is farthest. As `DivPrune` of `llava/model/llava_arch.py` in dingkun-zhang/DualSpeed (99337cb).
 * Data-last.
 * @throws {ConfigError} for a k below 1 or above n.
 */
export const diverseTokens = (k: number): (x_bnd: Tensor) => Tensor => (x_bnd: Tensor): Tensor => {
  checkCount("diverseTokens", k, x_bnd);
  const x = stopGradient(x_bnd), [b, n] = x.shape as [number, number];
  const norm = maximum(sqrt(sum({ axes: [2], keep: true })(mul(x, x))), SMALL), unit = div(x, norm);
  const far_bnn = sub(1, matmul(transpose(unit))(unit)), columns = iota([1, n], 1);
  const itself = equal(iota([n, 1], 0), columns);
  const hit = (chosen_b: Tensor): Tensor => equal(reshape([b, 1])(chosen_b), columns);
  const first = hit(argmax()(min({ axes: [2] })(select(itself, Infinity, far_bnn))));
  const from = (hit_bn: Tensor): Tensor => sum({ axes: [1] })(select(reshape([b, n, 1])(hit_bn), far_bnn, 0));
  const start = { chosen: select(first, full([b, n], 1), 0), near: from(first) };
  const [{ chosen }] = k === 1 ? [start] : scan(({ chosen, near }: typeof start) => {
    const next = hit(argmax()(select(equal(chosen, 1), -Infinity, near)));
    return [{ chosen: select(next, 1, chosen), near: minimum(near, from(next)) }];
  }, { carry: start, length: k - 1 });
  return topK(k)(chosen).indices;
};
