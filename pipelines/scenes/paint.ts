/** Painting on RGB bytes in whole numbers: sprites and coverage, scaled to whole pixels. */
import type { SpriteImage } from "./sprite_pack.ts";
import type { PixelBox } from "./world_layout.ts";
import type { Colour } from "./record.ts";
import { div255 } from "./raster.ts";
import { spansBetween } from "../images/spans.ts";

/** A square image that is painted on: `side * side * 3` bytes of RGB. */
export interface Surface {
  /** Pixels per row, and rows. */
  readonly side: number;
  /** Its bytes. */
  readonly rgb: Uint8Array;
}

/**
 * Paints an image with opacity (four channels, colours multiplied by opacity) over a box: every pixel is the mean of
 * the image over its area. The box must be within the surface.
 */
export const paintSprite = (
  { side, rgb }: Surface,
  { data, width, height }: SpriteImage,
  at: PixelBox,
  flip: boolean,
): void => {
  const across = spansBetween(width, at.w), down = spansBetween(height, at.h);
  const half = width * height / 2, unit = 1 / (width * height);
  for (let y = 0; y < at.h; y++) {
    const y0 = down.first[y]!, ny = down.counts[y]!, wy = y * down.most;
    const row = ((at.y + y) * side + at.x) * 3;
    for (let x = 0; x < at.w; x++) {
      const x0 = across.first[x]!, nx = across.counts[x]!, wx = x * across.most;
      let r = 0, g = 0, b = 0, a = 0;
      for (let j = 0; j < ny; j++) {
        const v = down.weights[wy + j]!;
        for (let i = 0, p = ((y0 + j) * width + x0) * 4; i < nx; i++, p += 4) {
          const alpha = data[p + 3]!;
          if (alpha === 0) continue;
          const weight = v * across.weights[wx + i]!;
          r += weight * data[p]!, g += weight * data[p + 1]!, b += weight * data[p + 2]!, a += weight * alpha;
        }
      }
      if (a === 0) continue;
      const q = row + (flip ? at.w - 1 - x : x) * 3, rest = 255 - (((a + half) * unit) | 0);
      rgb[q] = (((r + half) * unit) | 0) + div255(rgb[q]! * rest);
      rgb[q + 1] = (((g + half) * unit) | 0) + div255(rgb[q + 1]! * rest);
      rgb[q + 2] = (((b + half) * unit) | 0) + div255(rgb[q + 2]! * rest);
    }
  }
};

/** Paints a colour through coverage (one channel), scaled to a box; what is outside the surface is left out. */
export const paintCoverage = (
  { side, rgb }: Surface,
  { data, width, height }: SpriteImage,
  at: PixelBox,
  [r, g, b]: Colour,
): void => {
  const across = spansBetween(width, at.w), down = spansBetween(height, at.h);
  const whole = width * height;
  for (let y = 0; y < at.h; y++) {
    if (at.y + y < 0 || at.y + y >= side) continue;
    for (let x = 0; x < at.w; x++) {
      if (at.x + x < 0 || at.x + x >= side) continue;
      let sum = 0;
      for (let j = 0; j < down.counts[y]!; j++) {
        const v = down.weights[y * down.most + j]!, p = (down.first[y]! + j) * width + across.first[x]!;
        for (let i = 0; i < across.counts[x]!; i++) {
          sum += v * across.weights[x * across.most + i]! * data[p + i]!;
        }
      }
      const a = Math.floor((sum + whole / 2) / whole), q = ((at.y + y) * side + at.x + x) * 3;
      if (a === 0) continue;
      rgb[q] = div255(r * a + rgb[q]! * (255 - a));
      rgb[q + 1] = div255(g * a + rgb[q + 1]! * (255 - a));
      rgb[q + 2] = div255(b * a + rgb[q + 2]! * (255 - a));
    }
  }
};

/** Fills a box with a colour. The box must be within the surface. */
export const fillBox = ({ side, rgb }: Surface, { x, y, w, h }: PixelBox, [r, g, b]: Colour): void => {
  for (let j = y; j < y + h; j++) {
    for (let i = x, q = (j * side + x) * 3; i < x + w; i++, q += 3) {
      rgb[q] = r, rgb[q + 1] = g, rgb[q + 2] = b;
    }
  }
};
