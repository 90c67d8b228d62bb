/** An executed notebook as one page of HTML that needs nothing else: prose, code, text, tables, figures, errors. */
import { DOMParser } from "linkedom";
import MarkdownIt from "markdown-it";
import { stripVTControlCharacters } from "node:util";
import { ALONE, type Html, html, textOfHtml, trusted } from "../../pipelines/report/html.ts";
import { style } from "../../pipelines/report/style.ts";
import {
  type Lines,
  type MimeBundle,
  type Notebook,
  type NotebookCell,
  type Output,
  textIn,
  wholeText,
} from "./notebook.ts";

/** The style sheet of notebooks, alongside that of reports. */
export const notebookStyle: Html = trusted(`
main { max-width: 980px; }
main > section { margin: 14px 0; } pre.code { border-left: 3px solid var(--mark); }
pre.error { border-left: 3px solid var(--bad); color: var(--bad); white-space: pre-wrap; }
pre.stderr { color: var(--soft); } .output { overflow-x: auto; } .output table { width: auto; }
main > section > figure, .output figure { margin: 8px 0 0; }
`);

// Raw HTML in prose is shown as text, and links with other protocols than those of the web stay text.
const markdown = new MarkdownIt({ html: false });

interface Element {
  readonly innerHTML: string;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  readonly querySelectorAll: (selector: string) => Iterable<Element>;
  readonly remove: () => void;
  readonly removeAttribute: (name: string) => void;
}

const ACTIVE =
  "script, iframe, object, embed, link, meta, base, form, template, foreignObject, foreignobject";
const ADDRESS = /^(href|src|xlink:href|action|formaction|srcset|data)$/i;
const HARMLESS = /^(#|https?:|data:image\/(png|jpeg|gif|webp|svg\+xml)[;,])/i;

/** HTML of an output as well-formed markup without anything that acts. */
const tamed = (text: string): Html => {
  const page = new DOMParser().parseFromString(
    `<!doctype html><html><body>${text}</body></html>`,
    "text/html",
  ) as unknown as { readonly body: Element };
  for (const element of page.body.querySelectorAll(ACTIVE)) element.remove();
  for (const element of page.body.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      if (/^on/i.test(name) || (ADDRESS.test(name) && !HARMLESS.test(value.trim()))) {
        element.removeAttribute(name);
      }
    }
  }
  return trusted(page.body.innerHTML);
};

const plain = (text: Lines): string => stripVTControlCharacters(wholeText(text));

/** How a value is shown, the richest way first. */
const shows: readonly (readonly [string, (text: string) => Html])[] = [
  ["text/html", tamed],
  ["image/svg+xml", (svg) => html`<figure>${tamed(svg)}</figure>`],
  [
    "image/png",
    (data) => html`<figure><img alt="figure" src="data:image/png;base64,${data.trim()}"></figure>`,
  ],
  [
    "image/jpeg",
    (data) => html`<figure><img alt="figure" src="data:image/jpeg;base64,${data.trim()}"></figure>`,
  ],
  ["text/markdown", (text) => trusted(markdown.render(text))],
  ["text/plain", (text) => html`<pre>${plain(text)}</pre>`],
];

const valueHtml = (data: MimeBundle): Html => {
  for (const [type, show] of shows) {
    const text = textIn(data, type);
    if (text !== undefined) return show(text);
  }
  const json = Object.entries(data).find(([type]) => type.endsWith("json"));
  return html`<pre>${
    json === undefined ? `a value of ${Object.keys(data).join(", ")}` : JSON.stringify(json[1], null, 2)
  }</pre>`;
};

const outputHtml = (output: Output): Html => {
  switch (output.output_type) {
    case "stream":
      return html`<pre class="${output.name}">${plain(output.text)}</pre>`;
    case "error":
      return html`<pre class="error">${output.ename}: ${output.evalue}\n${
        output.traceback.map(plain).join("\n")
      }</pre>`;
    default:
      return valueHtml(output.data);
  }
};

const cellHtml = (cell: NotebookCell, number: number): Html =>
  cell.cell_type === "markdown"
    ? html`<section>${trusted(markdown.render(wholeText(cell.source)))}</section>`
    : cell.cell_type === "raw"
    ? html`
      <section>
        <pre>${wholeText(cell.source)}</pre>
      </section>
    `
    : html`<section id="cell-${number}"><pre class="code"><code>${wholeText(cell.source)}</code></pre>${
      (cell.outputs ?? []).map((output) => html`<div class="output">${outputHtml(output)}</div>`)
    }</section>`;

/** The cells of a notebook with their outputs. */
export const notebookHtml = ({ cells }: Notebook): Html =>
  html`${cells.map((cell, i) => cellHtml(cell, i + 1))}`;

/** The page of a notebook. */
export const notebookPage = (title: string, notebook: Notebook): string =>
  textOfHtml(html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta http-equiv="Content-Security-Policy" content="${trusted(ALONE)}">
        <title>${title}</title>
        <style>${trusted(style)}${notebookStyle}</style>
      </head>
      <body>
        <main>
    ${notebookHtml(notebook)}
        </main>
      </body>
    </html>
  `);
