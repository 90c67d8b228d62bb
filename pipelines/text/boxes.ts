/**
 * Boxes as text, in the ways of several models. Every format rounds edges to steps of its own; `parse` takes back what
 * `print` wrote, and finds the one box of a longer text.
 */
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "../records/box.ts";
import { boxWords, parseBox } from "../records/grid.ts";

/**
 * Reads the box of a text, its edges in shares of the image's sides.
 * @internal
 */
export type ParseBox = (text: string) => O.Option<Box>;

/** A way of writing boxes. */
export interface BoxFormat {
  /** Its name. */
  readonly name: string;
  /** Steps along a side: edges come back to within one of them. */
  readonly steps: number;
  /** The text of a box in shares of the image's side; edges outside of it are moved to its border. */
  readonly print: (box: Box) => string;
  /** The box of a text; `none` unless it has exactly one, in range, with its edges in order. */
  readonly parse: ParseBox;
}

const within = (v: number): number => Math.min(1, Math.max(0, v));

/** The one match of a pattern with four numbers, as a box in shares. */
const only =
  (pattern: RegExp, boxOf: (numbers: readonly number[]) => Box) => (text: string): O.Option<Box> => {
    const found = [...text.matchAll(pattern)];
    if (found.length !== 1) return O.none;
    const box = boxOf(found[0]!.slice(1, 5).map(Number));
    const [x1, y1, x2, y2] = box;
    return box.every((v) => v >= 0 && v <= 1) && x1 <= x2 && y1 <= y2 ? O.some(box) : O.none;
  };

const number = String.raw`\s*(\d*\.?\d+)\s*`;

/** `[0.12, 0.34, 0.56, 0.78]`: shares with some digits, as LLaVA-1.5 (2) and Shikra (3, arXiv 2306.15195) write. */
export const decimalBoxes = (digits: number): BoxFormat => ({
  name: `decimals-${digits}`,
  steps: 10 ** digits,
  print: (box) => `[${box.map((v) => within(v).toFixed(digits)).join(", ")}]`,
  parse: only(
    new RegExp(String.raw`\[${number},${number},${number},${number}\]`, "g"),
    (n) => n as unknown as Box,
  ),
});

/** Edges in steps of 1/`last`, rounded to the nearest, as whole numbers from 0 to `last`. */
const stepOf = (last: number) => (v: number): number => Math.round(within(v) * last);
const ofSteps = (last: number) => (numbers: readonly number[]): Box =>
  numbers.map((v) => v / last) as unknown as Box;

const thousandth = stepOf(999), ofThousand = ofSteps(999);

/**
 * `(120,340),(560,780)`: whole numbers from 0 to 999, as Qwen-VL writes (arXiv 2308.12966). Its eval_mm/
 * evaluate_grounding.py reads them over 999, so that is what they are steps of.
 */
export const thousandBoxes: BoxFormat = {
  name: "thousand",
  steps: 999,
  print: (box) => {
    const [x1, y1, x2, y2] = box.map(thousandth);
    return `(${x1},${y1}),(${x2},${y2})`;
  },
  parse: only(/\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)/g, ofThousand),
};

/** `<box>120 340 560 780</box>`: the same numbers between tags. */
export const taggedBoxes: BoxFormat = {
  name: "tagged",
  steps: 999,
  print: (box) => `<box>${box.map(thousandth).join(" ")}</box>`,
  parse: only(/<box>\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*<\/box>/g, ofThousand),
};

const location = stepOf(1023), ofLocations = ofSteps(1023);

/**
 * `<loc0348><loc0122><loc0798><loc0573>`: top, left, bottom, right as whole numbers from 0 to 1023, as PaliGemma (arXiv
 * 2407.07726) is trained and read (google-research/big_vision, pp/proj/paligemma/segmentation.py).
 */
export const locationBoxes: BoxFormat = {
  name: "location",
  steps: 1023,
  print: ([x1, y1, x2, y2]) =>
    [y1, x1, y2, x2].map((v) => `<loc${String(location(v)).padStart(4, "0")}>`).join(""),
  parse: only(
    /<loc(\d{4})>\s*<loc(\d{4})>\s*<loc(\d{4})>\s*<loc(\d{4})>/g,
    ([y1, x1, y2, x2]) => ofLocations([x1!, y1!, x2!, y2!]),
  ),
};

/** `<3> <4> <9> <12>`: one word for each edge, cells of a grid, as the quickstart writes. */
export const gridBoxes = (cells: number): BoxFormat => ({
  name: `grid-${cells}`,
  steps: cells,
  print: (box) => boxWords(box.map(within) as unknown as Box, cells),
  parse: (text) => parseBox(text, cells),
});

/** The box that a format's steps leave of another: what `parse` gives of what `print` wrote. */
export const rounded = (format: BoxFormat, box: Box): O.Option<Box> => format.parse(format.print(box));

/** The box format of a {@link BoxFormat.name}; `none` for other words. */
export const boxFormatNamed = (name: string): O.Option<BoxFormat> => {
  const [, kind, count] = /^(decimals|grid)-([1-9]\d{0,3})$/.exec(name) ?? [];
  if (kind !== undefined) return O.some((kind === "grid" ? gridBoxes : decimalBoxes)(Number(count)));
  return O.fromNullable([thousandBoxes, taggedBoxes, locationBoxes].find((format) => format.name === name));
};
