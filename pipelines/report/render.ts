/** A report as one page of HTML that needs nothing alongside itself: no request, no script. */
import type { Ranged, ReportDocument, ReportTable, Source, Value } from "./document.ts";
import { ALONE, type Content, embeddedJson, type Html, html, textOfHtml, trusted } from "./html.ts";
import { style } from "./style.ts";

const digits = (value: number): string =>
  Number.isInteger(value)
    ? value.toLocaleString("en-US")
    : Number.isFinite(value)
    ? String(Number(value.toPrecision(4)))
    : String(value);

const isRanged = (value: Value): value is Ranged => typeof value === "object";

const fixed = (value: number, scale: number): string =>
  Number.isFinite(value) ? (value * scale).toFixed(scale === 1 ? 2 : 1) : String(value);

/** One value as HTML; the interval is smaller behind its number. */
export const valueHtml = (value: Value): Html =>
  isRanged(value)
    ? html`${fixed(value.value, value.scale)} <span class="range">[${fixed(value.low, value.scale)}, ${
      fixed(value.high, value.scale)
    }]</span>`
    : html`${typeof value === "number" ? digits(value) : value}`;

const isNumeric = (value: Value): boolean => typeof value === "number" || isRanged(value);

/** A table as HTML. `cite` gives what follows the first value of a row. */
export const tableHtml = (table: ReportTable, cite: (sources: readonly string[]) => Content): Html => {
  const numeric = table.columns.map((_, i) =>
    table.rows.some(({ values }) => isNumeric(values[i])) &&
    table.rows.every(({ values }) => values[i] === undefined || isNumeric(values[i]))
  );
  const kind = (i: number): string => numeric[i] ? "number" : "text";
  return html`
    <div class="scroll">
      <table class="cards">
        <thead>
          <tr>${table.columns.map((name, i) => html`<th scope="col" class="${kind(i)}">${name}</th>`)}</tr>
        </thead>
        <tbody>${table.rows.map(({ values, sources }) =>
          html`<tr>${
            values.map((value, i) =>
              html`<td class="${kind(i)}" data-label="${table.columns[i]}">${valueHtml(value)}${
                i === 0 ? cite(sources) : ""
              }</td>`
            )
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
};

const sourceHtml = (source: Source, number: number): Html =>
  html`
    <dl id="source-${number}">
      <dt>[${number}] run</dt>
      <dd><strong>${source.run}</strong></dd>
      <dt>folder</dt>
      <dd><code>${source.path}</code></dd>
      <dt>command</dt>
      <dd><code>${source.command}</code></dd>
      <dt>config hash</dt>
      <dd><code>${source.configHash}</code></dd>
      <dt>data hash</dt>
      <dd><code>${source.dataHash}</code></dd>
      <dt>code</dt>
      <dd>${source.codeVersion}${source.commit !== undefined && html`
        at <code>${source.commit}</code>
      `}, on ${source.device}</dd>
      <dt>finished</dt>
      <dd>${source.finished ?? "not yet"}</dd>
    </dl>
  `;

const sourceTable = (sources: readonly Source[]): Html =>
  html`
    <div class="scroll">
      <table class="small">
        <thead>
          <tr>
            <th></th>
            <th>run</th>
            <th>folder</th>
            <th>config hash</th>
            <th>data hash</th>
            <th>command</th>
          </tr>
        </thead>
        <tbody>${sources.map((source, i) =>
          html`
            <tr id="source-${i + 1}">
              <td>[${i + 1}]</td>
              <td>${source.run}</td>
              <td><code>${source.path}</code></td>
              <td><code title="${source.configHash}">${source.configHash.slice(0, 16)}</code></td>
              <td><code title="${source.dataHash}">${source.dataHash.slice(0, 16)}</code></td>
              <td><code>${source.command}</code></td>
            </tr>
          `
        )}</tbody>
      </table>
    </div>
  `;

/** Contents of the embedded JSON of a report: everything but images and drawings. */
export const reportData = (
  { title, headline, about, command, tables, sources, configs }: ReportDocument,
): unknown => ({
  title,
  headline,
  command,
  about,
  tables,
  sources,
  configs,
});

/** Numbers as spans of neighbours, in order: 1, 2, 3, 7 are 1 to 3 and 7 to 7. */
export const spans = (numbers: readonly number[]): readonly (readonly [from: number, to: number])[] =>
  [...new Set(numbers)].toSorted((a, b) => a - b).reduce<[number, number][]>((all, n) => {
    const last = all.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else all.push([n, n]);
    return all;
  }, []);

/** The page of a report. */
export const reportPage = (report: ReportDocument): string => {
  const numbers = new Map(report.sources.map(({ id }, i) => [id, i + 1]));
  const cite = (ids: readonly string[]): Content => {
    const found = ids.map((id) => numbers.get(id)).filter((n) => n !== undefined);
    // on a page of one source every row would say the same
    return found.length === 0 || report.sources.length === 1 ? "" : html`
      <sup class="small">${spans(found).map(([from, to]) =>
        html`<a href="#source-${from}">[${from === to ? from : `${from}–${to}`}]</a>`
      )}</sup>
    `;
  };
  return `<!doctype html>\n${
    textOfHtml(html`
      <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta http-equiv="Content-Security-Policy" content="${ALONE}">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>${report.title}</title>
          <style>${trusted(style)}</style>
        </head>
        <body><main>
      <header><h1>${report.title}</h1>${report.headline !== undefined &&
        html`<p class="headline">${report.headline}</p>`}<p class="soft">${report.about}</p></header>
      ${report.tables.map((table) =>
        html`<section><h2>${table.title}</h2>
${tableHtml(table, cite)}
<p class="soft small">${table.note}</p></section>`
      )}
      ${report.figures.length > 0 &&
        html`<section class="figures"><h2>Figures</h2>${
          report.figures.map(({ figure, caption, sources }) =>
            html`<figure>${trusted(figure.svg)}<figcaption>${caption}${cite(sources)}</figcaption></figure>`
          )
        }</section>`}
      ${report.samples.length > 0 &&
        html`<section><h2>Sample answers</h2>${
          report.samples.map(({ title, png }) =>
            html`<figure><img alt="${`Images with questions and answers of ${title}`}" src="data:image/png;base64,${png.toBase64()}"><figcaption>${title}</figcaption></figure>`
          )
        }</section>`}
      <section><h2>Reproduce</h2><pre>${report.command}</pre></section>
      <section><h2>Where the numbers come from</h2>
      ${report.sources.length > 3
        ? sourceTable(report.sources)
        : report.sources.map((source, i) => sourceHtml(source, i + 1))}</section>
      <section><h2>Configuration</h2>
      ${report.configs.map(({ id, config }) =>
        html`
          <details>
            <summary>${id}</summary>
            <pre>${JSON.stringify(config, null, 2)}</pre>
          </details>
        `
      )}</section>
      </main>
      ${embeddedJson("report-data", reportData(report))}
        </body>
      </html>
    `)
  }\n`;
};
