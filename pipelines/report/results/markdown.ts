/** Pieces of Markdown. Pure. */

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

/** A table; columns from the second on stand right unless named among those that are text. */
export const tableOf = (
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  text: readonly string[] = [],
): string =>
  [
    line(columns),
    line(columns.map((name, i) => i === 0 || text.includes(name) ? "---" : "---:")),
    ...rows.map(line),
  ].join("\n");

/** A number of per cent from a share. */
export const percent = (share: number): string => Number.isFinite(share) ? (100 * share).toFixed(1) : "–";

/** Points of per cent from a difference of shares, with the sign. */
export const points = (difference: number): string => {
  const text = (100 * difference).toFixed(1);
  return Number(text) === 0 ? "0.0" : difference > 0 ? `+${text}` : `−${text.slice(1)}`;
};

/** A ratio. */
export const times = (ratio: number): string => Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : "–";

/** The first digits of a hash or of an artefact's key. */
export const short = (hash: string): string => hash.slice(0, 12);

/** Text that can be opened; what is within is Markdown. */
export const folded = (title: string, content: string): string =>
  `<details><summary>${title}</summary>\n\n${content}\n\n</details>`;
