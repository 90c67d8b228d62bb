/** Boxes as words: edges rounded to the cells of a grid, one coordinate token each. */
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "./box.ts";

/** The word of cell `k`. */
export const coordinateWord = (k: number): string => `<${k}>`;

/** All coordinate words of a grid with `cells` per side. */
export const coordinateWords = (cells: number): readonly string[] =>
  Array.from({ length: cells }, (_, k) => coordinateWord(k));

const span = (low: number, high: number, cells: number): readonly [number, number] => {
  const cell = (v: number): number => Math.min(cells - 1, Math.max(0, Math.floor(v * cells)));
  const a = cell(low), b = cell(high);
  return b > a ? [a, b] : a + 1 < cells ? [a, a + 1] : [a - 1, a];
};

/** The cells that hold the left, top, right and bottom edge; right and bottom are at least one cell further. */
export const quantise = ([x1, y1, x2, y2]: Box, cells: number): Box => {
  const [a, c] = span(x1, x2, cells), [b, d] = span(y1, y2, cells);
  return [a, b, c, d];
};

/** The box whose edges run through the middles of the cells. */
export const dequantise = (cell: Box, cells: number): Box =>
  cell.map((k) => (k + 0.5) / cells) as unknown as Box;

/** A box as four words, such as `<3> <4> <9> <12>`. */
export const boxWords = (box: Box, cells: number): string =>
  quantise(box, cells).map(coordinateWord).join(" ");

/** The box that four coordinate words speak of; `none` unless there are exactly four, in range and in order. */
export const parseBox = (text: string, cells: number): O.Option<Box> => {
  const found = [...text.matchAll(/<(\d+)>/g)].map((m) => Number(m[1]));
  const rest = text.replace(/<\d+>/g, "").trim();
  const [x1, y1, x2, y2] = found;
  return found.length === 4 && rest === "" && found.every((k) => k < cells) && x1! < x2! && y1! < y2!
    ? O.some(dequantise([x1!, y1!, x2!, y2!], cells))
    : O.none;
};
