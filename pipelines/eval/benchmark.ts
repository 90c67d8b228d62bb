/**
 * A benchmark as one value: the files that hold its questions, how they are asked, how answers are read, scored, controlled
 * and sent in, and the scripts that lay this down. Training, ablations and the commands `score` and `ask` take it from here.
 */
import * as E from "fp-ts/lib/Either.js";
import type { Control } from "./controls.ts";
import { EvalError, listed } from "./error.ts";
import { type Answered, type BenchmarkRecord, isHidden, type RecordKind } from "../records/records.ts";
import type { Credit, ScoreReport } from "./report.ts";
import { type OfficialScript, scriptText } from "./scripts.ts";
import type { SubmissionFormat } from "./submission/format.ts";

/**
 * Scores answers, or refuses them.
 * @internal
 */
export type Scorer<R extends BenchmarkRecord> = (
  answered: readonly Answered<R>[],
) => E.Either<EvalError, ScoreReport>;

/** What a score takes from an answer, as text: a letter, yes or no, a text without marks; "" if it can read nothing. */
export type ReadAnswer<R extends BenchmarkRecord> = (record: R, answer: string) => string;

/** A benchmark whose records are of one type. */
export interface BenchmarkOf<R extends BenchmarkRecord> {
  /** Name on the command line. */
  readonly name: string;
  /** Name in papers. */
  readonly title: string;
  /** The paper. */
  readonly citation: string;
  /** Kind of its records. */
  readonly kind: R["kind"];
  /** Names of the annotation formats in `formats/` that hold its questions. */
  readonly annotations: readonly string[];
  /**
   * How its questions are asked: `{question}`, `{choices}` and `{hint}` are filled in as `askedOf` of
   * `text/record_turns.ts` does.
   */
  readonly prompt: string;
  /** What its score takes from an answer. */
  readonly read: ReadAnswer<R>;
  /** The number that papers report, in words. */
  readonly metric: string;
  /** Credit of one answer, 0 to 1: for parts of the questions, intervals and tests of pairs. */
  readonly credit: Credit<R>;
  /** All its numbers. */
  readonly score: Scorer<R>;
  /** Ways of answering without looking that its scores are compared with. */
  readonly controls: readonly Control[];
  /** Format of its result files. */
  readonly submission: SubmissionFormat;
  /** The scripts whose rules the score follows; none where the rules are this project's own. */
  readonly scripts: readonly OfficialScript[];
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
    hint: "name the benchmark that these records belong to",
    ids,
  });
};

const none = (op: string): EvalError =>
  new EvalError({
    op,
    got: "no questions",
    expected: "one or more",
    hint: "check that the annotations are those of the split",
    ids: [],
  });

const hidden = (op: string, records: readonly BenchmarkRecord[]): EvalError => {
  const ids = records.filter(isHidden).map(({ id }) => id);
  return new EvalError({
    op,
    got: `questions without an answer: ${listed(ids)}`,
    expected: "the answers of people",
    hint: "send the result file to the benchmark's server if the split hides them",
    ids,
  });
};

/**
 * A benchmark that checks its records: scoring no question, records of another kind, or questions whose answers the
 * split hides is an {@link EvalError}; from a record of another kind nothing is read, and its credit is 0.
 */
export const benchmark = <R extends BenchmarkRecord>(of: BenchmarkOf<R>): Benchmark => {
  const fits = (record: BenchmarkRecord): record is R => record.kind === of.kind;
  return {
    ...of,
    read: (record, answer) => fits(record) ? of.read(record, answer) : "",
    credit: (record, answer) => fits(record) ? of.credit(record, answer) : 0,
    score: (answered) => {
      if (answered.length === 0) return E.left(none(of.title));
      const records = answered.map(({ record }) => record);
      if (!records.every(fits)) return E.left(otherKind(of.title, of.kind, records));
      return records.some(isHidden)
        ? E.left(hidden(of.title, records))
        : of.score(answered as readonly Answered<R>[]);
    },
  };
};

/** The scripts of a benchmark in words. */
export const scriptsText = ({ scripts }: Pick<Benchmark, "scripts">): string =>
  scripts.length === 0 ? "this project's own rule" : scripts.map(scriptText).join("; ");
