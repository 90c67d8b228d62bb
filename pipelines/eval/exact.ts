/** Equality with one answer: OCR-VQA as Qwen-VL's evaluate_vqa.py has it. */
import { strip } from "./python_text.ts";
import type { Answered, ExactRecord } from "../records/records.ts";
import { type Credit, mean, type ScoreReport } from "./report.ts";

/** The text that is compared: lower case, without white space at the ends. */
export const exactText = (text: string): string => strip(text).toLowerCase();

/** 1 if the texts are the same but for case and spaces at the ends. */
export const exactAccuracy = (record: ExactRecord, answer: string): number =>
  exactText(answer) === exactText(record.answer) ? 1 : 0;

/** Share of right answers, as a credit says; as {@link exactAccuracy} does if absent. */
export const scoreExact = (
  answered: readonly Answered<ExactRecord>[],
  credit: Credit<ExactRecord> = exactAccuracy,
): ScoreReport => ({
  n: answered.length,
  main: "accuracy",
  values: { accuracy: mean(answered.map(({ record, answer }) => credit(record, answer))) },
});
