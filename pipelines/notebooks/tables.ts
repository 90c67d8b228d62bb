/** Tables of a family's summary beside those of the engine: the paper's rows, and the controls. */
import type { AblationSummary } from "../ablations/summary_types.ts";
import type { SummaryTable } from "../ablations/table.ts";
import type { PaperTable } from "../configs/paper_row.ts";
import { metricsNamed } from "../report/study_charts.ts";

/** The rows of the paper that the arms of a summary follow, with the numbers that the authors report. */
export const paperTable = ({ arms }: AblationSummary, table: PaperTable): SummaryTable => {
  const rows = arms.flatMap(({ name, paper }) =>
    paper.filter((row) => row.table === table).map((row) => ({ name, row }))
  );
  const columns = [...new Set(rows.flatMap(({ row }) => Object.keys(row.scores)))];
  return {
    title: "as reported for 7B models (arXiv 2407.15819)",
    columns: ["arm", "row", "tokens", "px", "time", ...columns],
    rows: rows.map(({ name, row }) => [
      name,
      row.label,
      `${row.pretrainTokens} -> ${row.finetuneTokens}`,
      String(row.resolution),
      row.relativeTime === null ? "-" : `${row.relativeTime.toFixed(2)}x`,
      ...columns.map((column) => String(row.scores[column] ?? "-")),
    ]),
  };
};

const percent = (x: number | undefined): string =>
  x !== undefined && Number.isFinite(x) ? (100 * x).toFixed(1) : "-";

/** Scores as the model sees, blind and shuffled: of the metrics of these names, all without names. */
export const controlsOf = (summary: AblationSummary, names?: readonly string[]): SummaryTable => {
  const metrics = metricsNamed(summary, names);
  return {
    title: "seeing / blind / shuffled, means over seeds in per cent",
    columns: ["arm", ...metrics.map(({ label }) => label)],
    rows: summary.arms.map(({ name, scores, controls: { blind, shuffled } }) => [
      name,
      ...metrics.map((metric) =>
        [scores[metric.name]?.value, blind[metric.name], shuffled[metric.name]].map(percent).join(" / ")
      ),
    ]),
  };
};
