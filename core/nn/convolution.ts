/**
 * Convolution of images as windows and one contraction.
 * Shapes: b images, h w sides before, y x sides after, p q sides of the kernel, g groups, c channels before (i of a
 * group), d channels after (o of a group).
 */
import { pipe } from "fp-ts/lib/function.js";
import { ShapeError } from "../errors.ts";
import { pullback } from "../grad.ts";
import { matmul } from "../ops/contraction.ts";
import { add } from "../ops/elementwise.ts";
import { permute, reshape } from "../ops/movement.ts";
import { parameter, type ParameterSpec, truncatedNormal, zerosInit } from "../parameter.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { parametersLike } from "../transforms/trace.ts";
import { type Border, borderOf, padSides, type Sides, sidesOf, slide } from "./sliding.ts";

/** Parameters of a convolution. */
export type ConvolutionParams<A> = {
  /** `[d, c / groups, p, q]`, as PyTorch stores it. */
  readonly weight: A;
  /** `[d]`. */
  readonly bias?: A;
};

/** How a kernel goes over an image. */
export interface ConvolutionOptions {
  /** From one window to the next; 1 by default. */
  readonly stride?: Sides;
  /** Border of zeros; none by default. */
  readonly padding?: Border;
  /** From one pixel of a window to the next; 1 by default. */
  readonly dilation?: Sides;
  /** Groups of channels that do not see each other; 1 by default, c for one kernel per channel. */
  readonly groups?: number;
}

/** Specifications of a convolution: weights truncated normal, bias 0. */
export const convolutionSpecs = (
  kernel: readonly [number, number],
  from: number,
  to: number,
  { groups = 1, bias = true, std = 0.02 } = {},
): ConvolutionParams<ParameterSpec> => ({
  weight: parameter([to, from / groups, ...kernel], truncatedNormal(std)),
  ...(bias ? { bias: parameter([to], zerosInit) } : {}),
});

/**
 * Cross-correlation of `[b, h, w, c]` images with a kernel: `[b, y, x, d]`. Data-last.
 * @throws {ShapeError} if channels, groups and weights do not fit; {ConfigError} if a window does not fit the image.
 */
export const conv2d = (
  { weight, bias }: ConvolutionParams<Tensor>,
  options: ConvolutionOptions = {},
): (x_bhwc: Tensor) => Tensor =>
(x_bhwc: Tensor): Tensor => {
  const { stride = 1, padding = 0, dilation = 1, groups: g = 1 } = options;
  const [d, i, p, q] = weight.shape as [number, number, number, number], c = x_bhwc.shape[3];
  if (x_bhwc.shape.length !== 4 || weight.shape.length !== 4 || c !== i * g || d % g !== 0) {
    throw new ShapeError({
      op: "conv2d",
      got: `images ${show(x_bhwc.shape)} with weights ${show(weight.shape)} in ${g} groups`,
      expected: "[b, h, w, c] with [d, c / groups, p, q] and groups that divide d",
      hint: "put the image's channels last and the weight's second",
    });
  }
  const [sy, sx] = sidesOf(stride), [ty, tx] = sidesOf(dilation);
  const seen_bypxqc = pipe(
    x_bhwc,
    padSides(padding),
    slide(1, { size: p, stride: sy, dilation: ty }),
    slide(3, { size: q, stride: sx, dilation: tx }),
  );
  const [b, y, , x] = seen_bypxqc.shape as [number, number, number, number], o = d / g, k = p * q * i;
  const image = g === 1 ? pipe(seen_bypxqc, permute([0, 1, 3, 2, 4, 5]), reshape([b * y * x, k])) : pipe(
    seen_bypxqc,
    reshape([b, y, p, x, q, g, i]),
    permute([5, 0, 1, 3, 2, 4, 6]),
    reshape([g, b * y * x, k]),
  );
  const kernel = g === 1
    ? pipe(weight, permute([2, 3, 1, 0]), reshape([k, d]))
    : pipe(weight, reshape([g, o, i, p, q]), permute([0, 3, 4, 2, 1]), reshape([g, k, o]));
  const made = matmul(kernel)(image);
  const out_byxd = reshape([b, y, x, d])(
    g === 1 ? made : pipe(made, permute([1, 0, 2]), reshape([b * y * x, d])),
  );
  return bias === undefined ? out_byxd : add(out_byxd, bias);
};

/** How a transposed convolution goes over an image. */
export interface TransposedOptions extends ConvolutionOptions {
  /** Rows and columns added at the far sides of the result, below the stride; 0 by default. */
  readonly outputPadding?: Sides;
}

/**
 * The transpose of `conv2d` in its image, for weights `[c, d / groups, p, q]`: `[b, y, x, c]` to `[b, h, w, d]` with
 * `h = (y - 1) stride + dilation (p - 1) + 1 + outputPadding - border`. Data-last.
 * @throws {ShapeError} if channels, groups and weights do not fit.
 */
export const convTranspose2d = (
  { weight, bias }: ConvolutionParams<Tensor>,
  options: TransposedOptions = {},
): (x_byxc: Tensor) => Tensor =>
(x_byxc: Tensor): Tensor => {
  const { outputPadding = 0, ...forward } = options,
    { stride = 1, dilation = 1, padding = 0, groups = 1 } = forward;
  const [c, i, ...kernel] = weight.shape as [number, number, number, number], b = x_byxc.shape[0]!;
  if (x_byxc.shape.length !== 4 || weight.shape.length !== 4 || x_byxc.shape[3] !== c) {
    throw new ShapeError({
      op: "convTranspose2d",
      got: `images ${show(x_byxc.shape)} with weights ${show(weight.shape)}`,
      expected: "[b, y, x, c] with [c, d / groups, p, q]",
      hint: "put the image's channels last and the weight's first",
    });
  }
  const border = borderOf(padding).map(([before, after]) => before + after);
  const sides = kernel.map((p, a) =>
    (x_byxc.shape[a + 1]! - 1) * sidesOf(stride)[a]! + sidesOf(dilation)[a]! * (p - 1) + 1 +
    sidesOf(outputPadding)[a]! - border[a]!
  );
  // convolution is linear in its image, so its cotangent does not depend on which image this is
  const [image] = parametersLike([{ shape: [b, ...sides, i * groups], dtype: "f32" }]) as [Tensor];
  const [y] = pullback([conv2d({ weight }, forward)(image)], [x_byxc], [image]) as [Tensor];
  return bias === undefined ? y : add(y, bias);
};
