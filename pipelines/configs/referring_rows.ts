/** Referring expressions in arXiv 2407.15819 (accuracy at IoU 0.5), read from the authors' project page. */
import { mainRows } from "./main_rows.ts";
import type { PaperRow } from "./paper_row.ts";

const columns = [
  "RefCOCO val",
  "RefCOCO testA",
  "RefCOCO testB",
  "RefCOCO+ val",
  "RefCOCO+ testA",
  "RefCOCO+ testB",
  "RefCOCOg val",
  "RefCOCOg test",
  "Avg",
] as const;

// in the order of the main table, whose rows are the same models
const scores: readonly (readonly number[])[] = [
  [88.37, 92.38, 82.36, 82.81, 88.82, 74.31, 83.37, 84.82, 84.66],
  [85.54, 90.60, 79.31, 79.81, 87.43, 71.83, 81.78, 82.08, 82.30],
  [88.43, 92.58, 83.45, 82.79, 89.07, 75.91, 83.66, 85.14, 85.10],
  [86.46, 90.84, 79.82, 80.66, 87.74, 71.63, 82.25, 82.64, 82.76],
  [83.59, 89.27, 76.19, 77.28, 84.77, 67.11, 78.84, 79.57, 79.58],
  [88.02, 92.19, 83.08, 82.09, 89.12, 74.82, 84.17, 84.62, 84.76],
  [89.20, 92.96, 84.73, 83.83, 90.57, 76.97, 85.48, 86.26, 86.25],
  [86.32, 91.06, 81.43, 80.47, 87.72, 74.29, 82.95, 82.97, 83.40],
  [89.37, 93.21, 83.96, 84.21, 90.22, 76.58, 86.05, 85.89, 86.19],
  [89.20, 93.02, 85.46, 83.72, 90.17, 77.40, 85.78, 86.47, 86.40],
  [89.61, 93.51, 84.93, 84.65, 90.85, 77.79, 85.80, 86.87, 86.75],
  [86.97, 91.11, 81.18, 81.30, 87.83, 73.72, 82.58, 82.84, 83.44],
  [88.11, 92.35, 83.51, 83.23, 89.45, 75.99, 84.23, 84.84, 85.21],
];

/** Referring expressions: the models of the main table. */
export const referringRows: readonly PaperRow[] = mainRows.map((row, i) => ({
  ...row,
  table: "referring",
  scores: Object.fromEntries(columns.map((column, c) => [column, scores[i]![c]!])),
  note: row.note.startsWith("TextCaps") ? "" : row.note,
}));
