/** Everything that is said about a list of answers: scores, parts, an interval, controls, a comparison. */
import * as E from "fp-ts/lib/Either.js";
import type { Benchmark } from "./benchmark.ts";
import { bootstrap, type BootstrapOptions, type Interval, pairedDifference } from "../base/bootstrap.ts";
import type { EvalError } from "./error.ts";
import { type McNemar, mcNemar } from "./mcnemar.ts";
import type { Answered, BenchmarkRecord } from "../records/records.ts";
import type { ScoreReport } from "./report.ts";
import {
  byImage,
  byObjectSize,
  byTemplate,
  meanCredit,
  type PartDifferences,
  partDifferences,
  type PartScore,
  type SizeScale,
} from "./slices.ts";

/** What is said about some answers. */
export interface AnswerEvaluation {
  /** The benchmark's numbers. */
  readonly report: ScoreReport;
  /** Mean credit of single answers with its interval; images are drawn, each with its questions. */
  readonly credit: Interval;
  /** Mean credit by size of the object in question. */
  readonly bySize: readonly PartScore[];
  /** Mean credit by template. */
  readonly byTemplate: readonly PartScore[];
}

/** Two lists of answers to the same questions, compared. */
export interface AnswerComparison extends PartDifferences {
  /** Mean credit of the first less that of the second, with its paired interval. */
  readonly difference: Interval;
  /** McNemar's test; absent if some credits are neither 0 nor 1. */
  readonly mcNemar?: McNemar;
}

const credits = ({ credit }: Benchmark, answered: readonly Answered[]): readonly number[] =>
  answered.map(({ record, answer }) => credit(record, answer));

/** How answers are looked at. */
export interface EvaluationOptions extends BootstrapOptions {
  /** The sizes of objects that are distinguished; COCO's if absent. */
  readonly sizes?: SizeScale;
}

/** Scores, parts and interval of some answers; fails as the benchmark's score does. */
export const evaluateAnswers = (
  of: Benchmark,
  answered: readonly Answered[],
  options: EvaluationOptions = {},
): E.Either<EvalError, AnswerEvaluation> =>
  E.map((report: ScoreReport): AnswerEvaluation => {
    const values = credits(of, answered);
    const known = new Map(answered.map(({ record }, i) => [record, values[i]!]));
    const credit = (record: BenchmarkRecord): number => known.get(record) ?? 0;
    return {
      report,
      credit: bootstrap(byImage(answered, values), meanCredit, options),
      bySize: byObjectSize(answered, credit, options.sizes, options),
      byTemplate: byTemplate(answered, credit, options),
    };
  })(of.score(answered));

/** Compares two lists of answers to the same questions in the same order, as {@link answeredOf} of join.ts gives them. */
export const compareAnswers = (
  of: Benchmark,
  first: readonly Answered[],
  second: readonly Answered[],
  options: EvaluationOptions = {},
): AnswerComparison => {
  const a = credits(of, first), b = credits(of, second);
  const difference = pairedDifference(byImage(first, a), byImage(second, b), meanCredit, options);
  const isWhole = [...a, ...b].every((value) => value === 0 || value === 1);
  const parts = { difference, ...partDifferences(first, a, b, options) };
  return isWhole ? { ...parts, mcNemar: mcNemar(a.map((v) => v === 1), b.map((v) => v === 1)) } : parts;
};
