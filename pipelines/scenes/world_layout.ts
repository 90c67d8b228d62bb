/** Places of objects and plates at full strength, in whole pixels of the master. */
import type { Box } from "../records/box.ts";
import type { Rng } from "../base/rng.ts";

const TRIES = 80;

/** A box in whole pixels: left, top, width and height. */
export interface PixelBox {
  /** Left edge. */
  readonly x: number;
  /** Upper edge. */
  readonly y: number;
  /** Width, one or more. */
  readonly w: number;
  /** Height, one or more. */
  readonly h: number;
}

const places = 1e4;
const share = (pixels: number, side: number): number => Math.round(places * pixels / side) / places;

/** The same box in shares of the side, to four decimals, from which {@link pixelBox} has it back. */
export const shareBox = ({ x, y, w, h }: PixelBox, side: number): Box => [
  share(x, side),
  share(y, side),
  share(x + w, side),
  share(y + h, side),
];

/** The whole pixels that a box of a scene covers, for masters of up to 4096 pixels. */
export const pixelBox = ([x1, y1, x2, y2]: Box, side: number): PixelBox => {
  const x = Math.round(x1 * side), y = Math.round(y1 * side);
  return { x, y, w: Math.round(x2 * side) - x, h: Math.round(y2 * side) - y };
};

const overlap = (a: PixelBox, b: PixelBox): number => {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  return w > 0 && h > 0 ? w * h : 0;
};

/**
 * A free place for a box within the image, a pixel from its edges: at most the share `most` of the smaller of two
 * boxes is covered by both, and nothing of `barred` is. Nothing after some tries.
 */
export const findPlace = (
  rng: Rng,
  side: number,
  w: number,
  h: number,
  taken: readonly PixelBox[],
  most: number,
  barred: readonly PixelBox[],
): PixelBox | undefined => {
  if (w > side - 2 || h > side - 2) return undefined;
  for (let i = 0; i < TRIES; i++) {
    const box = { x: rng.between(1, side - w - 1), y: rng.between(1, side - h - 1), w, h };
    const free = taken.every((b) => overlap(box, b) <= most * Math.min(w * h, b.w * b.h));
    if (free && barred.every((b) => overlap(box, b) === 0)) return box;
  }
  return undefined;
};

/**
 * A whole number from `least` to `most` whose logarithm is uniform: `s` is as likely as `1 / s`. Only additions,
 * divisions and comparisons, which are the same on every machine.
 */
export const logUniform = (rng: Rng, least: number, most: number): number => {
  let sum = 0;
  for (let s = least; s <= most; s++) sum += 1 / s;
  let left = rng.unit() * sum;
  for (let s = least; s < most; s++) if ((left -= 1 / s) < 0) return s;
  return most;
};

/** Width and height of an image of an aspect whose longer side is `size` pixels. */
export const extent = (size: number, aspect: number): readonly [number, number] =>
  aspect >= 1
    ? [size, Math.max(1, Math.round(size / aspect))]
    : [Math.max(1, Math.round(size * aspect)), size];
