/**
 * Order along an axis: sorting, its permutation, and the first few. Every element is compared with every other, which
 * a kernel does without memory: n^2 comparisons for an axis of n. Equal elements keep their order; NaN counts as
 * greater than every number, and -0 as equal to 0.
 */
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { fromLast, toLast } from "./along.ts";
import { isNaN } from "./compare.ts";
import { and, cast, equal, less, not, or, select } from "./elementwise.ts";
import { broadcastTo, reshape } from "./movement.ts";
import { sum } from "./reduce.ts";
import { iota } from "./source.ts";

/** Direction of an order. */
export interface OrderOptions {
  /** Largest first; false by default. */
  readonly descending?: boolean;
}

/** The first few of an order, with their places. */
export interface TopK {
  /** The elements, largest (or least) first; the axis has length k. */
  readonly values: Tensor;
  /** Their indices along the axis, i32. */
  readonly indices: Tensor;
}

/** Whether a precedes b, and whether neither does, in ascending order. */
const compare = (a: Tensor, b: Tensor): { readonly before: Tensor; readonly tie: Tensor } =>
  isFloat(a.dtype)
    ? {
      before: or(less(a, b), and(not(isNaN(a)), isNaN(b))),
      tie: or(equal(a, b), and(isNaN(a), isNaN(b))),
    }
    : { before: less(a, b), tie: equal(a, b) };

/** How many elements of the last axis stand before each, i32. */
const ranks = (x: Tensor, descending: boolean): Tensor => {
  const n = x.shape.at(-1)!, lead = x.shape.slice(0, -1), square = [...lead, n, n];
  const one = broadcastTo(square)(reshape([...lead, n, 1])(x));
  const other = broadcastTo(square)(reshape([...lead, 1, n])(x));
  const { before, tie } = descending ? compare(one, other) : compare(other, one);
  const earlier = and(tie, less(iota([1, n], 1), iota([n, 1], 0)));
  return sum({ axes: [-1] })(cast("i32")(or(before, earlier)));
};

/** From the ranks of the last axis: for each of the first k ranks, the value that exists. */
const atRanks = (rank: Tensor, k: number) => (x: Tensor): Tensor => {
  const n = rank.shape.at(-1)!, lead = rank.shape.slice(0, -1), wide = [...lead, k, n];
  const across = (t: Tensor) => broadcastTo(wide)(reshape([...lead, 1, n])(t));
  return sum({ axes: [-1] })(select(equal(across(rank), iota([k, 1], 0)), across(x), 0));
};

const places = (x: Tensor): Tensor => iota(x.shape, x.shape.length - 1);

/** The elements along an axis (the last by default) in ascending order, NaN last. Data-last. */
export const sort =
  (axis = -1, { descending = false }: OrderOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
    const last = toLast(axis)(x), n = last.shape.at(-1)!;
    return fromLast(axis)(atRanks(ranks(last, descending), n)(last));
  };

/** The i32 indices that sort an axis (the last by default): `takeAlong(argsort(x))(x)` is sorted. Data-last. */
export const argsort =
  (axis = -1, { descending = false }: OrderOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
    const last = toLast(axis)(x), n = last.shape.at(-1)!;
    return fromLast(axis)(atRanks(ranks(last, descending), n)(places(last)));
  };

/**
 * The k largest along an axis (the last by default), largest first; the least with `descending: false`. The
 * gradient goes to the chosen elements. Data-last.
 * @throws {ShapeError} if the axis has fewer than k elements.
 */
export const topK =
  (k: number, axis = -1, { descending = true }: OrderOptions = {}): (x: Tensor) => TopK =>
  (x: Tensor): TopK => {
    const last = toLast(axis)(x), n = last.shape.at(-1)!;
    if (!Number.isInteger(k) || k < 0 || k > n) {
      throw new ShapeError({
        op: "topK",
        got: `k = ${k} of axis ${axis} of ${show(x.shape)}`,
        expected: `an integer from 0 to ${n}`,
        hint: "ask for fewer",
      });
    }
    const pick = atRanks(ranks(last, descending), k), back = fromLast(axis);
    return { values: back(pick(last)), indices: back(pick(places(last))) };
  };
