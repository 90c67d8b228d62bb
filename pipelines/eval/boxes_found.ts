/** Scores of boxes from their overlaps with the true ones. */
import type { parseBox } from "../records/grid.ts";
import { type Box, centre, holds, iou } from "../records/box.ts";
import * as O from "fp-ts/lib/Option.js";
import { mean } from "./report.ts";

/** One answer alongside the true box; both in the same units. */
export interface BoxPair {
  /** The box that was read from the answer; `none` if there is none. */
  readonly predicted: ReturnType<typeof parseBox>;
  /** The true box. */
  readonly truth: Box;
}

/** Scores of a list of boxes; answers that are no box count as misses with IoU 0. */
export interface BoxScore {
  /** Number of questions. */
  readonly n: number;
  /** Share with an intersection over union of at least 0.5. */
  readonly accuracy: number;
  /** Mean intersection over union. */
  readonly meanIou: number;
  /** Share whose middle is in the true box, edges included. */
  readonly centreHit: number;
  /** Share of answers that are no box. */
  readonly unparsable: number;
}

/** Intersection over union of one answer with the truth. */
export const pairIou = ({ predicted, truth }: BoxPair): number =>
  O.isSome(predicted) ? iou(predicted.value, truth) : 0;

/** Whether an answer counts as found. */
export const pairFound = (pair: BoxPair): boolean => pairIou(pair) >= 0.5;

/** Scores pairs of boxes. */
export const scoreBoxes = (pairs: readonly BoxPair[]): BoxScore => ({
  n: pairs.length,
  accuracy: mean(pairs.map((pair) => pairFound(pair) ? 1 : 0)),
  meanIou: mean(pairs.map(pairIou)),
  centreHit: mean(
    pairs.map(({ predicted, truth }) => O.isSome(predicted) && holds(truth, centre(predicted.value)) ? 1 : 0),
  ),
  unparsable: mean(pairs.map(({ predicted }) => O.isNone(predicted) ? 1 : 0)),
});
