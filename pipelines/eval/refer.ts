/** Scores of finding objects in scenes: boxes spoken as coordinate words against exact boxes. */
import type { Box } from "../records/box.ts";
import { parseBox } from "../records/grid.ts";
import { type BoxPair, type BoxScore, pairFound, pairIou, scoreBoxes } from "./boxes_found.ts";

/** One place question and what the model wrote. */
export interface ReferItem {
  /** The exact box. */
  readonly truth: Box;
  /** The model's answer, four coordinate words. */
  readonly answer: string;
}

const pairOf = (grid: number) => ({ truth, answer }: ReferItem): BoxPair => ({
  truth,
  predicted: parseBox(answer, grid),
});

/** Intersection over union of one answer with the truth; 0 if it is no box. */
export const referIou = (grid: number): (item: ReferItem) => number => (item) => pairIou(pairOf(grid)(item));

/** Whether one answer counts as found: IoU of at least 0.5. */
export const referRight = (grid: number): (item: ReferItem) => boolean => (item) =>
  pairFound(pairOf(grid)(item));

/** Scores answers given on a grid with `grid` cells per side. */
export const scoreRefer = (items: readonly ReferItem[], grid: number): BoxScore =>
  scoreBoxes(items.map(pairOf(grid)));
