/** Rules applied to predictions: when they are kept, and again later. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { boxFormatNamed } from "../text/boxes.ts";
import type { Benchmark } from "./benchmark.ts";
import { EvalError } from "./error.ts";
import {
  everyWay,
  type KeptAnswer,
  type KeptPrediction,
  type Predictions,
  type Way,
  type WayScores,
} from "./predictions.ts";
import type { Answered, BenchmarkRecord } from "../records/records.ts";
import { benchmarkNamed, benchmarksWith } from "./registry.ts";
import { groupBy, type ScoreReport } from "./report.ts";
import { sceneBenchmarksWith } from "./scene_benchmarks.ts";

/** An answer by the rules of a benchmark. */
export const keptAnswer = (
  of: Benchmark,
  record: BenchmarkRecord,
  answer: string,
  image?: string,
): KeptAnswer => ({
  answer,
  read: of.read(record, answer),
  credit: of.credit(record, answer),
  ...(image === undefined ? {} : { image }),
});

/** The answers of one way to some questions, in their order. */
export const answeredBy = (predictions: readonly KeptPrediction[], way: Way): readonly Answered[] =>
  predictions.flatMap(({ record, answers }) => {
    const kept = answers[way];
    return kept === undefined ? [] : [{ record, answer: kept.answer }];
  });

/** Finds a benchmark by its name. */
type FindBenchmark = (name: string) => E.Either<EvalError, Benchmark>;

/** Every benchmark, those of scenes included, by name, boxes being read in the format of a name. */
export const benchmarkFor = (boxes: string): FindBenchmark => {
  const format = boxFormatNamed(boxes);
  if (O.isNone(format)) {
    return () =>
      E.left(
        new EvalError({
          op: "predictions",
          got: `boxes written as ${boxes}`,
          expected: "thousand, tagged, location, decimals-N or grid-N",
          hint: "score them with the version that wrote them",
          ids: [],
        }),
      );
  }
  const all = [...benchmarksWith(format.value), ...Object.values(sceneBenchmarksWith(format.value))];
  return (name) => benchmarkNamed(name, all);
};

/** Scores of predictions by the rules of their benchmarks. */
export const wayScores = (
  predictions: readonly KeptPrediction[],
  benchmarkOf: FindBenchmark,
): E.Either<EvalError, WayScores> =>
  pipe(
    [...groupBy(predictions, ({ benchmark }) => benchmark)],
    E.traverseArray(([name, items]) =>
      pipe(
        benchmarkOf(name),
        E.flatMap((of) =>
          pipe(
            everyWay.flatMap((way) => {
              const answered = answeredBy(items, way);
              return answered.length === 0 ? [] : [[way, answered] as const];
            }),
            E.traverseArray(([way, answered]) => E.map((one: ScoreReport) => [way, one])(of.score(answered))),
          )
        ),
        E.map((reports) => [name, Object.fromEntries(reports) as WayScores[string]] as const),
      )
    ),
    E.map((scores) => Object.fromEntries(scores)),
  );

/** Predictions with what today's rules read in them and give for them. */
export interface Rescored {
  /** The predictions, read and credited again. */
  readonly predictions: Predictions;
  /** What the rules give for another answer than was kept: ids of the questions, by benchmark and way. */
  readonly changed: Readonly<Record<string, Readonly<Partial<Record<Way, readonly string[]>>>>>;
}

const EXACT = 1e-12;

/** Applies the rules of today's benchmarks to kept predictions. */
export const rescored = (
  { head, predictions }: Predictions,
  benchmarkOf: FindBenchmark,
): E.Either<EvalError, Rescored> =>
  E.map((scores: WayScores): Rescored => {
    const changed: Record<string, Partial<Record<Way, string[]>>> = {};
    const again = predictions.map((one): KeptPrediction => {
      const of = benchmarkOf(one.benchmark);
      if (E.isLeft(of)) return one;
      const answers = Object.entries(one.answers).map(([way, kept]) => {
        const now = keptAnswer(of.right, one.record, kept.answer, kept.image);
        if (Math.abs(now.credit - kept.credit) > EXACT) {
          ((changed[one.benchmark] ??= {})[way as Way] ??= []).push(one.record.id);
        }
        return [way, now] as const;
      });
      return { ...one, answers: Object.fromEntries(answers) };
    });
    return { predictions: { head: { ...head, scores }, predictions: again }, changed };
  })(wayScores(predictions, benchmarkOf));
