/** Equality with one answer: OCR-VQA as Qwen-VL's evaluate_vqa.py has it. */
import type { Answered, ExactRecord } from "./records.ts";
import { type Credit, mean, type ScoreReport } from "./report.ts";

const normal = (text: string): string => text.trim().toLowerCase();

/** 1 if the texts are the same but for case and spaces at the ends. */
export const exactAccuracy = (record: ExactRecord, answer: string): number =>
  normal(answer) === normal(record.answer) ? 1 : 0;

/** Share of right answers, as a credit says; as {@link exactAccuracy} does if absent. */
export const scoreExact = (
  answered: readonly Answered<ExactRecord>[],
  credit: Credit<ExactRecord> = exactAccuracy,
): ScoreReport => ({
  n: answered.length,
  main: "accuracy",
  values: { accuracy: mean(answered.map(({ record, answer }) => credit(record, answer))) },
});
