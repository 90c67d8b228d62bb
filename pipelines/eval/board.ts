/** An evaluation as text for people. */
import { table } from "../terminal/table.ts";
import { type Benchmark, scriptsText } from "./benchmark.ts";
import type { Interval } from "../base/bootstrap.ts";
import type { AnswerComparison, AnswerEvaluation } from "./evaluation.ts";
import { listed } from "./error.ts";
import type { PredictionsHead, Way, WayScores } from "./predictions.ts";
import type { ScoreReport } from "./report.ts";
import type { Rescored } from "./rescore.ts";
import type { PartScore } from "./slices.ts";

/** Output of the command `score`. */
export interface Board extends AnswerEvaluation {
  /** Name of the benchmark. */
  readonly benchmark: string;
  /** Scores of the majority answers. */
  readonly majority?: ScoreReport;
  /** AnswerComparison with other answers. */
  readonly comparison?: AnswerComparison;
}

const range = ({ value, low, high }: Interval): string =>
  `${value.toFixed(4)} (95 % ${low.toFixed(4)} to ${high.toFixed(4)})`;

const scores = ({ values }: ScoreReport, majority: ScoreReport | undefined): string => {
  const number = (name: string) => ({ name, digits: 4, align: "right" as const });
  return table(
    [{ name: "score" }, number("value"), ...(majority === undefined ? [] : [number("majority")])],
    Object.entries(values).map(([name, value]) => [
      name,
      value,
      ...(majority === undefined ? [] : [majority.values[name]]),
    ]),
  );
};

const parts = (name: string, slices: readonly PartScore[]): string =>
  table(
    [
      { name },
      { name: "questions", align: "right" },
      { name: "credit", digits: 4, align: "right" },
      { name: "low", digits: 4, align: "right" },
      { name: "high", digits: 4, align: "right" },
    ],
    slices.map((slice) => [slice.name, slice.n, slice.value, slice.low, slice.high]),
  );

const comparisonText = ({ difference, mcNemar }: AnswerComparison): string =>
  `less the other answers: ${range(difference)}${
    mcNemar === undefined
      ? ""
      : `\nMcNemar: ${mcNemar.onlyFirst} right only here, ${mcNemar.onlySecond} only there, exact p ${
        mcNemar.exact.toPrecision(3)
      }, chi-square ${mcNemar.chiSquare.toFixed(3)} (p ${mcNemar.approximate.toPrecision(3)})`
  }`;

/** The numbers, the interval, the parts and the comparison; parts only where there is more than one. */
export const boardText = (of: Benchmark, board: Board): string =>
  [
    `${of.title}: ${of.metric}\nrules of ${scriptsText(of)}; ${of.citation}`,
    scores(board.report, board.majority),
    `mean credit of an answer: ${range(board.credit)}`,
    ...(board.bySize.length > 1 ? [parts("object size", board.bySize)] : []),
    ...(board.byTemplate.length > 1 ? [parts("template", board.byTemplate)] : []),
    ...(board.comparison === undefined ? [] : [comparisonText(board.comparison)]),
  ].join("\n\n");

/** A file of predictions with the scores of today's rules. */
export interface RescoredBoard extends Pick<Rescored, "changed"> {
  /** The file. */
  readonly file: string;
  /** What holds for all of its predictions, with the scores as they were kept. */
  readonly kept: PredictionsHead;
  /** The scores by today's rules. */
  readonly scores: WayScores;
}

const rescoredRows = ({ kept, scores, changed }: RescoredBoard): readonly (readonly (string | number)[])[] =>
  Object.entries(scores).flatMap(([benchmark, ways]) =>
    Object.entries(ways).map(([way, { main, n, values }]) => {
      const before = kept.scores[benchmark]?.[way as Way];
      return [
        benchmark,
        main,
        way,
        n,
        values[main] ?? NaN,
        before?.values[before.main] ?? NaN,
        changed[benchmark]?.[way as Way]?.length ?? 0,
      ];
    })
  );

/** Scores of kept predictions by today's rules, alongside those that were kept, and the questions whose credit changed. */
export const rescoredText = (boards: readonly RescoredBoard[]): string =>
  boards.map((board) => {
    const ids = Object.entries(board.changed).flatMap(([benchmark, ways]) =>
      Object.entries(ways).map(([way, some]) => `credit changed: ${benchmark}, ${way}: ${listed(some)}`)
    );
    const head = [
      { name: "benchmark" },
      { name: "score" },
      { name: "answers" },
      { name: "n", align: "right" as const },
      { name: "now", digits: 4, align: "right" as const },
      { name: "kept", digits: 4, align: "right" as const },
      { name: "changed", align: "right" as const },
    ];
    return [`${board.kept.evaluation}: ${board.file}`, table(head, rescoredRows(board)), ...ids].join("\n");
  }).join("\n\n");
