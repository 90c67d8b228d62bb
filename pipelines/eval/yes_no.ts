/** Scores of yes/no answers from their table of hits and misses; yes is the positive class. */
import { ratio } from "./report.ts";

/** One answer as it was read, alongside the truth. */
export interface Judged {
  /** Whether the answer means yes. */
  readonly predicted: boolean;
  /** Whether yes is right. */
  readonly truth: boolean;
}

/** Scores of a list of yes/no questions, each 0 to 1; a ratio without cases is 0. */
export interface YesNoScore {
  /** Number of questions. */
  readonly n: number;
  /** Share of right answers. */
  readonly accuracy: number;
  /** Of the answers `yes`, the share that is right. */
  readonly precision: number;
  /** Of the questions whose answer is yes, the share that is answered so. */
  readonly recall: number;
  /** Harmonic mean of precision and recall. */
  readonly f1: number;
  /** Share of answers `yes`. */
  readonly yesRate: number;
}

/**
 * Reads an answer by POPE's rule (RUCAIBox/POPE evaluate.py): only the text before the first point counts, commas are
 * dropped, and it means no if one of its words, parted by spaces, is `No`, `no` or `not`; everything else, an empty
 * answer and `NO` included, means yes.
 */
export const saysYes = (answer: string): boolean =>
  !answer.split(".")[0]!.replaceAll(",", "").split(" ").some((word) =>
    word === "No" || word === "no" || word === "not"
  );

/** Scores judged answers. */
export const scoreYesNo = (judged: readonly Judged[]): YesNoScore => {
  const number = (predicted: boolean, truth: boolean): number =>
    judged.filter((j) => j.predicted === predicted && j.truth === truth).length;
  const tp = number(true, true), fp = number(true, false), tn = number(false, false);
  const n = judged.length, precision = ratio(tp, tp + fp), recall = ratio(tp, n - fp - tn);
  return {
    n,
    accuracy: ratio(tp + tn, n),
    precision,
    recall,
    f1: ratio(2 * precision * recall, precision + recall),
    yesRate: ratio(tp + fp, n),
  };
};
