/** Reports: every number named with its source, everything from outside escaped, and nothing outside needed. */
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import { parseHTML } from "linkedom";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { thinned } from "../../pipelines/report/curves.ts";
import { escapeHtml, html, textOfHtml } from "../../pipelines/report/html.ts";
import { readReport } from "../../pipelines/report/write.ts";
import { reportPage, spans } from "../../pipelines/report/render.ts";
import { commandOf, remade } from "../../pipelines/report/run_report.ts";
import { shellLine } from "../../pipelines/terminal/shell_line.ts";
import { linesOf, manifestOf, records, writeRun } from "../board/runs_on_disk.ts";
import { property } from "../support/property.ts";

const test = suite("report");
const HOSTILE = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'\`$\{1}&amp;`;
const folder = await Deno.makeTempDir();
test.after(() => Deno.remove(folder, { recursive: true }));

property(test, "text is escaped wherever it is; what was made here is not escaped twice", [
  fc.string({ unit: "grapheme", maxLength: 40 }),
], (text) => {
  const clean = [...text].filter((char) => char >= " " && char !== "\u007f").join("");
  const { document } = parseHTML(
    `<!doctype html><html><body>${textOfHtml(html`<p title="${clean}">${clean}</p>`)}</body></html>`,
  ) as unknown as {
    document: {
      querySelector: (s: string) => { textContent: string; getAttribute: (n: string) => string };
    };
  };
  const p = document.querySelector("p");
  assert.is(p.textContent, clean);
  assert.is(p.getAttribute("title"), clean);
});

test("HTML that was made here is not escaped twice", () => {
  assert.is(textOfHtml(html`${[html`<b>${"<"}</b>`, " & ", 3, false, undefined]}`), "<b>&lt;</b> &amp; 3");
  assert.is(escapeHtml("a\u0000b"), "ab");
});

test("a run's page holds its numbers, its curves, and hostile names as names", async () => {
  const path = `${folder}/run`, name = `quickstart-${HOSTILE.replaceAll("/", "")}`;
  await writeRun(path, {
    name,
    config: { [HOSTILE]: HOSTILE },
    stages: ["a-pretrain"],
    done: 1,
    metrics: { "a-pretrain": linesOf(records(1, 9)) + '{"step":10,"lo' },
  });
  await Deno.writeTextFile(
    `${path}/summary.json`,
    JSON.stringify({ stages: { [HOSTILE]: { presenceF1: 0.7512 } } }),
  );
  const page = reportPage(await Effect.runPromise(readReport(path)));
  assert.match(page, /0\.7512/);
  assert.ok(!page.includes("<img src=x") && !page.includes("<script>alert"));
  assert.is(page.match(/<script/g)!.length, 1, "the block of data alone");
  assert.is(page.match(/<svg[^>]*role="img"/g)!.length, 1, "loss");
  assert.not.match(page.replaceAll("http://www.w3.org/", ""), /(src|href)\s*=\s*"?\s*(https?:)?\/\//);
  assert.not.match(page, /@import|url\((?!#)/);
  const data = page.slice(page.indexOf('id="report-data">') + 17, page.lastIndexOf("</script>"));
  const read = JSON.parse(data) as {
    readonly title: string;
    readonly tables: readonly { readonly rows: unknown[] }[];
  };
  assert.is(read.title, name);
  assert.is(read.tables[1]!.rows.length, 1);
  for (const hash of [manifestOf({ name, config: { [HOSTILE]: HOSTILE } }).configHash, "d".repeat(64)]) {
    assert.ok(page.includes(hash), "hashes of configuration and data");
  }
});

test("a run without a summary, and one that has done nothing yet, have pages, too", async () => {
  await writeRun(`${folder}/bare`, { name: "bare" });
  await Deno.remove(`${folder}/bare/samples`, { recursive: true });
  await Deno.remove(`${folder}/bare/metrics`, { recursive: true });
  const report = await Effect.runPromise(readReport(`${folder}/bare`));
  assert.equal(report.tables.map(({ title }) => title), ["Stages"]);
  assert.equal(report.figures, []);
  assert.match(reportPage(report), /a-pretrain/);
});

test("the command of a run is that of its kind", () => {
  const train = manifestOf({ name: "mine", config: { model: {}, stages: [] } });
  assert.is(commandOf(train), "deno task cos train run.json --device cpu");
  assert.is(commandOf(manifestOf({ name: "evaluate-1" })), "deno task cos ablate --device cpu");
  assert.is(remade("0123abc", "deno task x"), "git checkout 0123abc\ndeno task x");
  assert.is(remade("unknown", "deno task x"), "deno task x");
  assert.is(shellLine(["a b", "it's", "x=1"]), `'a b' 'it'\\''s' x=1`);
});

test("curves are thinned to means, and what is not finite stays", () => {
  const points = Array.from({ length: 10 }, (_, i) => ({ x: i, loss: i === 4 ? NaN : i }));
  assert.equal(thinned(points, 20), points);
  assert.equal(thinned(points, 5).map(({ x }) => x), [1, 3, 4, 7, 9]);
  assert.ok(Number.isNaN(thinned(points, 5)[2]!.loss));
  assert.is(thinned(points, 5)[0]!.loss, 0.5);
});

test("numbers of sources are said in spans", () => {
  assert.equal(spans([7, 1, 2, 3, 3]), [[1, 3], [7, 7]]);
  assert.equal(spans([]), []);
});

test.run();
