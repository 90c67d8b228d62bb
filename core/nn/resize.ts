/**
 * Resizing of grids by interpolation, as two contractions with matrices that the language computes from indices.
 * Shapes: b any leading axes, h w sides before, y x sides after, c channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ShapeError } from "../errors.ts";
import { matmul } from "../ops/contraction.ts";
import { add, cast, div, equal, maximum, minimum, mod, mul, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { iota } from "../ops/source.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** How values between grid points are made. */
export interface ResizeOptions {
  /** Cubic convolution with a = -0.75 (Keys 1981, with PyTorch's a), or linear. */
  readonly mode: "bicubic" | "bilinear";
  /** Whether the corner points of both grids coincide; otherwise the corners of the corner cells do. */
  readonly alignCorners: boolean;
}

const A = -0.75;

/** Horner's rule: coefficients from the highest power down, at least two of them. */
const polynomial = (coefficients: readonly number[], t: Tensor): Tensor => {
  const [first, ...rest] = coefficients as [number, ...number[]];
  return rest.reduce<Tensor | number>((acc, c) => add(mul(t, acc), c), first) as Tensor;
};

/** Cubic convolution at distances `t + 1` (outer) and `t` (inner) from a grid point, for t in [0, 1]. */
const outer = (t: Tensor): Tensor => polynomial([A, -5 * A, 8 * A, -4 * A], add(t, 1));
const inner = (t: Tensor): Tensor => polynomial([A + 2, -(A + 3), 0, 1], t);

/** The old points around a new one, as offsets from the one before it, with their weights. */
const taps = (mode: ResizeOptions["mode"], t: Tensor): readonly (readonly [number, Tensor])[] => {
  const rest = sub(1, t);
  return mode === "bilinear"
    ? [[0, rest], [1, t]]
    : [[-1, outer(t)], [0, inner(t)], [1, inner(rest)], [2, outer(rest)]];
};

/** Interpolation weights `[to, from]`: row o holds the weights of the old points for the new point o. */
export const interpolationMatrix = (from: number, to: number, options: ResizeOptions): Tensor => {
  const corners = options.alignCorners;
  // The source coordinate is (o * rise + start) / run, kept in integers so that its floor is exact everywhere.
  const run = corners ? Math.max(1, to - 1) : 2 * to;
  const rise = corners ? (to > 1 ? from - 1 : 0) : 2 * from, start = corners ? 0 : from - to;
  const shifted = add(mul(iota([to, 1], 0), rise), start + run); // one run more: never below 0
  const base = sub(div(shifted, run), 1);
  const t = mul(cast("f32")(mod(shifted, run)), 1 / run);
  const column = iota([1, from], 1);
  return taps(options.mode, t).map(([offset, weight]) => {
    const at = minimum(maximum(add(base, offset), 0), from - 1);
    return select(equal(at, column), weight, 0);
  }).reduce((a, b) => add(a, b));
};

/**
 * Resizes `[..., h, w, c]` to `[..., y, x, c]` without antialiasing; indices beyond the border read the border.
 * Data-last.
 * @throws {ShapeError} if the argument has fewer than three axes or an empty side.
 */
export const resize =
  (size: readonly [number, number], options: ResizeOptions): (x_bhwc: Tensor) => Tensor =>
  (x_bhwc: Tensor): Tensor => {
    const lead = x_bhwc.shape.slice(0, -3), [h, w, c] = x_bhwc.shape.slice(-3) as [number, number, number];
    if (x_bhwc.shape.length < 3 || h < 1 || w < 1 || !size.every((n) => Number.isInteger(n) && n >= 1)) {
      throw new ShapeError({
        op: "resize",
        got: `${show(x_bhwc.shape)} to ${show(size)}`,
        expected: "[..., h, w, c] and two positive sides",
        hint: "put channels last",
      });
    }
    const [y, x] = size;
    if (h === y && w === x) return x_bhwc;
    return pipe(
      x_bhwc,
      reshape([...lead, h, w * c]),
      (rows) => matmul(rows)(interpolationMatrix(h, y, options)),
      reshape([...lead, y, w, c]),
      (columns) => matmul(columns)(interpolationMatrix(w, x, options)),
    );
  };
