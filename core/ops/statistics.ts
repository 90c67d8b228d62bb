/** Reductions made of others: least, product, any, all, variance. What they do on empty axes is in `rules.md`. */
import { isFloat } from "../dtype.ts";
import { axisOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { toLast } from "./along.ts";
import { cast, less, mul, neg, not, sqrt, sub } from "./elementwise.ts";
import { expectDType, expectFloat } from "./make.ts";
import { concat, reshape, sliceAxis } from "./movement.ts";
import { dividedBy, max, mean, type ReduceOptions, sum } from "./reduce.ts";
import { full } from "./source.ts";

/** The axes of the options, counted from the front; all where none are named. */
const axesIn = (op: string, x: Tensor, { axes }: ReduceOptions): readonly number[] =>
  axes === undefined
    ? x.shape.map((_, i) => i)
    : [...new Set(axes.map((a) => axisOf(op, a, x.shape.length)))].sort((a, b) => a - b);

const kept = (x: Tensor, axes: readonly number[]) => x.shape.map((n, i) => axes.includes(i) ? 1 : n);
const dropped = (x: Tensor, axes: readonly number[]) => x.shape.filter((_, i) => !axes.includes(i));

/**
 * Least over axes; NaN wins, ties share the gradient. Data-last.
 * @throws {ShapeError} for an empty axis.
 */
export const min = (options: ReduceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  // each reverses the order of its element type without overflow
  const reverse = (t: Tensor) => isFloat(t.dtype) ? neg(t) : sub(t.dtype === "u32" ? 4294967295 : -1, t);
  return reverse(max(options)(reverse(x)));
};

/** Product over axes by halves, so that its gradient is right where elements are 0; 1 of nothing. Data-last. */
export const product = (options: ReduceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const axes = axesIn("product", x, options), others = dropped(x, axes);
  // the reduced axes as one, last: the largest goes last first, so that the others keep their places
  const moved = [...axes].reverse().reduce((t, a) => toLast(a)(t), x);
  let rest = reshape([...others, axes.reduce((n, a) => n * x.shape[a]!, 1)])(moved);
  while (rest.shape.at(-1)! > 1) {
    const n = rest.shape.at(-1)!, half = Math.ceil(n / 2);
    const low = sliceAxis(-1, 0, half)(rest), high = sliceAxis(-1, half, n)(rest);
    const even = n % 2 === 0 ? high : concat([high, full([...others, 1], 1, x.dtype)], others.length);
    rest = mul(low, even);
  }
  const one = rest.shape.at(-1) === 0 ? full([...others, 1], 1, x.dtype) : rest;
  return reshape(options.keep ? kept(x, axes) : others)(one);
};

/** Whether any element of a bool tensor is true; false for nothing. Data-last. */
export const any = (options: ReduceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  expectDType("any", x, ["bool"]);
  return less(0, sum(options)(cast("i32")(x)));
};

/** Whether all elements of a bool tensor are true; true for nothing. Data-last. */
export const all = (options: ReduceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  expectDType("all", x, ["bool"]);
  return not(any(options)(not(x)));
};

/** Options of the variance. */
export interface VarianceOptions extends ReduceOptions {
  /** The sum of squares is divided by n less this; 0 by default, 1 for the unbiased estimate of a sample. */
  readonly correction?: number;
}

/**
 * Mean squared difference from the mean over axes; NaN of nothing. Data-last.
 * @throws {DTypeError} for integers.
 */
export const variance = (options: VarianceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  expectFloat("variance", x);
  const { correction = 0, ...over } = options;
  const n = axesIn("variance", x, over).reduce((a, i) => a * x.shape[i]!, 1);
  const apart = sub(x, mean({ ...over, keep: true })(x));
  return dividedBy(Math.max(0, n - correction))(sum(over)(mul(apart, apart)));
};

/** Square root of the variance; its gradient is not finite where the variance is 0. Data-last. */
export const standardDeviation =
  (options: VarianceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => sqrt(variance(options)(x));
