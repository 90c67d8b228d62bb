/** Names of colours, and the dominant colour of every drawing. */
import * as O from "fp-ts/lib/Option.js";
import { drawnIn } from "./aspects.ts";
import type { Style } from "./config.ts";
import type { Colour } from "./record.ts";

/** The basic colour terms of English (Berlin and Kay 1969). */
export type ColourName =
  | "red"
  | "orange"
  | "yellow"
  | "green"
  | "blue"
  | "purple"
  | "pink"
  | "brown"
  | "black"
  | "grey"
  | "white";

/** Every colour name. */
export const colourNames: readonly ColourName[] = [
  "red",
  "orange",
  "yellow",
  "green",
  "blue",
  "purple",
  "pink",
  "brown",
  "black",
  "grey",
  "white",
];

/**
 * The colour that most of a drawing has, if one clearly dominates; `none` where people would disagree, and for stamps,
 * whose colours were not measured. Measured on the art by `tools/vocabulary/palette.ts`.
 */
export const colourOf = (concept: number, style: Style): O.Option<ColourName> =>
  O.fromNullable(colourNames[drawnIn(style)?.colours[concept] ?? -1]);

/** A colour from hue (degrees), saturation and lightness (0 to 1). */
export const hsl = (h: number, s: number, l: number): Colour => {
  const channel = (n: number): number => {
    const k = (n + h / 30) % 12;
    return Math.round(255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
};
