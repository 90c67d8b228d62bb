/** The paper's rows of a family's arms, as a table. */
import type { AblationSummary } from "../ablations/summary_types.ts";
import type { SummaryTable } from "../ablations/table.ts";
import type { PaperTable } from "../configs/paper_row.ts";

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
