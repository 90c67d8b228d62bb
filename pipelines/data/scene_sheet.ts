/** A picture of scenes at the size of their masters, for eyes. */
import { type Canvas, createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { loadFont } from "./art.ts";
import { plateFont, registerFont } from "./compose.ts";
import type { Scene } from "./record.ts";
import type { StoredScene } from "./shards/read.ts";

const GAP = 10, LINE = 18, COLUMNS = 4;

const bitmap = (image: Uint8Array, side: number): Canvas => {
  const canvas = createCanvas(side, side),
    g = canvas.getContext("2d"),
    pixels = g.createImageData(side, side);
  for (let p = 0, q = 0; q < image.length; p += 4, q += 3) {
    pixels.data[p] = image[q]!, pixels.data[p + 1] = image[q + 1]!, pixels.data[p + 2] = image[q + 2]!;
    pixels.data[p + 3] = 255;
  }
  g.putImageData(pixels, 0, 0);
  return canvas;
};

const lineOf = ({ id, theme, background, objects }: Scene, side: number): string => {
  const sizes = objects.map((o) => Math.round(o.size * side));
  return `${id}: ${theme}, ${background.pattern}, ${objects.length} objects of ${Math.min(...sizes)} to ${
    Math.max(...sizes)
  } px`;
};

const drawOne = (g: SKRSContext2D, { scene, image }: StoredScene, side: number, i: number): void => {
  const x = GAP + (i % COLUMNS) * (side + GAP), y = GAP + Math.floor(i / COLUMNS) * (side + LINE + GAP);
  g.drawImage(bitmap(image, side), x, y);
  g.fillText(lineOf(scene, side), x, y + side + 3, side);
};

/** One PNG with scenes in rows of four, each with a line that says what it is. `side` is the masters'. */
export const sceneSheet = (scenes: readonly StoredScene[], side: number): Uint8Array => {
  registerFont(loadFont());
  const columns = Math.min(COLUMNS, Math.max(1, scenes.length)), rows = Math.ceil(scenes.length / COLUMNS);
  const canvas = createCanvas(GAP + columns * (side + GAP), GAP + rows * (side + LINE + GAP));
  const g = canvas.getContext("2d");
  g.fillStyle = "#fbfaf7";
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.fillStyle = "#22252a";
  g.font = `12px "${plateFont}"`;
  g.textBaseline = "top";
  scenes.forEach((scene, i) => drawOne(g, scene, side, i));
  return new Uint8Array(canvas.toBuffer("image/png"));
};
