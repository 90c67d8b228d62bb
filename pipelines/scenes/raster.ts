/**
 * Drawings as pixels, by means whose results do not depend on the machine's vector units: outlines by resvg, WebP by
 * libwebp (whose decoder is exact), everything after that in whole numbers.
 */
import { Resvg } from "@resvg/resvg-js";
import sharp from "sharp";
import { spansBetween } from "../images/spans.ts";

/** An image with opacity. */
export interface Raster {
  /** Pixels per row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** `height * width * 4` bytes, rows of red, green, blue, opacity; colours are multiplied by opacity. */
  readonly rgba: Uint8Array;
}

/** The least opacity that counts as visible, of 255. */
const VISIBLE = 24;
/** Longer side of the visible part at which outlines are drawn, before they are scaled down. */
const FINE = 384;
const PROBE = 128;

/** `x / 255`, rounded, for whole numbers up to 255 * 255. */
export const div255 = (x: number): number => (x + 128 + ((x + 128) >> 8)) >> 8;

/** The smallest part that holds all that is visible; the whole image if nothing is. */
export const trimmed = ({ width, height, rgba }: Raster): Raster => {
  let x1 = width, y1 = height, x2 = 0, y2 = 0;
  for (let y = 0, p = 3; y < height; y++) {
    for (let x = 0; x < width; x++, p += 4) {
      if (rgba[p]! < VISIBLE) continue;
      if (x < x1) x1 = x;
      if (x >= x2) x2 = x + 1;
      if (y < y1) y1 = y;
      y2 = y + 1;
    }
  }
  if (x2 === 0) return { width, height, rgba };
  const w = x2 - x1, h = y2 - y1, out = new Uint8Array(w * h * 4);
  for (let y = 0; y < h; y++) {
    const from = ((y1 + y) * width + x1) * 4;
    out.set(rgba.subarray(from, from + w * 4), y * w * 4);
  }
  return { width: w, height: h, rgba: out };
};

const outline = (svg: string, side: number): Raster => {
  const drawn = new Resvg(svg, { fitTo: { mode: "width", value: side }, font: { loadSystemFonts: false } })
    .render();
  return { width: drawn.width, height: drawn.height, rgba: new Uint8Array(drawn.pixels) };
};

/** The visible part of an SVG document, its longer side about 384 pixels. Throws if it is not SVG. */
export const rasterSvg = (svg: string): Raster => {
  const probe = trimmed(outline(svg, PROBE));
  const side = Math.min(4096, Math.ceil(PROBE * FINE / Math.max(probe.width, probe.height)));
  return trimmed(outline(svg, side));
};

/** The visible part of an image in a file format with opacity. Rejects if it cannot be decoded. */
export const rasterFile = async (bytes: Uint8Array): Promise<Raster> => {
  const { data, info } = await sharp(bytes).toColourspace("srgb").ensureAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  const rgba = new Uint8Array(data.buffer, data.byteOffset, data.length);
  for (let p = 0; p < rgba.length; p += 4) {
    const a = rgba[p + 3]!;
    rgba[p] = div255(rgba[p]! * a),
      rgba[p + 1] = div255(rgba[p + 1]! * a),
      rgba[p + 2] = div255(rgba[p + 2]! * a);
  }
  return trimmed({ width: info.width, height: info.height, rgba });
};

/** An image scaled to `width * height`: means over areas, in whole numbers, halves upwards. Enlarging repeats pixels. */
export const scaled = ({ width: w, height: h, rgba }: Raster, width: number, height: number): Raster => {
  const across = spansBetween(w, width), down = spansBetween(h, height), whole = w * h, half = whole / 2;
  const out = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const y0 = down.first[y]!, ny = down.counts[y]!, wy = y * down.most;
    for (let x = 0; x < width; x++) {
      const x0 = across.first[x]!, nx = across.counts[x]!, wx = x * across.most, q = (y * width + x) * 4;
      for (let c = 0; c < 4; c++) {
        let sum = 0;
        for (let j = 0; j < ny; j++) {
          const v = down.weights[wy + j]!;
          for (let i = 0, p = ((y0 + j) * w + x0) * 4 + c; i < nx; i++, p += 4) {
            sum += v * across.weights[wx + i]! * rgba[p]!;
          }
        }
        out[q + c] = Math.floor((sum + half) / whole);
      }
    }
  }
  return { width, height, rgba: out };
};
