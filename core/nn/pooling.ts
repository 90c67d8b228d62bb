/**
 * Pooling of images: windows that slide, and as many intervals as asked for.
 * Shapes: b images, h w sides before, y x sides after, c channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ShapeError } from "../errors.ts";
import { add, and, cast, div, less, mul, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { max, sum } from "../ops/reduce.ts";
import { full, iota } from "../ops/source.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Border, padSides, type Sides, sidesOf, slide } from "./sliding.ts";

/** How a window goes over an image. */
export interface PoolOptions {
  /** From one window to the next; the window's own sides by default. */
  readonly stride?: Sides;
  /** Border that never wins a maximum and counts as 0 in a mean; none by default. */
  readonly padding?: Border;
}

/** Options of mean pooling. */
export interface AveragePoolOptions extends PoolOptions {
  /** Whether a mean divides by the border's elements too; true by default, as in PyTorch. */
  readonly countPadding?: boolean;
}

const seen = (size: Sides, { stride = size, padding = 0 }: PoolOptions, border: number) => {
  const [p, q] = sidesOf(size), [sy, sx] = sidesOf(stride);
  return (x_bhwc: Tensor): Tensor =>
    pipe(
      x_bhwc,
      padSides(padding, border),
      slide(1, { size: p, stride: sy }),
      slide(3, { size: q, stride: sx }),
    );
};

/** Largest of every window: `[b, h, w, c]` to `[b, y, x, c]`. Ties share the gradient; NaN wins. Data-last. */
export const maxPool2d = (size: Sides, options: PoolOptions = {}): (x_bhwc: Tensor) => Tensor =>
(
  x_bhwc: Tensor,
): Tensor => max({ axes: [2, 4] })(seen(size, options, -Infinity)(x_bhwc));

/** Mean of every window: `[b, h, w, c]` to `[b, y, x, c]`. Data-last. */
export const averagePool2d =
  (size: Sides, options: AveragePoolOptions = {}): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
    const look = seen(size, options, 0), axes = [2, 4], [p, q] = sidesOf(size);
    const total = sum({ axes })(look(x_bhwc));
    if (options.countPadding ?? true) return mul(total, 1 / (p * q));
    const [, h, w] = x_bhwc.shape as [number, number, number];
    return div(total, sum({ axes })(look(full([1, h, w, 1], 1))));
  };

/**
 * True where new point o covers old point i, `[to, from]`: from `floor(o from / to)` to
 * `ceil((o + 1) from / to) - 1`.
 */
const covers = (from: number, to: number): Tensor => {
  const o = iota([to, 1], 0), i = iota([1, from], 1);
  const start = div(mul(o, from), to), stop = div(add(mul(add(o, 1), from), to - 1), to);
  return and(less(sub(start, 1), i), less(i, stop));
};

/** How the values of an interval become one: `outside` represents all others. */
interface Fold {
  readonly outside: number;
  readonly over: (x_btnr: Tensor, covered_1tn1: Tensor) => Tensor;
}

/** Folds axis 1 of `[b, n, r]` over the intervals of `to` new points: `[b, to, r]`. */
const overIntervals = (to: number, { outside, over }: Fold) => (x_bnr: Tensor): Tensor => {
  const [b, n, r] = x_bnr.shape as [number, number, number];
  const covered = reshape([1, to, n, 1])(covers(n, to));
  return over(select(covered, reshape([b, 1, n, r])(x_bnr), outside), covered);
};

const adaptive = (op: string, fold: Fold) => (size: Sides) => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, c] = x_bhwc.shape as [number, number, number, number], [y, x] = sidesOf(size);
  if (x_bhwc.shape.length !== 4 || h < 1 || w < 1 || ![y, x].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new ShapeError({
      op,
      got: `${show(x_bhwc.shape)} to ${y} x ${x}`,
      expected: "[b, h, w, c] with sides of at least 1, and two positive sides",
      hint: "put channels last",
    });
  }
  return pipe(
    x_bhwc,
    reshape([b, h, w * c]),
    overIntervals(y, fold),
    reshape([b * y, w, c]),
    overIntervals(x, fold),
    reshape([b, y, x, c]),
  );
};

/** Mean over as many intervals as asked for: `[b, h, w, c]` to `[b, y, x, c]`; `1` is the mean of all. Data-last. */
export const adaptiveAveragePool2d: (size: Sides) => (x_bhwc: Tensor) => Tensor = adaptive(
  "adaptiveAveragePool2d",
  {
    outside: 0,
    over: (x, covered) => div(sum({ axes: [2] })(x), sum({ axes: [2] })(cast("f32")(covered))),
  },
);

/** Largest over as many intervals as asked for: `[b, h, w, c]` to `[b, y, x, c]`. Data-last. */
export const adaptiveMaxPool2d: (size: Sides) => (x_bhwc: Tensor) => Tensor = adaptive(
  "adaptiveMaxPool2d",
  { outside: -Infinity, over: max({ axes: [2] }) },
);
