/** Pictures of concepts as pixels: trimmed to what is visible, at a few sizes, so that scaling stays cheap. */
import { type Canvas, createCanvas, loadImage } from "@napi-rs/canvas";
import { Buffer } from "node:buffer";
import { type Art, artKey } from "./art.ts";
import { concepts } from "./concepts.ts";
import type { Style } from "./config.ts";

/** The least opacity that counts as visible, of 255. */
const VISIBLE = 24;
/** Longer sides at which sprites are kept, in pixels. */
const LEVELS = [32, 64, 128, 256] as const;

/** Pixels that a canvas can draw; {@link levelOf} hands them out. */
export interface Picture {
  /** Pixels per row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** One trimmed picture at several sizes. */
export interface Sprite {
  /** Width over height of the visible part. */
  readonly aspect: number;
  /** Pictures whose longer sides are about 32, 64, 128 and 256 pixels. */
  readonly levels: readonly Picture[];
}

interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const raster = async (svg: string, side: number): Promise<Canvas> => {
  const canvas = createCanvas(side, side);
  const image = await loadImage(Buffer.from(svg.replaceAll('"SIDE"', `"${side}"`)));
  canvas.getContext("2d").drawImage(image, 0, 0, side, side);
  return canvas;
};

const visible = (canvas: Canvas): Bounds => {
  const { width, height } = canvas;
  const rgba = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let x1 = width, y1 = height, x2 = 0, y2 = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rgba[(y * width + x) * 4 + 3]! < VISIBLE) continue;
      x1 = Math.min(x1, x), y1 = Math.min(y1, y), x2 = Math.max(x2, x + 1), y2 = Math.max(y2, y + 1);
    }
  }
  return { x: x1, y: y1, w: x2 - x1, h: y2 - y1 };
};

/** Rasterises one drawing. */
export const spriteOf = async (svg: string): Promise<Sprite> => {
  const probe = visible(await raster(svg, 512));
  const longest = Math.max(probe.w, probe.h);
  const levels = await Promise.all(LEVELS.map(async (level) => {
    const source = await raster(svg, Math.ceil(512 * level / longest));
    const { x, y, w, h } = visible(source);
    const out = createCanvas(w, h);
    out.getContext("2d").drawImage(source, x, y, w, h, 0, 0, w, h);
    return out;
  }));
  return { aspect: probe.w / probe.h, levels };
};

/** The smallest level that need not be enlarged for a longer side of `pixels`. */
export const levelOf = (sprite: Sprite, pixels: number): Canvas =>
  (sprite.levels.find((p) => Math.max(p.width, p.height) >= pixels) ?? sprite.levels.at(-1)) as Canvas;

/** Rasterises the first `count` concepts in the given styles, by {@link artKey}. */
export const loadSprites = async (
  art: Art,
  count: number,
  wanted: readonly Style[],
): Promise<ReadonlyMap<string, Sprite>> => {
  const keys = wanted.flatMap((style) => concepts.slice(0, count).map(({ id }) => artKey(id, style)));
  const out = new Map<string, Sprite>();
  for (const key of keys) out.set(key, await spriteOf(art.svgs[key]!));
  return out;
};
