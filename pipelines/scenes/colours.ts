/** Names of colours, and the dominant colour of every drawing. */
import * as O from "fp-ts/lib/Option.js";
import { drawnIn } from "./aspects.ts";
import type { Style } from "./config.ts";

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
