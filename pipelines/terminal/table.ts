/** Plain-text tables. */
import { visible } from "./visible.ts";

/** One value of a table; `undefined` is an empty cell. */
export type Cell = string | number | undefined;

/** Where the text of a column is. */
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

// Letters that are alone and take two places on a terminal: Chinese, Japanese, Korean, full-width forms, emoji.
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

/** Width of the terminal that reads standard output, places; without bound where no terminal reads it. */
export const terminalWidth = (): number => {
  try {
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  } catch {
    return Infinity;
  }
};

/** A text in lines of at most `width` places: broken between words, and within words that are longer. */
const wrapped = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && displayWidth(line) + 1 + displayWidth(word) <= width) line += ` ${word}`;
    else {
      if (line !== "") lines.push(line);
      line = "";
      for (const char of word) {
        if (displayWidth(line) + displayWidth(char) > width) {
          lines.push(line);
          line = "";
        }
        line += char;
      }
    }
  }
  return [...lines, line];
};

/** Longest part of a cell that stays on one line. */
const MINIMUM = 12;

const longestWord = (text: string): number => Math.max(...text.split(" ").map(displayWidth));

/** Widths of columns that fit into `room` places, the widest made narrower first; undefined where none do. */
const fitted = (
  natural: readonly number[],
  least: readonly number[],
  room: number,
): readonly number[] | undefined => {
  const widths = [...natural];
  for (let over = widths.reduce((a, b) => a + b, 0) - room; over > 0; over--) {
    const widest = widths.reduce(
      (best, width, i) => width > least[i]! && (best < 0 || width > widths[best]!) ? i : best,
      -1,
    );
    if (widest < 0) return undefined;
    widths[widest]!--;
  }
  return widths;
};

/** Rows as blocks of lines, a column each: for tables that are wider than their terminal however they are broken. */
const stacked = (names: readonly string[], rows: readonly (readonly string[])[], width: number): string => {
  const head = Math.max(...names.map(displayWidth));
  return rows.map((row) =>
    names.flatMap((name, i) =>
      row[i] === ""
        ? []
        : wrapped(row[i]!, Math.max(MINIMUM, width - head - 2)).map((line, n) =>
          `${padTo(n === 0 ? name : "", head, "left")}  ${line}`
        )
    ).join("\n")
  ).join("\n\n");
};

/**
 * A table with ruled edges: columns as wide as their widest cell, numbers to the right. A table that is wider than
 * `width` breaks long cells into lines, or else lists each row as a block of `name  value` lines.
 * Rows shorter than the columns are filled up with empty cells.
 *
 * ```ts
 * import { table } from "./table.ts";
 *
 * const text = table(["arm", { name: "score", digits: 1 }], [["linear", 71.04], ["resampler", 68]], Infinity);
 * if (!text.includes("│ resampler │  68.0 │")) throw new Error(text);
 * ```
 */
export const table = (
  columns: readonly (string | Column)[],
  rows: readonly (readonly Cell[])[],
  width: number = terminalWidth(),
): string => {
  const heads = columns.map((column): Column => typeof column === "string" ? { name: column } : column);
  const names = heads.map(({ name }) => name);
  const texts = rows.map((row) => heads.map((head, i) => textOf(row[i], head.digits)));
  const column = (i: number): readonly string[] => [names[i]!, ...texts.map((row) => row[i]!)];
  const widths = fitted(
    heads.map((_, i) => Math.max(...column(i).map(displayWidth))),
    heads.map((_, i) => Math.max(...column(i).map((text) => Math.min(MINIMUM, longestWord(text))))),
    width - 3 * heads.length - 1,
  );
  if (widths === undefined) return stacked(names, texts, width);
  const aligns = heads.map((head, i): Alignment =>
    head.align ??
      (rows.some((row) => row[i] !== undefined) && rows.every((row) => looksNumeric(row[i]))
        ? "right"
        : "left")
  );
  const lines = (cells: readonly string[]): readonly string[] => {
    const broken = cells.map((cell, i) =>
      displayWidth(cell) <= widths[i]! ? [cell] : wrapped(cell, widths[i]!)
    );
    return Array.from(
      { length: Math.max(...broken.map(({ length }) => length)) },
      (_, n) => `│ ${broken.map((cell, i) => padTo(cell[n] ?? "", widths[i]!, aligns[i]!)).join(" │ ")} │`,
    );
  };
  const rule = (left: string, cross: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(cross)}${right}`;
  return [
    rule("┌", "┬", "┐"),
    ...lines(names),
    rule("├", "┼", "┤"),
    ...texts.flatMap(lines),
    rule("└", "┴", "┘"),
  ].join("\n");
};
