/** Pages of notebooks: everything visible, nothing active, nothing loaded. */
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Notebook, Output } from "../../tools/notebooks/notebook.ts";
import { notebookPage } from "../../tools/notebooks/render.ts";

const test = suite("render");

interface Found {
  readonly textContent: string;
  readonly getAttribute: (name: string) => string | null;
  readonly querySelector: (selector: string) => Found | null;
  readonly querySelectorAll: (selector: string) => ArrayLike<Found>;
}

const documentOf = (page: string): Found =>
  (parseHTML(page) as unknown as { readonly document: Found }).document;

const withOutputs = (...outputs: readonly Output[]): Notebook => ({
  nbformat: 4,
  metadata: {},
  cells: [
    {
      cell_type: "markdown",
      metadata: {},
      source: ["# Title\n", "\n", "| a | b |\n|---|---|\n| 1 | `x` |\n"],
    },
    { cell_type: "code", metadata: {}, source: 'const a = "<b>";', outputs, execution_count: 1 },
  ],
});

const shown = (data: Readonly<Record<string, unknown>>): Output => ({
  output_type: "display_data",
  data,
  metadata: {},
});

test("prose, code, text, tables, figures and errors are there", () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0L4 4"/></svg>';
  const page = documentOf(notebookPage(
    "t",
    withOutputs(
      { output_type: "stream", name: "stdout", text: ["one\n", "two"] },
      shown({ "text/html": "<table><tbody><tr><td>cell</td></tr></tbody></table>", "text/plain": "no" }),
      shown({ "image/svg+xml": svg, "text/plain": "no" }),
      shown({ "image/png": "iVBORw0KGgo=" }),
      shown({ "application/json": { a: [1] } }),
      {
        output_type: "error",
        ename: "TypeError",
        evalue: "a < b",
        traceback: ["\u001b[31mat cell\u001b[0m"],
      },
    ),
  ));
  assert.is(page.querySelector("h1")!.textContent, "Title");
  assert.is(page.querySelector("section table code")!.textContent, "x");
  assert.is(page.querySelector("pre.code code")!.textContent, 'const a = "<b>";');
  assert.is(page.querySelector("pre.stdout")!.textContent, "one\ntwo");
  assert.is(page.querySelector(".output table td")!.textContent, "cell");
  assert.is(page.querySelector(".output svg")!.getAttribute("viewBox"), "0 0 4 4");
  assert.ok(page.querySelector(".output svg path"));
  assert.is(page.querySelector(".output img")!.getAttribute("src"), "data:image/png;base64,iVBORw0KGgo=");
  assert.match(page.querySelector(".output:nth-of-type(5)")?.textContent ?? "", /"a"/);
  assert.is(page.querySelector("pre.error")!.textContent, "TypeError: a < b\nat cell");
});

test("nothing of an output or a cell acts, leaves its place or is loaded", () => {
  const hostile =
    `<img src="https://example.org/x.png" onerror="alert(1)"><script>alert(1)</script></div></section>` +
    `<a href="javascript:alert(1)">l</a><iframe src="x"></iframe><svg onload="alert(1)"><foreignObject><b>x</b></foreignObject>` +
    `<a xlink:href="javascript:alert(1)"><path d="M0"/></a></svg><base href="x"><form action="x"></form>`;
  const notebook = withOutputs(
    shown({ "text/html": hostile }),
    shown({ "image/svg+xml": `<svg><script>alert(1)</script><path onclick="alert(1)" d="M0"/></svg>` }),
    shown({ "text/plain": "</pre><script>alert(1)</script>" }),
    { output_type: "stream", name: "stdout", text: "</pre><script>alert(1)</script>" },
  );
  const cells = [...notebook.cells, {
    cell_type: "markdown" as const,
    metadata: {},
    source: "<script>alert(1)</script> [l](javascript:alert(1)) ![i](javascript:alert(1))",
  }];
  const text = notebookPage("</title><script>alert(1)</script>", { ...notebook, cells }),
    page = documentOf(text);
  for (const active of ["script", "iframe", "object", "form", "base", "foreignObject", "foreignobject"]) {
    assert.is(page.querySelectorAll(active).length, 0, active);
  }
  for (
    const element of Array.from(page.querySelectorAll("*")) as unknown as {
      readonly attributes: Iterable<{ name: string; value: string }>;
    }[]
  ) {
    for (const { name, value } of element.attributes) {
      assert.not.match(name, /^on/i);
      assert.not.match(value, /^javascript:/i);
    }
  }
  assert.is(page.querySelectorAll("main > section").length, 3, "no output closes its section");
  assert.match(
    text,
    /Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/,
  );
});

test.run();
