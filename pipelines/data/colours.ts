/** Names of colours, and the dominant colour of every drawing. */
import * as O from "fp-ts/lib/Option.js";
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

/** The colour that most of a drawing has, if one clearly dominates; `none` where people would disagree. */
export const colourOf = (_concept: number, _style: Style): O.Option<ColourName> => O.none;
