/** Exact area resampling, so that resolution is the only difference between the sides of one image. */

import { spansBetween } from "./spans.ts";

/**
 * A square image at a lower resolution: every target byte is the mean of the source over its area, computed in
 * whole numbers and rounded to the nearest, halves upwards.
 * @param rgb - `from * from * 3` bytes, rows of RGB.
 * @throws {RangeError} if `to` is greater than `from` or the bytes do not fit the side.
 */
export const resampleArea = (rgb: Uint8Array, from: number, to: number): Uint8Array => {
  if (rgb.length !== from * from * 3) {
    throw new RangeError(
      `resampleArea: got ${rgb.length} bytes; expected ${from * from * 3} for side ${from}`,
    );
  }
  if (to > from || to < 1) throw new RangeError(`resampleArea: got side ${to}; expected 1 to ${from}`);
  if (to === from) return rgb.slice();
  const { first, counts, weights, most } = spansBetween(from, to);
  const wide = new Float64Array(from * to * 3), out = new Uint8Array(to * to * 3);
  for (let y = 0; y < from; y++) {
    for (let x = 0; x < to; x++) {
      let r = 0, g = 0, b = 0;
      for (let k = 0, p = (y * from + first[x]!) * 3; k < counts[x]!; k++, p += 3) {
        const w = weights[x * most + k]!;
        r += w * rgb[p]!, g += w * rgb[p + 1]!, b += w * rgb[p + 2]!;
      }
      const q = (y * to + x) * 3;
      wide[q] = r, wide[q + 1] = g, wide[q + 2] = b;
    }
  }
  const whole = from * from, row = to * 3;
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < row; x++) {
      let sum = 0;
      for (let k = 0; k < counts[y]!; k++) sum += weights[y * most + k]! * wide[(first[y]! + k) * row + x]!;
      out[y * row + x] = Math.floor((sum + whole / 2) / whole);
    }
  }
  return out;
};
