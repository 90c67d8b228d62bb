/** An evaluation as text for people. */
import { table } from "../terminal/table.ts";
import { type Benchmark, scriptsText } from "./benchmark.ts";
import type { Interval } from "./bootstrap.ts";
import type { AnswerComparison, AnswerEvaluation } from "./evaluation.ts";
import type { ScoreReport } from "./report.ts";
import type { PartScore } from "./slices.ts";

/** What the command `score` prints. */
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

const scores = ({ values }: ScoreReport, majority: ScoreReport | undefined): string =>
  table(
    [{ name: "score" }, { name: "value", digits: 4, align: "right" }, {
      name: majority === undefined ? "" : "majority",
      digits: 4,
      align: "right",
    }],
    Object.entries(values).map(([name, value]) => [name, value, majority?.values[name]]),
  );

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
