/** Sliding windows over axes (unfold), the base of convolution and pooling. Movement only. */
import { ConfigError } from "../errors.ts";
import { broadcastTo, pad, permute, reshape, sliceAxis } from "../ops/movement.ts";
import { axisOf, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** A number for both sides of an image, or one for each. */
export type Sides = number | readonly [number, number];

/** Border of an image: of both sides, of each, or `[[top, bottom], [left, right]]`. */
export type Border = Sides | readonly [readonly [number, number], readonly [number, number]];

/** A window along one axis. */
export interface Window {
  /** Elements in it. */
  readonly size: number;
  /** From one window to the next; 1 by default. */
  readonly stride?: number;
  /** From one element to the next; 1 by default. */
  readonly dilation?: number;
}

/** The two sides of a setting. */
export const sidesOf = (n: Sides): readonly [number, number] => typeof n === "number" ? [n, n] : n;

/** Border before and after along both axes. */
export const borderOf = (border: Border): readonly (readonly [number, number])[] =>
  (typeof border === "number" ? [border, border] : border).map((n) => typeof n === "number" ? [n, n] : n);

/** A border around the sides of `[b, h, w, c]`. Data-last. */
export const padSides = (border: Border, value = 0): (x_bhwc: Tensor) => Tensor => {
  const [[top, bottom], [left, right]] = borderOf(border) as [[number, number], [number, number]];
  return pad([0, top, left, 0], [0, bottom, right, 0], value);
};

const whole = (n: number): boolean => Number.isInteger(n) && n >= 1;

/**
 * Windows along an axis: `[..., n, ...]` to `[..., windows, size, ...]`; what does not fill a window is left out. Where
 * windows overlap, the axis is repeated `size` times with `dilation` elements more than its length to a row, so that
 * row i starts i dilations later: no copy, only arithmetic on the index. Data-last.
 * @throws {ConfigError} for settings that are not positive integers, or a window longer than the axis.
 */
export const slide = (axis: number, { size, stride = 1, dilation = 1 }: Window): (x: Tensor) => Tensor =>
(
  x: Tensor,
): Tensor => {
  const a = axisOf("slide", axis, x.shape.length), n = x.shape[a]!;
  const reach = dilation * (size - 1) + 1;
  if (![size, stride, dilation].every(whole) || n < reach) {
    throw new ConfigError({
      op: "slide",
      got: `window ${size}, stride ${stride}, dilation ${dilation} along axis ${a} of ${show(x.shape)}`,
      expected: `positive integers, and an axis of at least ${reach}`,
      hint: "pad the image or shrink the window",
    });
  }
  const before = x.shape.slice(0, a), after = x.shape.slice(a + 1);
  const count = Math.floor((n - reach) / stride) + 1;
  if (size === stride && dilation === 1) {
    return reshape([...before, count, size, ...after])(sliceAxis(a, 0, count * size)(x));
  }
  const row = n + dilation, times = Math.ceil(size * row / n);
  const again = broadcastTo([...before, times, n, ...after])(reshape([...before, 1, n, ...after])(x));
  const flat = sliceAxis(a, 0, size * row)(reshape([...before, times * n, ...after])(again));
  const rows = reshape([...before, size, row, ...after])(flat);
  const cut = sliceAxis(a + 1, 0, (count - 1) * stride + 1, stride)(rows);
  const order = cut.shape.map((_, d) => d === a ? a + 1 : d === a + 1 ? a : d);
  return permute(order)(cut);
};
