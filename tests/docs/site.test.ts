/** The documentation builds as a site without dead links, and dead links are found. */
import * as Effect from "effect/Effect";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildSite } from "../../tools/docs/build.ts";
import { deadLinks } from "../../tools/docs/links.ts";
import { markdownHtml, slugOf } from "../../tools/docs/markdown.ts";
import { pages } from "../../tools/docs/pages.ts";
import { textOfHtml } from "../../pipelines/report/html.ts";

const test = suite("documentation");
const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const out = await Deno.makeTempDir({ prefix: "docs-" });
test.after(() => Deno.remove(out, { recursive: true }));

test("every page is built, every link of theirs leads somewhere, and no page loads anything from elsewhere", async () => {
  const notebooks = `${root}/notebooks`;
  const count = await Effect.runPromise(buildSite({ root, out, notebooks, api: false }));
  assert.ok(count > pages.length, "notebooks alongside the pages");
  const start = await Deno.readTextFile(`${out}/index.html`);
  assert.match(start, /<a href="docs\/quickstart\.html">/, "links of Markdown lead to pages");
  assert.not.match(start, /\.md"/);
  assert.not.match(start, /<script|src="https?:/);
});

test("every guide is in the navigation", () => {
  const guides = [...Deno.readDirSync(`${root}/docs`)].flatMap(({ name }) =>
    name.endsWith(".md") ? [`docs/${name}`] : []
  );
  assert.equal(guides.filter((guide) => !pages.some(({ source }) => source === guide)), []);
});

test("dead links are found: a page, an anchor, a file; links that work and links to elsewhere are not", () => {
  const page = `<h2 id="here">x</h2><a href="#here"></a><a href="#gone"></a><a href="b/two.html#there"></a>
    <a href="b/three.html"></a><img src="kept.svg"><img src="lost.svg"><a href="https://example.com/x"></a>`;
  const texts = new Map([["one.html", page], [
    "b/two.html",
    '<a id="there" href="../one.html#nowhere"></a>',
  ]]);
  assert.equal(deadLinks(texts, (place) => place === "kept.svg"), [
    "one.html: #gone",
    "one.html: b/three.html",
    "one.html: lost.svg",
    "b/two.html: ../one.html#nowhere",
  ]);
});

test("headings have the anchors of code hosts, a second of the same name a number", () => {
  assert.is(slugOf("Bits, and `code`: what's equal"), "bits-and-code-whats-equal");
  const figure = textOfHtml(
    markdownHtml(
      '<picture><source srcset="d/a.svg"><img alt="a" src="a.svg"></picture>',
      (href) => `to/${href}`,
    ),
  );
  assert.match(figure, /srcset="to\/d\/a\.svg"><img alt="a" src="to\/a\.svg"/);
  const page = textOfHtml(markdownHtml("# A b\n\n## A b\n\n[x](y.md#z)", (href) => `to/${href}`));
  assert.match(page, /<h1 id="a-b">[^]*<h2 id="a-b-1">[^]*href="to\/y\.md#z"/);
});

test.run();
