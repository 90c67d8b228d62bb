/**
 * Softmax and its kin, shifted so that nothing overflows. They do not depend on the shift, so it is the greatest
 * element rounded up: `ceil` has no derivative, and the backward pass need not walk through the maximum.
 */
import { add, ceil, div, exp, log, maximum, minimum, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { max, sum } from "../ops/reduce.ts";
import { axisOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

const shiftOf = (x: Tensor, axes: readonly number[]): Tensor => ceil(max({ axes, keep: true })(x));

/** `e^x / sum(e^x)` along an axis (the last by default). Data-last. */
export const softmax = (axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const axes = [axis], e = exp(sub(x, shiftOf(x, axes)));
  return div(e, sum({ axes, keep: true })(e));
};

/** `x - log(sum(e^x))` along an axis (the last by default). Data-last. */
export const logSoftmax = (axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const axes = [axis], shifted = sub(x, shiftOf(x, axes));
  return sub(shifted, log(sum({ axes, keep: true })(exp(shifted))));
};

/** `log(sum(e^x))` over axes (the last by default), which go unless `keep`; infinities pass. Data-last. */
export const logsumexp = (
  axes: readonly number[] = [-1],
  keep = false,
): (x: Tensor) => Tensor =>
(x: Tensor): Tensor => {
  const at = axes.map((a) => axisOf("logsumexp", a, x.shape.length));
  // a finite shift: x - shift must not be inf - inf
  const shift = maximum(minimum(shiftOf(x, at), 1e38), -1e38);
  const y = add(log(sum({ axes: at, keep: true })(exp(sub(x, shift)))), shift);
  return keep ? y : reshape(x.shape.filter((_, i) => !at.includes(i)))(y);
};
