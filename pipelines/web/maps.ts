/** Attention maps as canvases: the image lit where attention is, the windows of the scale, and the strongest of them framed. */
import type { ScaleMap } from "./messages.ts";
import { drawingOf, element, type PageElement, percent } from "./dom.ts";

const SIZE = 336;

const mapCanvas = (
  image: PageElement,
  { windows, patches }: ScaleMap,
  tokens: boolean,
): PageElement => {
  const canvas = element("canvas", {
    attributes: { width: String(SIZE), height: String(SIZE), "aria-hidden": "true" },
  });
  const g = drawingOf(canvas), grid = Math.sqrt(patches.length), cell = SIZE / grid;
  g.drawImage(image, 0, 0, SIZE, SIZE);
  const most = patches.reduce((a, v) => Math.max(a, v), 0);
  patches.forEach((value, i) => {
    // the image is lit where attention is; the root keeps small amounts visible
    g.fillStyle = `rgba(13, 17, 28, ${most > 0 ? 0.82 * (1 - Math.sqrt(value / most)) : 0.82})`;
    g.fillRect((i % grid) * cell, Math.floor(i / grid) * cell, cell, cell);
  });
  const across = Math.round(Math.sqrt(windows.length)), width = SIZE / across;
  if (tokens) {
    g.strokeStyle = "rgba(255, 255, 255, 0.35)";
    g.lineWidth = 1;
    windows.forEach((_, i) =>
      g.strokeRect((i % across) * width, Math.floor(i / across) * width, width, width)
    );
  }
  const best = windows.indexOf(Math.max(...windows));
  g.strokeStyle = "#ffb000";
  g.lineWidth = 3;
  g.strokeRect((best % across) * width + 1.5, Math.floor(best / across) * width + 1.5, width - 3, width - 3);
  return canvas;
};

const placeOf = (windows: readonly number[]): string => {
  const across = Math.round(Math.sqrt(windows.length));
  if (across === 1) return "the whole image";
  const best = windows.indexOf(Math.max(...windows)), column = (best % across + 0.5) / across;
  const row = (Math.floor(best / across) + 0.5) / across;
  const vertical = row < 0.34 ? "top" : row > 0.66 ? "bottom" : "middle";
  const horizontal = column < 0.34 ? "left" : column > 0.66 ? "right" : "centre";
  return `${vertical} ${horizontal}`;
};

/** A figure of one scale. */
export const mapFigure = (image: PageElement, map: ScaleMap, tokens: boolean): PageElement => {
  const { window, queries, share, windows } = map, count = windows.length * queries;
  const best = Math.max(...windows), title = `${count} ${count === 1 ? "token" : "tokens"}`;
  const detail =
    `${windows.length} ${windows.length === 1 ? "window" : "windows"} of ${window} × ${window} patches, ` +
    `${queries} ${queries === 1 ? "token" : "tokens"} each`;
  return element(
    "figure",
    { class: "map" },
    mapCanvas(image, map, tokens),
    element(
      "figcaption",
      {},
      element("strong", { text: title }),
      element("span", { class: "share", text: `${percent(share)} of the attention` }),
      element("span", { class: "soft", text: `${detail}. Most: ${placeOf(windows)}, ${percent(best)}.` }),
    ),
  );
};
