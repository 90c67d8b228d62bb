/** How alike two drawings look at the size of a thumbnail. */
import { type Raster, scaled } from "../../pipelines/scenes/raster.ts";

/** Side of a thumbnail: about the size at which scenes must still tell concepts apart. */
const SIDE = 24;

/** A thumbnail with its proportions kept: rows of red, green, blue and opacity, colours multiplied by opacity. */
export type Thumb = Uint8Array;

/** The thumbnail of a drawing. */
export const thumbOf = (raster: Raster): Thumb => {
  const longest = Math.max(raster.width, raster.height);
  const w = Math.max(1, Math.round(raster.width * SIDE / longest));
  const h = Math.max(1, Math.round(raster.height * SIDE / longest));
  const out = new Uint8Array(SIDE * SIDE * 4), x0 = (SIDE - w) >> 1, y0 = (SIDE - h) >> 1;
  const small = scaled(raster, w, h);
  for (let y = 0; y < h; y++) {
    out.set(small.rgba.subarray(y * w * 4, (y + 1) * w * 4), ((y + y0) * SIDE + x0) * 4);
  }
  return out;
};

const mirrored = (thumb: Thumb): Thumb =>
  thumb.map((_, i) => {
    const c = i % 4, x = (i >> 2) % SIDE, y = Math.floor(i / (4 * SIDE));
    return thumb[(y * SIDE + SIDE - 1 - x) * 4 + c]!;
  });

// Colours count where there is something in either; where only one has something, its opacity counts, too.
const difference = (a: Thumb, b: Thumb): number => {
  let sum = 0, covered = 0;
  for (let i = 0; i < a.length; i += 4) {
    const colours = (a[i]! - b[i]!) ** 2 + (a[i + 1]! - b[i + 1]!) ** 2 + (a[i + 2]! - b[i + 2]!) ** 2;
    sum += colours / 3 + (a[i + 3]! - b[i + 3]!) ** 2;
    covered += Math.max(a[i + 3]!, b[i + 3]!) / 255;
  }
  return Math.sqrt(sum / Math.max(1, covered));
};

/** A pair of drawings and their difference. */
export interface Likeness {
  /** Index of the first. */
  readonly a: number;
  /** Index of the second. */
  readonly b: number;
  /** Root mean square over what either covers; the lesser of the two as they are and with one mirrored. */
  readonly difference: number;
}

/** All pairs that differ by less than `below`, the most alike first. */
export const alikePairs = (thumbs: readonly (Thumb | undefined)[], below: number): readonly Likeness[] => {
  const out: Likeness[] = [];
  thumbs.forEach((one, a) => {
    if (one === undefined) return;
    const turned = mirrored(one);
    for (let b = a + 1; b < thumbs.length; b++) {
      const other = thumbs[b];
      if (other === undefined) continue;
      const least = Math.min(difference(one, other), difference(turned, other));
      if (least < below) out.push({ a, b, difference: least });
    }
  });
  return out.toSorted((x, y) => x.difference - y.difference);
};
