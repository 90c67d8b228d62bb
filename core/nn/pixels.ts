/**
 * Pixels to channels and back, on images `[b, h, w, c]`, by squares of side r. The two pairs differ in the order of
 * the new channels alone.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ShapeError } from "../errors.ts";
import { permute, reshape } from "../ops/movement.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

type Image = readonly [number, number, number, number];

const imageOf = (op: string, x: Tensor, fits: (image: Image) => boolean, expected: string): Image => {
  const image = x.shape as unknown as Image;
  if (x.shape.length === 4 && fits(image)) return image;
  throw new ShapeError({ op, got: show(x.shape), expected, hint: "put channels last, or pad the image" });
};

const whole = (op: string, r: number, x: Tensor): Image =>
  imageOf(op, x, ([, h, w]) => h % r === 0 && w % r === 0, `[b, h, w, c] with sides divided by ${r}`);

const squares = (op: string, r: number, x: Tensor): Image =>
  imageOf(op, x, ([, , , c]) => c % (r * r) === 0, `[b, h, w, c] with channels divided by ${r * r}`);

/** `[b, h, w, c]` to `[b, h/r, w/r, c r r]`; channel `(c r + dy) r + dx`, as PyTorch has it. Data-last. */
export const pixelUnshuffle = (r: number): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, c] = whole("pixelUnshuffle", r, x_bhwc);
  return pipe(
    x_bhwc,
    reshape([b, h / r, r, w / r, r, c]),
    permute([0, 1, 3, 5, 2, 4]),
    reshape([b, h / r, w / r, c * r * r]),
  );
};

/** The inverse of `pixelUnshuffle`: `[b, h, w, c r r]` to `[b, h r, w r, c]`. Data-last. */
export const pixelShuffle = (r: number): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, all] = squares("pixelShuffle", r, x_bhwc), c = all / (r * r);
  return pipe(
    x_bhwc,
    reshape([b, h, w, c, r, r]),
    permute([0, 1, 4, 2, 5, 3]),
    reshape([b, h * r, w * r, c]),
  );
};

/** `[b, h, w, c]` to `[b, h/r, w/r, r r c]`; channel `(dy r + dx) c' + c` for c' channels before. Data-last. */
export const spaceToDepth = (r: number): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, c] = whole("spaceToDepth", r, x_bhwc);
  return pipe(
    x_bhwc,
    reshape([b, h / r, r, w / r, r, c]),
    permute([0, 1, 3, 2, 4, 5]),
    reshape([b, h / r, w / r, r * r * c]),
  );
};

/** The inverse of `spaceToDepth`: `[b, h, w, r r c]` to `[b, h r, w r, c]`. Data-last. */
export const depthToSpace = (r: number): (x_bhwc: Tensor) => Tensor => (x_bhwc: Tensor): Tensor => {
  const [b, h, w, all] = squares("depthToSpace", r, x_bhwc), c = all / (r * r);
  return pipe(
    x_bhwc,
    reshape([b, h, w, r, r, c]),
    permute([0, 1, 3, 2, 4, 5]),
    reshape([b, h * r, w * r, c]),
  );
};
