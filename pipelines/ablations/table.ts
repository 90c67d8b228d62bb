/** The tables of a summary. */
import { table } from "../terminal/table.ts";
import type { MetricInfo } from "../engine/sample_scores.ts";
import type { AblationSummary, ArmSummary } from "./summary_types.ts";

/** A table of texts. */
export interface SummaryTable {
  /** Its content. */
  readonly title: string;
  /** Headings. */
  readonly columns: readonly string[];
  /** Rows, one text a column. */
  readonly rows: readonly (readonly string[])[];
}

const percent = (x: number): string => Number.isFinite(x) ? (100 * x).toFixed(1) : "-";
const signed = (x: number): string => `${x > 0 ? "+" : ""}${percent(x)}`;
const times = (x: number): string => Number.isFinite(x) ? `${x.toFixed(2)}x` : "-";

/** Time of steps alongside the baseline's, with its interval; a dash where arms are not timed. */
export const measuredText = ({ time: { measured } }: ArmSummary): string =>
  measured === undefined ? "-" : `${times(measured.value)} [${times(measured.low)}, ${times(measured.high)}]`;

/** Visual tokens of an arm by training, with a word or sign between: `20 -> 84`. */
export const tokensOf = ({ tokens }: Pick<ArmSummary, "tokens">, between: string): string =>
  Object.values(tokens).join(between);

/** What the last training of an arm has: its loss, its tokens, its resolution. */
export const lastOf = <A>(byTraining: Readonly<Record<string, A>>): A => Object.values(byTraining).at(-1)!;

/** Arms with tokens, time of pre-training steps side by side and by FLOPs, loss, and mean scores with intervals, in per cent. */
export const tableOf = ({ arms, metrics, seeds }: AblationSummary): SummaryTable => ({
  title: `mean scores over ${seeds.length} ${
    seeds.length === 1 ? "seed" : "seeds"
  }, 95 % intervals over seeds and scenes`,
  columns: ["arm", "tokens", "px", "time", "by FLOPs", "loss", ...metrics.map(({ label }) => label)],
  rows: arms.map((arm) => [
    arm.name,
    tokensOf(arm, " -> "),
    String(lastOf(arm.resolution)),
    measuredText(arm),
    times(arm.time.predicted),
    lastOf(arm.loss).toFixed(3),
    ...metrics.map(({ name }) => {
      const score = arm.scores[name];
      return score === undefined
        ? "-"
        : `${percent(score.value)} [${percent(score.low)}, ${percent(score.high)}]`;
    }),
  ]),
});

/** Scores minus those of the baseline, in points; a star where the interval leaves out 0. */
export const differencesOf = ({ arms, metrics, baseline }: AblationSummary): SummaryTable => ({
  title: `difference to ${baseline} in points, paired by seed and scene; * where the interval leaves out 0`,
  columns: ["arm", ...metrics.map(({ label }) => label)],
  rows: arms.filter(({ name }) => name !== baseline).map((arm) => [
    arm.name,
    ...metrics.map(({ name }) => {
      const d = arm.difference[name];
      if (d === undefined) return "-";
      const star = d.low > 0 || d.high < 0 ? " *" : "";
      return `${signed(d.value)} [${signed(d.low)}, ${signed(d.high)}]${star}`;
    }),
  ]),
});

/** Scores as the model sees, blind and shuffled: of the metrics of these names, all without names. */
export const controlsOf = (summary: AblationSummary, names?: readonly string[]): SummaryTable => {
  const metrics = metricsNamed(summary, names);
  return {
    title: "seeing / blind / shuffled, means over seeds in per cent",
    columns: ["arm", ...metrics.map(({ label }) => label)],
    rows: summary.arms.map(({ name, scores, controls: { blind, shuffled } }) => [
      name,
      ...metrics.map((metric) =>
        [scores[metric.name]?.value, blind[metric.name], shuffled[metric.name]]
          .map((x) => percent(x ?? NaN)).join(" / ")
      ),
    ]),
  };
};

/** Metrics of a summary by name, in the order of the names; those that it lacks are left out. All without names. */
export const metricsNamed = (
  { metrics }: AblationSummary,
  names?: readonly string[],
): readonly MetricInfo[] =>
  names === undefined ? metrics : names.flatMap((name) => metrics.filter((metric) => metric.name === name));

/** What a reader must know before any number of a summary; nothing of most. */
export const warningOf = ({ preset }: Pick<AblationSummary, "preset">): string | undefined =>
  preset === "smoke"
    ? "The preset smoke trains a few steps and learns nothing: its numbers say nothing about the arms."
    : undefined;

/** A table with its title, as text. */
export const textOf = ({ title, columns, rows }: SummaryTable): string =>
  `${title}\n${table(columns.map((name, i) => ({ name, align: i === 0 ? "left" : "right" })), rows)}`;
