/** Drawing of scenes: one picture at the master side, the lower resolutions from it. */
import { createCanvas, GlobalFonts, type SKRSContext2D } from "@napi-rs/canvas";
import { Buffer } from "node:buffer";
import { type Art, artKey } from "./art.ts";
import type { DataConfig } from "./config.ts";
import type { Background, Colour, Plate, Scene, SceneObject } from "./record.ts";
import { resampleArea } from "../images/resample.ts";
import { rngOf } from "../base/rng.ts";
import { levelOf, loadSprites, type Sprite } from "./sprite.ts";

/** RGB bytes, rows first, by side. */
export type Pictures = Readonly<Record<number, Uint8Array>>;

/** Draws scenes at any sides up to the master's; keeps its sprites and its canvas between scenes. */
export interface Composer {
  /** Bytes of a scene, `side * side * 3` for every side asked for. */
  readonly render: (scene: Scene, sides: readonly number[]) => Pictures;
}

/** A composer of what draws masters: lower sides are area means of them. `draw` gives new bytes at every call. */
export const composing = (side: number, draw: (scene: Scene) => Uint8Array): Composer => ({
  render: (scene, sides) => {
    const master = draw(scene);
    return Object.fromEntries(sides.map((s) => [s, s === side ? master : resampleArea(master, side, s)]));
  },
});

/** Name under which the font of the plates is registered. */
export const plateFont = "chain-of-sight plate";

/** Registers the font of plates and sheets; safe to call again. */
export const registerFont = (font: Uint8Array): void => {
  if (!GlobalFonts.has(plateFont)) GlobalFonts.register(Buffer.from(font), plateFont);
};

const css = ([r, g, b]: Colour): string => `rgb(${r},${g},${b})`;

const fillGradient = (g: SKRSContext2D, side: number, { angle, colours }: Background): void => {
  const dx = Math.cos(angle) * side / 2, dy = Math.sin(angle) * side / 2, c = side / 2;
  const gradient = g.createLinearGradient(c - dx, c - dy, c + dx, c + dy);
  gradient.addColorStop(0, css(colours[0]));
  gradient.addColorStop(1, css(colours[1]));
  g.fillStyle = gradient;
  g.fillRect(0, 0, side, side);
};

const drawStripes = (g: SKRSContext2D, side: number, { angle, scale }: Background): void => {
  const period = Math.max(2, scale * side);
  g.save();
  g.translate(side / 2, side / 2);
  g.rotate(angle);
  for (let x = -side; x < side; x += period) g.fillRect(x, -side, period / 2, 2 * side);
  g.restore();
};

const drawChecks = (g: SKRSContext2D, side: number, { scale }: Background): void => {
  const period = Math.max(2, scale * side), n = Math.ceil(side / period);
  for (let i = 0; i < n * n; i++) {
    const x = i % n, y = Math.floor(i / n);
    if ((x + y) % 2 === 0) g.fillRect(x * period, y * period, period, period);
  }
};

const drawBlobs = (g: SKRSContext2D, side: number, { scale, key }: Background): void => {
  const rng = rngOf("blobs", key);
  g.globalAlpha = 0.35;
  for (let i = 0; i < 24; i++) {
    g.beginPath();
    g.arc(rng.range(0, side), rng.range(0, side), rng.range(0.3, 1.2) * scale * side, 0, 2 * Math.PI);
    g.fill();
  }
  g.globalAlpha = 1;
};

const drawBackground = (g: SKRSContext2D, side: number, ground: Background): void => {
  g.fillStyle = css(ground.colours[0]);
  g.fillRect(0, 0, side, side);
  g.fillStyle = css(ground.colours[1]);
  if (ground.pattern === "gradient") fillGradient(g, side, ground);
  if (ground.pattern === "stripes") drawStripes(g, side, ground);
  if (ground.pattern === "checks") drawChecks(g, side, ground);
  if (ground.pattern === "blobs") drawBlobs(g, side, ground);
};

const drawObject = (g: SKRSContext2D, side: number, object: SceneObject, sprite: Sprite): void => {
  const [x1, y1, x2, y2] = object.box.map((v) => v * side) as [number, number, number, number];
  const w = x2 - x1, h = y2 - y1, picture = levelOf(sprite, Math.max(w, h));
  g.save();
  g.translate(object.flip ? x2 : x1, y1);
  if (object.flip) g.scale(-1, 1);
  g.drawImage(picture, 0, 0, w, h);
  g.restore();
};

const drawPlate = (g: SKRSContext2D, side: number, { box, text, colours }: Plate): void => {
  const [x1, y1, x2, y2] = box.map((v) => v * side) as [number, number, number, number];
  const h = y2 - y1;
  g.fillStyle = css(colours[1]);
  g.fillRect(x1, y1, x2 - x1, h);
  g.fillStyle = css(colours[0]);
  g.font = `${h * 0.8}px "${plateFont}"`;
  g.textBaseline = "middle";
  g.textAlign = "center";
  g.fillText(text, (x1 + x2) / 2, y1 + h * 0.53, (x2 - x1) * 0.94);
};

/**
 * Prepares the drawing of a configuration's scenes.
 * Fails (rejects) if the art lacks one of the concepts.
 */
export const composerOf = async (art: Art, config: DataConfig): Promise<Composer> => {
  registerFont(art.font);
  const used = [...new Set([...config.styles.train, ...config.styles.eval])];
  const sprites = await loadSprites(art, config.concepts, used);
  const side = config.master, canvas = createCanvas(side, side);
  const g = canvas.getContext("2d");
  g.imageSmoothingEnabled = true;
  g.imageSmoothingQuality = "high";
  const draw = (scene: Scene): Uint8Array => {
    drawBackground(g, side, scene.background);
    for (const object of scene.objects) {
      drawObject(g, side, object, sprites.get(artKey(object.concept, object.style))!);
    }
    for (const plate of scene.plates) drawPlate(g, side, plate);
    const rgba = g.getImageData(0, 0, side, side).data, rgb = new Uint8Array(side * side * 3);
    for (let p = 0, q = 0; p < rgba.length; p += 4, q += 3) {
      rgb[q] = rgba[p]!, rgb[q + 1] = rgba[p + 1]!, rgb[q + 2] = rgba[p + 2]!;
    }
    return rgb;
  };
  return composing(side, draw);
};
