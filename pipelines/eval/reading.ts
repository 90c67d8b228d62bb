/** Everything that is said about text that is read. */
import { scoreAnls } from "./anls.ts";
import { scoreCer } from "./cer.ts";
import type { Answered, ReadingRecord } from "../records/records.ts";
import type { ScoreReport } from "./report.ts";

/** ANLS, character error rate, and the share of texts read without an error. */
export const scoreReading = (answered: readonly Answered<ReadingRecord>[]): ScoreReport => {
  const { n, main, values } = scoreAnls(answered);
  return { n, main, values: { ...values, ...scoreCer(answered).values } };
};
