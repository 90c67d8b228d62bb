/** RefCOCO, RefCOCO+ and RefCOCOg (Yu et al., arXiv 1608.00272): accuracy at IoU 0.5 in pixels of the original image. */
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "../records/box.ts";
import { type BoxFormat, type ParseBox, thousandBoxes } from "../text/boxes.ts";
import { type BoxPair, pairFound, scoreBoxes } from "./boxes_found.ts";
import type { ReadAnswer } from "./benchmark.ts";
import type { Answered, BoxRecord } from "../records/records.ts";
import type { Credit, Scores } from "./report.ts";

/**
 * The rule of Qwen-VL's evaluate_grounding.py: the first `(x1,y1),(x2,y2)` of the text, its numbers over 999. Numbers
 * out of range stay as they are, and a text without such a box is none.
 */
export const firstQwenBox: ParseBox = (text): O.Option<Box> => {
  const found = /\((.*?)\),\((.*?)\)/.exec(text);
  if (found === null) return O.none;
  const numbers = found.slice(1, 3).map((pair) => pair.split(","));
  if (numbers.some((pair) => pair.length !== 2 || pair.some((n) => n.trim() === ""))) return O.none;
  const box = numbers.flat().map((n) => Number(n) / 999);
  return box.every(Number.isFinite) ? O.some(box as unknown as Box) : O.none;
};

/** How boxes are read from answers, and how a perfect answer would be written, where that is known. */
export interface BoxReading {
  /** Reads the box of an answer. */
  readonly parse: ParseBox;
  /** The text of a box in shares of the image's sides. */
  readonly print?: BoxFormat["print"];
}

/** The reading of answers in a format: of whole numbers from 0 to 999 Qwen-VL's own rule, of others the format's. */
export const boxReadingOf = (format: BoxFormat): BoxReading =>
  format.name === thousandBoxes.name ? { parse: firstQwenBox, print: format.print } : format;

/** The box that is read from an answer, its edges in shares of the sides with four digits; "" if there is none. */
export const boxText = ({ parse }: BoxReading): ReadAnswer<BoxRecord> => (_, answer) =>
  O.match(() => "", (box: Box) => box.map((v) => v.toFixed(4)).join(" "))(parse(answer));

/**
 * An answer alongside the true box, both in pixels. A format has steps, so that the best that can be written is alongside the
 * true box; an answer that says just that is taken to say the true box itself, in every format.
 */
const pairOf =
  ({ parse, print }: BoxReading) =>
  ({ record: { box: truth, width, height }, answer }: Answered<BoxRecord>): BoxPair => {
    const predicted = parse(answer), [x1, y1, x2, y2] = truth;
    if (print !== undefined && O.isSome(predicted)) {
      const best = parse(print([x1 / width, y1 / height, x2 / width, y2 / height]));
      if (O.isSome(best) && best.value.every((v, i) => v === predicted.value[i])) {
        return { truth, predicted: O.some(truth) };
      }
    }
    return {
      truth,
      predicted: O.map(([x1, y1, x2, y2]: Box): Box => [x1 * width, y1 * height, x2 * width, y2 * height])(
        predicted,
      ),
    };
  };

/** 1 if the answer's box counts as found. */
export const refCocoAccuracy = (boxes: BoxReading): Credit<BoxRecord> => (record, answer) =>
  pairFound(pairOf(boxes)({ record, answer })) ? 1 : 0;

/** Accuracy at 0.5, mean IoU, share of boxes whose middle hits, share of answers that are no box. */
export const scoreRefCoco = (boxes: BoxReading): Scores<BoxRecord> => (answered) => {
  const { n, accuracy, meanIou, centreHit, unparsable } = scoreBoxes(answered.map(pairOf(boxes)));
  return { n, main: "accuracy", values: { accuracy, mean_iou: meanIou, centre_hit: centreHit, unparsable } };
};
