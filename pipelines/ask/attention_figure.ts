/** An image of where an answer looked: a row for every token, a panel for every scale. */
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { gridFont, registerFont } from "../scenes/image_grid.ts";
import type { AttentionMap, AttentionMaps } from "./attention_maps.ts";
import type { InputImage } from "./input_image.ts";

/** What the sheet says and shows. */
export interface AttentionFigure {
  /** The image, as the model saw it. */
  readonly photo: InputImage;
  /** The question. */
  readonly question: string;
  /** The text of every token of the answer. */
  readonly tokens: readonly string[];
  /** Where each of them looked. */
  readonly looks: AttentionMaps;
}

/** Rows that a sheet has room for. */
export const FIGURE_ROWS = 12;

const PANEL = 240, GAP = 16, LABEL = 36, HEAD = 46, FOOT = 52, SIDE = 96;
const ink = "#22252a", soft = "#6b6f76", paper = "#fbfaf7", hot = [224, 33, 138] as const;

const imageOf = ({ side, bytes }: InputImage) => {
  const canvas = createCanvas(side, side), g = canvas.getContext("2d"), data = g.createImageData(side, side);
  for (let p = 0, q = 0; q < bytes.length; p += 4, q += 3) {
    // paler, so that the colour of looks is out
    for (let c = 0; c < 3; c++) data.data[p + c] = 128 + (bytes[q + c]! >> 1);
    data.data[p + 3] = 255;
  }
  g.putImageData(data, 0, 0);
  return canvas;
};

const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;

const drawPanel = (
  g: SKRSContext2D,
  { photo }: AttentionFigure,
  image: ReturnType<typeof imageOf>,
  look: AttentionMap,
  x: number,
  y: number,
): void => {
  const { scale: { window, queries }, share, windows, patches } = look;
  g.imageSmoothingEnabled = photo.side > PANEL;
  g.drawImage(image, x, y, PANEL, PANEL);
  const grid = Math.round(Math.sqrt(patches.length)), cell = PANEL / grid;
  const most = patches.reduce((a, v) => Math.max(a, v), 0);
  patches.forEach((v, i) => {
    g.fillStyle = `rgba(${hot.join(",")},${most > 0 ? 0.85 * v / most : 0})`;
    g.fillRect(x + (i % grid) * cell, y + Math.floor(i / grid) * cell, cell, cell);
  });
  const across = Math.round(Math.sqrt(windows.length)), width = PANEL / across;
  const best = windows.indexOf(Math.max(...windows));
  g.strokeStyle = "rgba(34,37,42,0.25)";
  g.lineWidth = 0.5;
  windows.forEach((_, i) =>
    g.strokeRect(x + (i % across) * width, y + Math.floor(i / across) * width, width, width)
  );
  g.strokeStyle = `rgb(${hot.join(",")})`;
  g.lineWidth = 2;
  g.strokeRect(x + (best % across) * width, y + Math.floor(best / across) * width, width, width);
  g.fillStyle = ink;
  g.fillText(
    `windows of ${window} x ${window} patches, ${queries} ${queries === 1 ? "query" : "queries"} each`,
    x,
    y + PANEL + 4,
  );
  g.fillStyle = soft;
  g.fillText(`${percent(share)} of attention; framed: ${percent(windows[best]!)}`, x, y + PANEL + 19);
};

const fit = (g: SKRSContext2D, text: string, width: number): string => {
  let end = text.length;
  while (end > 0 && g.measureText(end < text.length ? `${text.slice(0, end)}…` : text).width > width) end--;
  return end < text.length ? `${text.slice(0, end)}…` : text;
};

/** The sheet as a PNG; at most {@link FIGURE_ROWS} tokens. */
export const attentionFigure = (sheet: AttentionFigure): Uint8Array => {
  registerFont();
  const rows = sheet.looks.slice(0, FIGURE_ROWS), scales = rows[0]?.length ?? 0;
  const wide = Math.max(640, SIDE + GAP + scales * (PANEL + GAP));
  const canvas = createCanvas(wide, HEAD + rows.length * (PANEL + LABEL + GAP) + FOOT),
    g = canvas.getContext("2d");
  g.fillStyle = paper;
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.textBaseline = "top";
  const image = imageOf(sheet.photo);
  g.font = `15px "${gridFont}"`;
  g.fillStyle = ink;
  g.fillText(fit(g, `${sheet.question}  ${sheet.tokens.join(" ")}`, wide - 2 * GAP), GAP, 14);
  rows.forEach((looks, r) => {
    const y = HEAD + r * (PANEL + LABEL + GAP);
    g.font = `15px "${gridFont}"`;
    g.fillStyle = ink;
    g.fillText(fit(g, sheet.tokens[r] ?? "", SIDE - GAP), GAP, y);
    g.font = `12px "${gridFont}"`;
    looks.forEach((look, s) => drawPanel(g, sheet, image, look, SIDE + GAP + s * (PANEL + GAP), y));
  });
  g.font = `11.5px "${gridFont}"`;
  g.fillStyle = soft;
  const more = sheet.looks.length - rows.length;
  [
    `colour: the decoder's attention from a token to the visual tokens (mean over heads and blocks), each spread over`,
    `its window as its query's last attention in the bridge is (mean over heads); the largest patch of a panel is full` +
    (more > 0 ? `; ${more} more tokens` : ""),
  ].forEach((line, i) => g.fillText(fit(g, line, wide - 2 * GAP), GAP, canvas.height - FOOT + 10 + 15 * i));
  return new Uint8Array(canvas.toBuffer("image/png"));
};
