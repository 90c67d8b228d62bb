/**
 * Bicubic resampling of photographs to squares, bit for bit as Pillow's `resize(..., BICUBIC)` does it on bytes: what
 * CLIP's own preprocessing uses (Radford et al. 2021), and the paper's, without crop or padding.
 */
import { clipStatistics, type NdArray, ndarray } from "@chain-of-sight/core";

/** An image. */
export interface RgbImage {
  /** Pixels per row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** `height * width * 3` bytes, rows of RGB. */
  readonly rgb: Uint8Array;
}

/** Cubic convolution with a = -1/2 (Keys 1981). */
const cubic = (distance: number): number => {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
};

/** Weights are whole multiples of 2^-22. */
const UNIT = 2 ** 22;

interface Taps {
  readonly start: number;
  readonly weights: readonly number[];
}

// when the side shrinks, the kernel is as much wider, which keeps out what the new grid cannot show
const tapsOf = (from: number, to: number): readonly Taps[] => {
  const scale = from / to, stretch = Math.max(1, scale), reach = 2 * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) => cubic((k + start - centre + 0.5) / stretch));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { start, weights: raw.map((w) => Math.trunc((w / sum) * UNIT + (w < 0 ? -0.5 : 0.5))) };
  });
};

/**
 * One pass along an axis: `lines` lines whose elements are `across` apart, of `from` elements each. Sums stay below 2^31:
 * weights that are above zero add up to less than 1.5.
 */
const pass = (
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  [lines, across]: readonly [number, number],
): Uint8Array => {
  const taps = tapsOf(from, to), out = new Uint8ClampedArray(lines * to * across);
  const starts = Int32Array.from(taps, (t) => t.start),
    counts = Int32Array.from(taps, (t) => t.weights.length);
  const weights = Int32Array.from(taps.flatMap((t) => t.weights));
  for (let line = 0, at = 0; line < lines; line++) {
    for (let i = 0, tap = 0; i < to; i++) {
      const count = counts[i]!, first = (line * from + starts[i]!) * across;
      if (across === 3) {
        let r = UNIT / 2, g = r, b = r;
        for (let k = tap, p = first; k < tap + count; k++, p += 3) {
          const weight = weights[k]!;
          r = (r + Math.imul(weight, bytes[p]!)) | 0;
          g = (g + Math.imul(weight, bytes[p + 1]!)) | 0;
          b = (b + Math.imul(weight, bytes[p + 2]!)) | 0;
        }
        out[at] = r >> 22;
        out[at + 1] = g >> 22;
        out[at + 2] = b >> 22;
        at += 3;
      } else {
        for (let c = 0; c < across; c++) {
          let sum = UNIT / 2;
          for (let k = 0, p = first + c; k < count; k++, p += across) {
            sum = (sum + Math.imul(weights[tap + k]!, bytes[p]!)) | 0;
          }
          out[at++] = sum >> 22;
        }
      }
      tap += count;
    }
  }
  return new Uint8Array(out.buffer);
};

/**
 * The image as a square of `side` pixels, rows of RGB bytes.
 * @throws {RangeError} for bytes that do not fit the sides, or a side below 1.
 */
export const squareBicubic = ({ width, height, rgb }: RgbImage, side: number): Uint8Array => {
  if (rgb.length !== width * height * 3 || rgb.length === 0) {
    throw new RangeError(
      `squareBicubic: got ${rgb.length} bytes; expected ${width} x ${height} x 3, above 0`,
    );
  }
  if (!Number.isInteger(side) || side < 1) {
    throw new RangeError(`squareBicubic: got side ${side}; expected 1 or more`);
  }
  const narrow = width === side ? rgb : pass(rgb, [width, side], [height, 3]);
  return height === side ? narrow.slice() : pass(narrow, [height, side], [1, side * 3]);
};

/** The image as CLIP's encoder reads it: a square, less the mean and divided by the deviation, `[1, side, side, 3]`. */
export const clipPixels = (image: RgbImage, side: number): NdArray => {
  const { mean, std } = clipStatistics;
  return ndarray(
    "f32",
    [1, side, side, 3],
    Float32Array.from(squareBicubic(image, side), (b, i) => (b / 255 - mean[i % 3]!) / std[i % 3]!),
  );
};
