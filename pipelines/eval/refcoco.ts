/** RefCOCO, RefCOCO+ and RefCOCOg (Yu et al., arXiv 1608.00272): accuracy at IoU 0.5 in pixels of the original picture. */
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "../data/box.ts";
import { boxParser } from "../text/boxes.ts";
import { type BoxPair, pairFound, scoreBoxes } from "./boxes_found.ts";
import type { Answered, BoxRecord } from "./records.ts";
import type { Credit, Scores } from "./report.ts";

/** How a box in shares of the picture is read from an answer: the `parse` of a format of `text/boxes.ts`. */
export type ReadBox = ReturnType<typeof boxParser>;

/**
 * The rule of Qwen-VL's evaluate_grounding.py: the first `(x1,y1),(x2,y2)` of the text, its numbers over 999. Numbers
 * out of range stay as they are, and a text without such a box is none.
 */
export const firstQwenBox: ReadBox = boxParser((text) => {
  const found = /\((.*?)\),\((.*?)\)/.exec(text);
  if (found === null) return O.none;
  const numbers = found.slice(1, 3).map((pair) => pair.split(","));
  if (numbers.some((pair) => pair.length !== 2 || pair.some((n) => n.trim() === ""))) return O.none;
  const box = numbers.flat().map((n) => Number(n) / 999);
  return box.every(Number.isFinite) ? O.some(box as unknown as Box) : O.none;
});

const pairOf =
  (read: ReadBox) => ({ record: { box, width, height }, answer }: Answered<BoxRecord>): BoxPair => ({
    truth: box,
    said: O.map(([x1, y1, x2, y2]: Box): Box => [x1 * width, y1 * height, x2 * width, y2 * height])(
      read(answer),
    ),
  });

/** 1 if the answer's box counts as found. */
export const refCocoAccuracy = (read: ReadBox): Credit<BoxRecord> => (record, answer) =>
  pairFound(pairOf(read)({ record, answer })) ? 1 : 0;

/** Accuracy at 0.5, mean IoU, share of boxes whose middle hits, share of answers that are no box. */
export const scoreRefCoco = (read: ReadBox): Scores<BoxRecord> => (answered) => {
  const { n, accuracy, meanIou, centreHit, unparsable } = scoreBoxes(answered.map(pairOf(read)));
  return { n, main: "accuracy", values: { accuracy, mean_iou: meanIou, centre_hit: centreHit, unparsable } };
};
