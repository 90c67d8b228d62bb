/** What a benchmark is to the scores: how answers are asked for, judged, sent in, and where that is laid down. */
import * as E from "fp-ts/lib/Either.js";
import { EvalError, listed } from "./error.ts";
import type { Answered, BenchmarkRecord, RecordKind } from "./records.ts";
import type { Credit, ScoreReport } from "./report.ts";
import type { SubmissionFormat } from "./submission/format.ts";

/** A function as a scorer of answers. */
export const scorer = <R extends BenchmarkRecord>(
  score: (answered: readonly Answered<R>[]) => E.Either<EvalError, ScoreReport>,
): (answered: readonly Answered<R>[]) => E.Either<EvalError, ScoreReport> => score;

/** A benchmark whose records are of one type. */
export interface BenchmarkOf<R extends BenchmarkRecord> {
  /** Name on the command line. */
  readonly name: string;
  /** Name in papers. */
  readonly title: string;
  /** Kind of its records. */
  readonly kind: R["kind"];
  /** The number that papers report, in words. */
  readonly metric: string;
  /** What the prompt ends with, after the question and its choices; "" for nothing. */
  readonly promptSuffix: string;
  /** The paper. */
  readonly citation: string;
  /** The script whose rules the score follows. */
  readonly script: string;
  /** Format of its result files. */
  readonly submission: SubmissionFormat;
  /** Credit of one answer, 0 to 1: for parts of the questions, intervals and tests of pairs. */
  readonly credit: Credit<R>;
  /** All its numbers. */
  readonly score: ReturnType<typeof scorer<R>>;
}

/** A benchmark whose records were not looked at yet; those of another kind are refused. */
export interface Benchmark extends Omit<BenchmarkOf<BenchmarkRecord>, "kind"> {
  /** Kind of its records. */
  readonly kind: RecordKind;
}

const otherKind = (op: string, kind: RecordKind, records: readonly BenchmarkRecord[]): EvalError => {
  const others = records.filter((record) => record.kind !== kind), ids = others.map(({ id }) => id);
  const got = [...new Set(others.map((record) => record.kind))].join(", ");
  return new EvalError({
    op,
    got: `records of kind ${got}: ${listed(ids)}`,
    expected: `records of kind ${kind}`,
    mend: "name the benchmark that these records belong to",
    ids,
  });
};

const none = (op: string): EvalError =>
  new EvalError({
    op,
    got: "no questions",
    expected: "one or more",
    mend: "check that the annotations are those of the split",
    ids: [],
  });

const isHidden = (record: BenchmarkRecord): boolean =>
  record.kind === "open" || record.kind === "reading"
    ? record.answers.length === 0
    : record.kind === "exact" && record.answer === "";

const hidden = (op: string, records: readonly BenchmarkRecord[]): EvalError => {
  const ids = records.filter(isHidden).map(({ id }) => id);
  return new EvalError({
    op,
    got: `questions without an answer: ${listed(ids)}`,
    expected: "the answers of people",
    mend: "send the result file to the benchmark's server if the split hides them",
    ids,
  });
};

/**
 * A benchmark that checks its records: scoring no question, records of another kind, or questions whose answers the
 * split hides is an {@link EvalError}; the credit of a record of another kind is 0.
 */
export const benchmark = <R extends BenchmarkRecord>(of: BenchmarkOf<R>): Benchmark => {
  const fits = (record: BenchmarkRecord): record is R => record.kind === of.kind;
  return {
    ...of,
    credit: (record, answer) => fits(record) ? of.credit(record, answer) : 0,
    score: scorer((answered) => {
      if (answered.length === 0) return E.left(none(of.title));
      const records = answered.map(({ record }) => record);
      if (!records.every(fits)) return E.left(otherKind(of.title, of.kind, records));
      return records.some(isHidden)
        ? E.left(hidden(of.title, records))
        : of.score(answered as readonly Answered<R>[]);
    }),
  };
};
