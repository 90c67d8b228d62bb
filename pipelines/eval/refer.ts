/** Scores of finding objects: boxes spoken as coordinate words against exact boxes. */
import * as O from "fp-ts/lib/Option.js";
import { pipe } from "fp-ts/lib/function.js";
import { type Box, centre, holds, iou } from "../data/box.ts";
import { parseBox } from "../data/grid.ts";

/** One place question and what the model wrote. */
export interface ReferItem {
  /** The exact box. */
  readonly truth: Box;
  /** The model's answer, four coordinate words. */
  readonly answer: string;
}

/** Scores of a list of place questions; answers that are no box count as misses with IoU 0. */
export interface ReferScore {
  /** Number of questions. */
  readonly n: number;
  /** Share with an intersection over union of at least 0.5. */
  readonly accuracy: number;
  /** Mean intersection over union. */
  readonly meanIou: number;
  /** Share whose middle lies in the true box. */
  readonly centreHit: number;
  /** Share of answers that are no box. */
  readonly unparsable: number;
}

/** Intersection over union of one answer with the truth; 0 if it is no box. */
export const referIou = (grid: number): (item: ReferItem) => number => (item) =>
  pipe(parseBox(item.answer, grid), O.match(() => 0, (box) => iou(box, item.truth)));

/** Whether one answer counts as found: IoU of at least 0.5. */
export const referRight = (grid: number): (item: ReferItem) => boolean => (item) =>
  referIou(grid)(item) >= 0.5;

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;

/** Scores answers given on a grid with `grid` cells per side. */
export const scoreRefer = (items: readonly ReferItem[], grid: number): ReferScore => {
  const parsed = items.map((item) => parseBox(item.answer, grid));
  const hits = parsed.map((box, i) => pipe(box, O.exists((b) => holds(items[i]!.truth, centre(b)))) ? 1 : 0);
  const overlaps = items.map(referIou(grid));
  return {
    n: items.length,
    accuracy: mean(overlaps.map((v) => v >= 0.5 ? 1 : 0)),
    meanIou: mean(overlaps),
    centreHit: mean(hits),
    unparsable: mean(parsed.map((box) => O.isNone(box) ? 1 : 0)),
  };
};
