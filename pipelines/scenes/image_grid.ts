/** Sheets of images, for eyes: samples with questions, answers and boxes, and scenes at the size of their masters. */
import { createCanvas, GlobalFonts, type SKRSContext2D } from "@napi-rs/canvas";
import { Buffer } from "node:buffer";
import { bitmap } from "../images/bitmap.ts";
import type { Box } from "../records/box.ts";
import type { Scene } from "./record.ts";
import type { StoredScene } from "./shards/read.ts";

// Importing the manifest puts the package in the module graph: `deno cache` fetches it, and its files can then be found.
import "npm:@expo-google-fonts/roboto@0.4.3/package.json" with { type: "json" };
import { packageFile } from "../base/package_files.ts";

/** Name under which it is registered. */
export const gridFont = "chain-of-sight sheet";

/** Registers it; safe to call again. */
export const registerFont = (): void => {
  if (GlobalFonts.has(gridFont)) return;
  const file = packageFile("@expo-google-fonts/roboto/500Medium/Roboto_500Medium.ttf");
  GlobalFonts.register(Buffer.from(Deno.readFileSync(file)), gridFont);
};

/** One line under an image. */
export interface GridLine {
  /** The question. */
  readonly question: string;
  /** Output of the model. */
  readonly answer: string;
  /** What it should have written. */
  readonly truth: string;
  /** Whether that counts as right. */
  readonly right: boolean;
}

/** One image with its lines. */
export interface Sample {
  /** `side * side * 3` bytes of RGB. */
  readonly image: Uint8Array;
  /** Side of the image in pixels. */
  readonly side: number;
  /** Questions and answers. */
  readonly lines: readonly GridLine[];
  /** Where the model said that something is. */
  readonly predictedBox?: Box;
  /** Where that is. */
  readonly trueBox?: Box;
}

const IMAGE = 256, GAP = 14, LINE = 17, LETTERS = 12.5, SIGN = 14, DASHES = [6, 4];
const colours = {
  paper: "#fbfaf7",
  ink: "#22252a",
  right: "#1d7a46",
  wrong: "#b3261e",
  truth: "#6b6f76",
  box: "#e0218a",
};

const drawSample = (g: SKRSContext2D, { image, side }: Sample, x: number, y: number): void => {
  g.imageSmoothingEnabled = side > IMAGE; // low resolutions are shown as the pixels that the model sees
  g.drawImage(bitmap(image, side), x, y, IMAGE, IMAGE);
};

/** A frame of sides `w` and `h`. A true one is dashed, dark on light so that it shows on any image. */
const drawFrame = (g: SKRSContext2D, kind: "predicted" | "true", ...sides: readonly number[]): void => {
  const [x, y, w, h] = sides as [number, number, number, number];
  const stroke = (colour: string, width: number, dashes: number[]): void => {
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.setLineDash(dashes);
    g.strokeRect(x, y, w, h);
    g.setLineDash([]);
  };
  if (kind === "predicted") return stroke(colours.box, 2.5, []);
  stroke(colours.paper, 3, []);
  stroke(colours.ink, 1.5, DASHES);
};

const drawBox = (
  g: SKRSContext2D,
  kind: "predicted" | "true",
  box: Box | undefined,
  x: number,
  y: number,
): void => {
  if (box === undefined) return;
  const [x1, y1, x2, y2] = box.map((v) => v * IMAGE) as [number, number, number, number];
  drawFrame(g, kind, x + x1, y + y1, x2 - x1, y2 - y1);
};

/** A tick or a cross, in a square of side 8. */
const drawSign = (g: SKRSContext2D, right: boolean, x: number, y: number): void => {
  const strokes = right ? [[0, 5, 3, 8, 8, 1]] : [[1, 1, 8, 8], [8, 1, 1, 8]];
  g.strokeStyle = right ? colours.right : colours.wrong;
  g.lineWidth = 2;
  for (const [fromX, fromY, ...more] of strokes as [number, number, ...number[]][]) {
    g.beginPath();
    g.moveTo(x + fromX, y + fromY);
    for (let i = 0; i < more.length; i += 2) g.lineTo(x + more[i]!, y + more[i + 1]!);
    g.stroke();
  }
};

/** The text, shortened until it fits. */
const fit = (g: SKRSContext2D, text: string, width: number): string => {
  if (g.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 0 && g.measureText(`${text.slice(0, end)}…`).width > width) end--;
  return `${text.slice(0, end)}…`;
};

