/**
 * Softmax and its kin, shifted so that nothing overflows. They do not depend on the shift, so it is the largest
 * element rounded up: `ceil` has no derivative, and the backward pass need not walk through the maximum.
 */
import { expectFloat } from "../ops/make.ts";
import { add, cast, ceil, div, exp, log, maximum, minimum, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { max, sum } from "../ops/reduce.ts";
import { together } from "../origin.ts";
import { axisOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

const shiftOf = (x: Tensor, axes: readonly number[]): Tensor => ceil(max({ axes, keep: true })(x));

/** `e^x / sum(e^x)` along an axis (the last by default). Data-last. */
export const softmax = (axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  together(() => {
    expectFloat("softmax", x);
    const axes = [axis], e = exp(sub(x, shiftOf(x, axes)));
    return div(e, sum({ axes, keep: true })(e));
  });

/** The score of what may not be seen: its exponential is 0 alongside any other. */
const hidden = (x: Tensor): number => x.dtype === "f16" ? -65504 : -1e30;

/**
 * Softmax along the last axis over the elements at which `seen` is true; it broadcasts to x. The others have weight 0,
 * in rows without any that is seen, too, where the weights and their gradients are all 0. Data-last.
 */
export const maskedSoftmax = (seen: Tensor): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  select(seen, softmax()(select(seen, x, hidden(x))), 0);

/** `x - log(sum(e^x))` along an axis (the last by default). Data-last. */
export const logSoftmax = (axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  together(() => {
    expectFloat("logSoftmax", x);
    const axes = [axis], shifted = sub(x, shiftOf(x, axes));
    return sub(shifted, log(sum({ axes, keep: true })(exp(shifted))));
  });

/** `log(sum(e^x))` over axes (the last by default), which go unless `keep`; infinities pass. Data-last. */
export const logsumexp = (
  axes: readonly number[] = [-1],
  keep = false,
): (x: Tensor) => Tensor =>
(x: Tensor): Tensor =>
  together(() => {
    expectFloat("logsumexp", x);
    const at = axes.map((a) => axisOf("logsumexp", a, x.shape.length));
    // a finite shift: x - shift must not be inf - inf
    const most = x.dtype === "f16" ? 65504 : 1e38, shift = maximum(minimum(shiftOf(x, at), most), -most);
    const total = sum({ axes: at, keep: true })(exp(sub(x, shift))), some = cast("bool")(total);
    // where every element is -Infinity the result is, too, and its gradient is 0
    const y = select(some, add(log(select(some, total, 1)), shift), -Infinity);
    return keep ? y : reshape(x.shape.filter((_, i) => !at.includes(i)))(y);
  });
