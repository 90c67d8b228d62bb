/**
 * Patches of an image grid.
 * Shapes: b images, h w pixels, c colours, g patches per side, p pixels per patch side, d channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { matmul } from "../ops/contraction.ts";
import { add } from "../ops/elementwise.ts";
import { permute, reshape } from "../ops/movement.ts";
import { together } from "../origin.ts";
import { parameter, type ParameterSpec, truncatedNormal, zerosInit } from "../parameter.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Parameters of a patch embedding: a convolution whose stride is its kernel. */
export type PatchParams<A> = {
  /** `[d, c, p, p]`, as PyTorch's convolution. */
  readonly weight: A;
  /** `[d]`. */
  readonly bias?: A;
};

/** Specifications of a patch embedding: without bias as CLIP has it, or with one as SigLIP. */
export const patchSpecs = (
  patch: number,
  colours: number,
  d: number,
  bias = false,
): PatchParams<ParameterSpec> => ({
  weight: parameter([d, colours, patch, patch], truncatedNormal(0.02)),
  ...(bias ? { bias: parameter([d], zerosInit) } : {}),
});

/** Cuts `[b, h, w, c]` into square tiles: `[b, (h/p)(w/p), p p c]`, all row-major. Data-last. */
export const tiles = (p: number): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, c] = x_bhwc.shape as [number, number, number, number];
  if (x_bhwc.shape.length !== 4 || h % p !== 0 || w % p !== 0) {
    throw new ConfigError({
      op: "tiles",
      got: `${show(x_bhwc.shape)} in tiles of ${p}`,
      expected: "[b, h, w, c] with sides that are whole numbers of tiles",
      hint: "resize the image or change the patch",
    });
  }
  return pipe(
    x_bhwc,
    reshape([b, h / p, p, w / p, p, c]),
    permute([0, 1, 3, 2, 4, 5]),
    reshape([b, (h / p) * (w / p), p * p * c]),
  );
};

/** Patch embedding of `[b, h, w, c]` images: `[b, g g, d]`, row-major. Data-last. */
export const patchEmbed =
  ({ weight, bias }: PatchParams<Tensor>): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
    const [d, c, p] = weight.shape as [number, number, number, number];
    // channels last in the kernel, as they are in the image
    const kernel = pipe(weight, permute([2, 3, 1, 0]), reshape([p * p * c, d]));
    const y = pipe(x_bhwc, tiles(p), matmul(kernel));
    return bias === undefined ? y : add(y, bias);
  };

/** Windows of a grid: `[b, g g, d]` to `[b, (g/w)^2, w w, d]`, windows and their cells row-major. Data-last. */
export const windows = (w: number): (x_bnd: Tensor) => Tensor => (x_bnd: Tensor): Tensor => {
  const [b, n, d] = x_bnd.shape as [number, number, number], g = Math.round(Math.sqrt(n));
  if (x_bnd.shape.length !== 3 || g * g !== n || g % w !== 0) {
    throw new ConfigError({
      op: "windows",
      got: `${show(x_bnd.shape)} in windows of side ${w}`,
      expected: "[b, g g, d] with a side g that is a whole number of windows",
      hint: "drop the class token, or change the window",
    });
  }
  return g === w ? reshape([b, 1, n, d])(x_bnd) : together(() =>
    pipe(
      x_bnd,
      reshape([b, g / w, w, g / w, w, d]),
      permute([0, 1, 3, 2, 4, 5]),
      reshape([b, (g / w) ** 2, w * w, d]),
    )
  );
};
