/** The dominant colour of a drawing, by the colour terms that people use. */
import { type ColourName, colourNames } from "../../pipelines/scenes/colours.ts";
import type { Raster } from "../../pipelines/scenes/raster.ts";

/** Minimum share of the visible pixels that a dominating colour has. */
const DOMINATES = 0.5;
/** Greatest share of the visible pixels that the second colour may have. */
const ALONGSIDE = 0.22;

/**
 * The colour term of a pixel: by lightness and saturation where there is little hue, by hue else. Dark orange and dark
 * yellow are brown, light red is pink. Borders are those at which people change the term, roughly.
 */
export const termOf = (r: number, g: number, b: number): ColourName => {
  const most = Math.max(r, g, b), least = Math.min(r, g, b), chroma = most - least;
  const light = (most + least) / 510;
  const saturation = chroma === 0 ? 0 : chroma / (255 * (1 - Math.abs(2 * light - 1)));
  if (light < 0.14) return "black";
  if (light > 0.93) return "white";
  if (chroma < 26 || saturation < 0.16) return light > 0.82 ? "white" : light < 0.22 ? "black" : "grey";
  const sector = most === r ? (g - b) / chroma : most === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
  const hue = (sector * 60 + 360) % 360;
  if (hue < 14 || hue >= 345) {
    if (light > 0.7) return "pink";
    return light < 0.24 || (saturation < 0.5 && light < 0.5) ? "brown" : "red";
  }
  if (hue < 24 && light > 0.72) return "pink";
  if (hue < 42) return light < 0.42 || (saturation < 0.55 && light < 0.66) ? "brown" : "orange";
  if (hue < 68) return light < 0.34 ? "brown" : "yellow";
  if (hue < 165) return "green";
  if (hue < 255) return "blue";
  if (hue < 292) return "purple";
  return light > 0.55 ? "pink" : "purple";
};

/** Shares of the visible pixels by colour term, the largest first. */
const colourShares = ({ rgba }: Raster): readonly (readonly [ColourName, number])[] => {
  const counts = new Map<ColourName, number>(colourNames.map((name) => [name, 0]));
  let all = 0;
  for (let p = 0; p < rgba.length; p += 4) {
    const a = rgba[p + 3]!;
    if (a < 128) continue;
    const term = termOf(rgba[p]! * 255 / a, rgba[p + 1]! * 255 / a, rgba[p + 2]! * 255 / a);
    counts.set(term, counts.get(term)! + 1), all++;
  }
  return [...counts].map(([name, n]) => [name, n / Math.max(1, all)] as const).sort((a, b) => b[1] - a[1]);
};

// Terms between which drawings shade, so that neither can be said to be wrong.
const near: readonly (readonly [ColourName, ColourName])[] = [
  ["red", "pink"],
  ["orange", "yellow"],
  ["orange", "brown"],
  ["orange", "red"],
  ["brown", "red"],
  ["brown", "yellow"],
  ["pink", "purple"],
  ["blue", "purple"],
  ["grey", "white"],
  ["grey", "black"],
  ["grey", "blue"],
];

/** The colour of most of a drawing; undefined where two contend, or where a neighbouring term has a good part. */
export const dominantColour = (raster: Raster): ColourName | undefined => {
  const shares = colourShares(raster),
    [[first, share], [second, next]] = shares as [
      readonly [ColourName, number],
      readonly [ColourName, number],
    ];
  const neighbours = near.some((pair) => pair.includes(first) && pair.includes(second));
  return share >= DOMINATES && next <= (neighbours ? ALONGSIDE * 0.75 : ALONGSIDE) ? first : undefined;
};