/** Whether an answer is shown as right: one without words never is, whatever a score reads in it. */
const shownRight = ({ right, answer }: GridLine): boolean => right && answer.trim() !== "";

const drawLine = (g: SKRSContext2D, line: GridLine, x: number, y: number): void => {
  const right = shownRight(line);
  const write = (text: string, dx: number, dy: number, colour: string): number => {
    g.fillStyle = colour;
    const shown = fit(g, text, IMAGE - dx);
    g.fillText(shown, x + dx, y + dy);
    return dx + g.measureText(shown).width;
  };
  write(line.question, 0, 0, colours.ink);
  drawSign(g, right, x + 2, y + LINE + 4);
  const end = write(line.answer.trim() || "(nothing)", SIGN, LINE, right ? colours.right : colours.wrong);
  if (!right && end < IMAGE - 24) write(`[${line.truth}]`, end + 8, LINE, colours.truth);
};

/** What signs and boxes mean, in one line. */
const drawLegend = (g: SKRSContext2D, y: number): void => {
  let x = GAP;
  const entry = (draw: () => void, words: string): void => {
    draw();
    g.fillStyle = colours.ink;
    g.fillText(words, x + 20, y);
    x += 20 + g.measureText(words).width + GAP;
  };
  entry(() => drawSign(g, true, x + 4, y + 3), "right");
  entry(() => drawSign(g, false, x + 4, y + 3), "wrong [truth]");
  entry(() => drawFrame(g, "predicted", x + 1, y + 2, 14, 10), "box of the answer");
  entry(() => drawFrame(g, "true", x + 1, y + 2, 14, 10), "true box");
};

/** One PNG with a legend and all samples in rows of four. */
export const imageGrid = (samples: readonly Sample[]): Uint8Array => {
  registerFont();
  const columns = Math.max(2, Math.min(4, samples.length)), rows = Math.ceil(samples.length / columns);
  const most = Math.max(0, ...samples.map((s) => s.lines.length));
  const step = IMAGE + GAP, height = step + most * 2 * LINE + GAP, top = GAP + LINE;
  const canvas = createCanvas(GAP + columns * step, top + GAP + Math.max(1, rows) * height),
    g = canvas.getContext("2d");
  g.fillStyle = colours.paper;
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.font = `${LETTERS}px "${gridFont}"`;
  g.textBaseline = "top";
  drawLegend(g, GAP);
  samples.forEach((sample, i) => {
    const x = GAP + (i % columns) * step, y = top + GAP + Math.floor(i / columns) * height;
    drawSample(g, sample, x, y);
    drawBox(g, "true", sample.trueBox, x, y);
    drawBox(g, "predicted", sample.predictedBox, x, y);
    sample.lines.forEach((line, k) => drawLine(g, line, x, y + IMAGE + 6 + k * 2 * LINE));
  });
  return new Uint8Array(canvas.toBuffer("image/png"));
};

const SPACE = 10, CAPTION = 18, COLUMNS = 4;

const lineOf = ({ id, theme, background, objects }: Scene, side: number): string => {
  const sizes = objects.map((o) => Math.round(o.size * side));
  return `${id}: ${theme}, ${background.pattern}, ${objects.length} objects of ${Math.min(...sizes)} to ${
    Math.max(...sizes)
  } px`;
};

const drawOne = (g: SKRSContext2D, { scene, image }: StoredScene, side: number, i: number): void => {
  const x = SPACE + (i % COLUMNS) * (side + SPACE),
    y = SPACE + Math.floor(i / COLUMNS) * (side + CAPTION + SPACE);
  g.drawImage(bitmap(image, side), x, y);
  g.fillText(lineOf(scene, side), x, y + side + 3, side);
};

/** One PNG with scenes in rows of four, each with a line that says what it is. `side` is the masters'. */
export const sceneGrid = (scenes: readonly StoredScene[], side: number): Uint8Array => {
  registerFont();
  const columns = Math.min(COLUMNS, Math.max(1, scenes.length)), rows = Math.ceil(scenes.length / COLUMNS);
  const canvas = createCanvas(SPACE + columns * (side + SPACE), SPACE + rows * (side + CAPTION + SPACE));
  const g = canvas.getContext("2d");
  g.fillStyle = "#fbfaf7";
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.fillStyle = "#22252a";
  g.font = `12px "${gridFont}"`;
  g.textBaseline = "top";
  scenes.forEach((scene, i) => drawOne(g, scene, side, i));
  return new Uint8Array(canvas.toBuffer("image/png"));
};
