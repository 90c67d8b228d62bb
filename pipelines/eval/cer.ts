/** Character error rate of text that is read. */
import { characters, editDistance } from "./edit_distance.ts";
import type { Answered, ReadingRecord } from "../records/records.ts";
import { mean, ratio, type ScoreReport } from "./report.ts";

const normal = (text: string): string => text.normalize("NFC").trim().replace(/\s+/g, " ");

interface Errors {
  readonly errors: number;
  readonly length: number;
}

const errorsOf = ({ record, answer }: Answered<ReadingRecord>): Errors => {
  const predicted = normal(answer);
  const all = record.answers.map(normal).map((text): Errors => ({
    errors: editDistance(predicted, text),
    length: characters(text),
  }));
  return all.toSorted((a, b) => ratio(a.errors, a.length) - ratio(b.errors, b.length))[0] ??
    { errors: characters(predicted), length: 0 };
};

/** Edits over characters of the nearest accepted text of each question, summed; lower is better, above 1 is possible. */
export const cer = (answered: readonly Answered<ReadingRecord>[]): number => {
  const parts = answered.map(errorsOf);
  return ratio(parts.reduce((n, p) => n + p.errors, 0), parts.reduce((n, p) => n + p.length, 0));
};

/**
 * Character error rate, and the share of texts read without an error; case counts, runs of spaces and the two ways of
 * writing an accent do not.
 */
export const scoreCer = (answered: readonly Answered<ReadingRecord>[]): ScoreReport => ({
  n: answered.length,
  main: "CER",
  values: {
    CER: cer(answered),
    exact: mean(
      answered.map((item) => item.record.answers.length > 0 && errorsOf(item).errors === 0 ? 1 : 0),
    ),
  },
});
