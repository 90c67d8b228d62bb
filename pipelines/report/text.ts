/** Tables of a report as plain text. */
import { type Cell, table } from "../terminal/table.ts";
import type { ReportTable, Value } from "./document.ts";

const cellOf = (value: Value): Cell => {
  if (typeof value === "object") {
    const at = (x: number): string => (x * value.scale).toFixed(1);
    return `${at(value.value)} [${at(value.low)}, ${at(value.high)}]`;
  }
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
};

/** A table with its heading. */
export const tableText = ({ title, columns, rows }: ReportTable): string =>
  `${title}\n${table(columns, rows.map(({ values }) => values.map(cellOf)))}`;
