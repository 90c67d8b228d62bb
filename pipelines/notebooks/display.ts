/** Tables and figures as cells of notebooks show them, each alongside the runs that it comes from. */
import type { SummaryTable } from "../ablations/table.ts";
import { display, type Figure } from "../figures/plot.ts";
import { html, textOfHtml, trusted } from "../report/html.ts";
import { table } from "../terminal/table.ts";

/** A value that a cell shows as a table. */
export interface ShownTable {
  /** The table as text. */
  readonly text: string;
  /** Content of a notebook, by media type. */
  readonly [display]: () => Readonly<Record<string, string>>;
}

/** A table to end a cell with: columns after the first to the right, as they hold numbers. */
export const shownTable = ({ title, columns, rows }: SummaryTable): ShownTable => {
  const text = `${title}\n${
    table(columns.map((name, i) => ({ name, align: i === 0 ? "left" : "right" })), rows)
  }`;
  const style = (i: number): string => `text-align: ${i === 0 ? "left" : "right"}; white-space: nowrap`;
  const cells = (tag: "td" | "th", texts: readonly string[]) =>
    texts.map((cell, i) =>
      tag === "th" ? html`<th style="${style(i)}">${cell}</th>` : html`<td style="${style(i)}">${cell}</td>`
    );
  const page = textOfHtml(
    html`
      <figure>
        <figcaption>${title}</figcaption>
        <table>
          <thead>
            <tr>${cells("th", columns)}</tr>
          </thead>
          <tbody>${rows.map((row) => html`<tr>${cells("td", row)}</tr>`)}</tbody>
        </table>
      </figure>
    `,
  );
  return { text, [display]: () => ({ "text/html": page, "text/plain": text }) };
};

/** A figure that says which runs it comes from: below it in a notebook, and in the metadata of its SVG. */
export const withRuns = (figure: Figure, runs: readonly string[]): Figure => {
  const names = [...new Set(runs)], said = `Runs: ${names.join(", ")}`;
  const metadata = textOfHtml(html`<metadata>${said}</metadata>`);
  const svg = figure.svg.replace(/^(<svg\b[^>]*>)/, `$1${metadata}`);
  const page = textOfHtml(
    html`<figure>${trusted(svg)}<figcaption><details><summary>from ${names.length} ${
      names.length === 1 ? "run" : "runs"
    }</summary><code>${names.join(" ")}</code></details></figcaption></figure>`,
  );
  return {
    ...figure,
    svg,
    [display]: () => ({ "image/svg+xml": svg, "text/html": page, "text/plain": said }),
  };
};
