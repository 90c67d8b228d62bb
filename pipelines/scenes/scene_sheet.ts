/** A picture of scenes at the size of their masters, for eyes. */
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { bitmap } from "../images/bitmap.ts";
import { registerFont, sheetFont } from "./sheet_font.ts";
import type { Scene } from "./record.ts";
import type { StoredScene } from "./shards/read.ts";

const GAP = 10, LINE = 18, COLUMNS = 4;

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
  registerFont();
  const columns = Math.min(COLUMNS, Math.max(1, scenes.length)), rows = Math.ceil(scenes.length / COLUMNS);
  const canvas = createCanvas(GAP + columns * (side + GAP), GAP + rows * (side + LINE + GAP));
  const g = canvas.getContext("2d");
  g.fillStyle = "#fbfaf7";
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.fillStyle = "#22252a";
  g.font = `12px "${sheetFont}"`;
  g.textBaseline = "top";
  scenes.forEach((scene, i) => drawOne(g, scene, side, i));
  return new Uint8Array(canvas.toBuffer("image/png"));
};
