/** Layout operations composed from the movement primitives: squeeze, tile, roll, split, triangles. */
import { ShapeError } from "../errors.ts";
import { axisOf, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, equal, less, select } from "./elementwise.ts";
import { broadcastTo, concat, flip, permute, reshape, sliceAxis } from "./movement.ts";
import { full, iota } from "./source.ts";

/** A new axis of length 1 at a place. Data-last. */
export const unsqueeze = (axis: number): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const a = axisOf("unsqueeze", axis, x.shape.length + 1);
  return reshape([...x.shape.slice(0, a), 1, ...x.shape.slice(a)])(x);
};

/** Without axes of length 1: all of them, or those named. Data-last. */
export const squeeze = (axes?: readonly number[]): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const named = axes?.map((a) => axisOf("squeeze", a, x.shape.length));
  if (named?.some((a) => x.shape[a] !== 1)) {
    throw new ShapeError({
      op: "squeeze",
      got: `axes ${axes} of ${show(x.shape)}`,
      expected: "axes of length 1",
      hint: "sum or slice the others",
    });
  }
  return reshape(x.shape.filter((n, i) => named === undefined ? n !== 1 : !named.includes(i)))(x);
};

/** Two axes exchanged. Data-last. */
export const swapAxes = (a: number, b: number): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const [p, q] = [a, b].map((axis) => axisOf("swapAxes", axis, x.shape.length)) as [number, number];
  return permute(x.shape.map((_, i) => i === p ? q : i === q ? p : i))(x);
};

/** The whole repeated `times[i]` times along axis i. Data-last. */
export const tile = (times: readonly number[]): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  if (times.length !== x.shape.length || !times.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new ShapeError({
      op: "tile",
      got: `${show(times)} times ${show(x.shape)}`,
      expected: "one whole number per axis",
      hint: "give 1 for axes that stay",
    });
  }
  const apart = reshape(x.shape.flatMap((n) => [1, n]))(x);
  return reshape(x.shape.map((n, i) => n * times[i]!))(
    broadcastTo(x.shape.flatMap((n, i) => [times[i]!, n]))(apart),
  );
};

/** Elements moved `by` places along an axis, those beyond the end to the front. Data-last. */
export const roll = (by: number, axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const a = axisOf("roll", axis, x.shape.length), n = x.shape[a]!, cut = n === 0 ? 0 : ((-by % n) + n) % n;
  return cut === 0 ? x : concat([sliceAxis(a, cut, n)(x), sliceAxis(a, 0, cut)(x)], a);
};

/**
 * Consecutive parts of an axis, of the given lengths. Data-last.
 * @throws {ShapeError} if the lengths do not add up to the axis.
 */
export const split = (lengths: readonly number[], axis = -1): (x: Tensor) => readonly Tensor[] => (x) => {
  const a = axisOf("split", axis, x.shape.length), total = lengths.reduce((p, n) => p + n, 0);
  if (total !== x.shape[a]) {
    throw new ShapeError({
      op: "split",
      got: `lengths ${show(lengths)} of axis ${a} of ${show(x.shape)}`,
      expected: `lengths that add up to ${x.shape[a]}`,
      hint: "name every part",
    });
  }
  let at = 0;
  return lengths.map((n) => sliceAxis(a, at, at += n)(x));
};

/** How a border continues its tensor: with its last element, or mirrored about it. */
export type Continuation = "edge" | "reflect";

/** A border that continues the tensor: `low[i]` before and `high[i]` after along axis i. Data-last. */
export const padWith =
  (mode: Continuation, low: readonly number[], high: readonly number[]): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor => {
    const most = (n: number) => mode === "edge" ? (n > 0 ? Infinity : 0) : n - 1;
    if (
      [low, high].some((l) => l.length !== x.shape.length || l.some((k, i) => k < 0 || k > most(x.shape[i]!)))
    ) {
      throw new ShapeError({
        op: "padWith",
        got: `borders ${show(low)} and ${show(high)} of ${show(x.shape)}`,
        expected: mode === "edge" ? "one per axis, not below 0" : "one per axis, shorter than it",
        hint: "use pad() for a constant border",
      });
    }
    const one = (t: Tensor, a: number, from: number, to: number, length: number): Tensor =>
      mode === "edge"
        ? broadcastTo(t.shape.with(a, length))(sliceAxis(a, from, from + 1)(t))
        : flip([a])(sliceAxis(a, to, to + length)(t));
    return x.shape.reduce<Tensor>((t, n, a) => {
      const before = low[a]! > 0 ? [one(t, a, 0, 1, low[a]!)] : [];
      const after = high[a]! > 0 ? [one(t, a, n - 1, n - 1 - high[a]!, high[a]!)] : [];
      return concat([...before, t, ...after], a);
    }, x);
  };

/** Whether row and column of the last two axes are on or below the diagonal moved `shift` columns to the right. */
const onOrBelow = (x: Tensor, shift: number): Tensor => {
  const [m, n] = x.shape.slice(-2) as [number, number];
  return less(iota([1, n], 1), add(iota([m, 1], 0), shift + 1));
};

/** Zeros above a diagonal of the last two axes: the main one, or `shift` columns to its right. Data-last. */
export const lowerTriangle = (shift = 0): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  select(onOrBelow(x, shift), x, 0);

/** Zeros below a diagonal of the last two axes: the main one, or `shift` columns to its right. Data-last. */
export const upperTriangle = (shift = 0): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  select(onOrBelow(x, shift - 1), 0, x);

/** Ones on the diagonal, `[n, n]` f32. */
export const identityMatrix = (n: number): Tensor =>
  select(equal(iota([n, 1], 0), iota([1, n], 1)), full([n, n], 1), 0);
