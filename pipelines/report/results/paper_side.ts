/** What the paper's tables give for a comparison: the column that is asked about as the score is. Pure. */
import { configOfArm } from "../../ablations/families.ts";
import type { PaperTable } from "../../configs/paper_row.ts";
import type { ClaimTerm, Comparison } from "./claim.ts";

/** The column of each table that is the nearest to a score; scores without one are in none. */
const columns: Readonly<Record<string, Partial<Record<PaperTable, string>>>> = {
  presenceF1: { main: "POPE", "token-scaling": "POPE" },
  countAccuracy: { main: "VQAv2", "token-scaling": "VQA" },
  referAccuracy: { referring: "Avg" },
  readingAnls: { main: "TextVQA", "token-scaling": "Text" },
};

const reported = ({ arm, score }: ClaimTerm, tables: readonly PaperTable[]): number | undefined => {
  const config = configOfArm(arm);
  if (config === undefined) return undefined;
  for (const table of tables) {
    const column = columns[score]?.[table], row = config.rows.find((one) => one.table === table);
    if (column !== undefined && row !== undefined) return row.scores[column];
  }
  return undefined;
};

/** A comparison in the paper, in its points, and the columns it is of; nothing where its tables have no such rows. */
export const paperSide = (
  { family, terms }: Comparison,
): { readonly points: number; readonly columns: readonly string[] } | undefined => {
  const tables: readonly PaperTable[] = family === "token-scaling"
    ? ["token-scaling"]
    : ["main", "referring"];
  const values = terms.map((term) => reported(term, tables));
  if (values.some((value) => value === undefined)) return undefined;
  const named = terms.map(({ score }) =>
    tables.map((table) => columns[score]?.[table]).find((name) => name !== undefined)!
  );
  return {
    points: terms.reduce((sum, { weight }, i) => sum + weight * values[i]!, 0),
    columns: [...new Set(named)].map((name) => name === "Avg" ? "referring mean" : name),
  };
};
