/** The tables of a summary. */
import { table } from "../terminal/table.ts";
import type { AblationSummary, ArmSummary } from "./summary_types.ts";

/** A table of texts. */
export interface SummaryTable {
  /** What it shows. */
  readonly title: string;
  /** Headings. */
  readonly columns: readonly string[];
  /** Rows, one text a column. */
  readonly rows: readonly (readonly string[])[];
}

const percent = (x: number): string => Number.isFinite(x) ? (100 * x).toFixed(1) : "-";
const signed = (x: number): string => `${x > 0 ? "+" : ""}${percent(x)}`;
const times = (x: number): string => Number.isFinite(x) ? `${x.toFixed(2)}x` : "-";
const tokensOf = ({ tokens }: ArmSummary): string => `${tokens.pretrain} -> ${tokens.finetune}`;

/** Arms with tokens, time as measured and as predicted, loss, and mean scores with intervals, in per cent. */
export const tableOf = ({ arms, metrics, seeds }: AblationSummary): SummaryTable => ({
  title: `mean scores over ${seeds.length} ${
    seeds.length === 1 ? "seed" : "seeds"
  }, 95 % intervals over seeds and scenes`,
  columns: ["arm", "tokens", "px", "time", "by FLOPs", "loss", ...metrics.map(({ label }) => label)],
  rows: arms.map((arm) => [
    arm.name,
    tokensOf(arm),
    String(arm.resolution.finetune),
    times(arm.time.measured),
    times(arm.time.predicted),
    arm.loss.finetune.toFixed(3),
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

const textOf = ({ title, columns, rows }: SummaryTable): string =>
  `${title}\n${table(columns.map((name, i) => ({ name, align: i === 0 ? "left" : "right" })), rows)}`;

/** Both tables, and what failed, as text. */
export const summaryText = (summary: AblationSummary): string =>
  [
    textOf(tableOf(summary)),
    ...(summary.arms.length > 1 ? [textOf(differencesOf(summary))] : []),
    ...summary.failures.map(({ label, reason }) => `not done: ${label}: ${reason}`),
  ].join("\n\n");
