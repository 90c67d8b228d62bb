/** ANLS (Biten et al., arXiv 1907.00490) for text that is read, as m4c_evaluator.py of LLaVA, after MMF, has it. */
import { characters, editDistance } from "./edit_distance.ts";
import { strip } from "./python_text.ts";
import type { Answered, ReadingRecord } from "../records/records.ts";
import { mean, type ScoreReport } from "./report.ts";

/** The text that is compared: lower case, without white space at the ends. */
export const anlsText = (text: string): string => strip(text.toLowerCase());

const similarity = (a: string, b: string): number => {
  const most = Math.max(characters(a), characters(b));
  return most === 0 ? 1 : 1 - editDistance(a, b) / most;
};

/**
 * One answer's score: the largest normalised Levenshtein similarity to an accepted text, case and white space at the
 * ends aside; 0 below 0.5. At exactly 0.5 the script gives 0.5, the paper's formula 0. Without accepted texts 0; two
 * empty texts are alike.
 */
export const anlsCredit = (record: ReadingRecord, answer: string): number => {
  const best = Math.max(0, ...record.answers.map((text) => similarity(anlsText(text), anlsText(answer))));
  return best < 0.5 ? 0 : best;
};

/** The mean over answers. */
export const anls = (answered: readonly Answered<ReadingRecord>[]): number =>
  mean(answered.map(({ record, answer }) => anlsCredit(record, answer)));

/** ANLS as a report. */
export const scoreAnls = (answered: readonly Answered<ReadingRecord>[]): ScoreReport => ({
  n: answered.length,
  main: "ANLS",
  values: { ANLS: anls(answered) },
});
