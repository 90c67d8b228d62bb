/** Plain-text tables. */
import { visible } from "./visible.ts";

/** One value of a table; `undefined` is an empty cell. */
export type Cell = string | number | undefined;

/** Where the text of a column stands. */
export type Alignment = "left" | "right";

/** One column. */
export interface Column {
  /** Heading. */
  readonly name: string;
  /** Alignment; right for columns of numbers and left for others, unless said. */
  readonly align?: Alignment;
  /** Digits after the point for its numbers; as many as they have, unless said. */
  readonly digits?: number;
}

// Letters that stand alone and take two places on a terminal: Chinese, Japanese, Korean, full-width forms, emoji.
const isWide = (char: string): boolean => {
  const code = char.codePointAt(0)!;
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
};

/** Places that a text takes on a terminal. */
export const displayWidth = (text: string): number => {
  let width = 0;
  for (const char of text) width += /\p{M}|\u200d|\ufe0f/u.test(char) ? 0 : isWide(char) ? 2 : 1;
  return width;
};

/** A text filled up with blanks to a width. */
export const padTo = (text: string, width: number, align: Alignment): string => {
  const blanks = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "right" ? blanks + text : text + blanks;
};

const textOf = (cell: Cell, digits: number | undefined): string => {
  if (cell === undefined) return "";
  if (typeof cell === "string") return visible(cell.replace(/\s+/g, " "));
  return digits === undefined || !Number.isFinite(cell) ? String(cell) : cell.toFixed(digits);
};

const looksNumeric = (cell: Cell): boolean =>
  typeof cell === "number" || cell === undefined || /^[-+−]?[\d.,]+\s*(%|×|±.*)?$/.test(cell);

/**
 * A table with ruled edges: one line a row, columns as wide as their widest cell, numbers to the right.
 * Rows shorter than the columns are filled up with empty cells.
 *
 * ```ts
 * import { table } from "./table.ts";
 *
 * const text = table(["arm", { name: "score", digits: 1 }], [["linear", 71.04], ["resampler", 68]]);
 * if (!text.includes("│ resampler │  68.0 │")) throw new Error(text);
 * ```
 */
export const table = (columns: readonly (string | Column)[], rows: readonly (readonly Cell[])[]): string => {
  const heads = columns.map((column): Column => typeof column === "string" ? { name: column } : column);
  const texts = rows.map((row) => heads.map((head, i) => textOf(row[i], head.digits)));
  const widths = heads.map((head, i) =>
    Math.max(displayWidth(head.name), ...texts.map((row) => displayWidth(row[i]!)))
  );
  const aligns = heads.map((head, i): Alignment =>
    head.align ??
      (rows.some((row) => row[i] !== undefined) && rows.every((row) => looksNumeric(row[i]))
        ? "right"
        : "left")
  );
  const line = (cells: readonly string[]): string =>
    `│ ${cells.map((cell, i) => padTo(cell, widths[i]!, aligns[i]!)).join(" │ ")} │`;
  const rule = (left: string, cross: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(cross)}${right}`;
  return [
    rule("┌", "┬", "┐"),
    line(heads.map((head) => head.name)),
    rule("├", "┼", "┤"),
    ...texts.map(line),
    rule("└", "┴", "┘"),
  ].join("\n");
};
