/** The table of benchmarks in the documentation is that of the registry. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { benchmarkTable } from "./benchmark_table.ts";
import { benchmarks } from "../../pipelines/eval/registry.ts";

test("the documentation has the table of the registry", () => {
  const readme = Deno.readTextFileSync(new URL("../../pipelines/eval/README.md", import.meta.url));
  for (const row of benchmarkTable(benchmarks).split("\n")) assert.ok(readme.includes(row), row);
});

test("a row has the name, the number, the prompt's end, the file, the paper and the script", () => {
  const rows = benchmarkTable(benchmarks).split("\n");
  assert.is(rows.length, benchmarks.length + 2);
  assert.match(rows[2]!, "`vqav2`");
  assert.match(rows[2]!, "“Answer the question using a single word or phrase.”");
  assert.match(rows[2]!, "vqaEval.py");
});

test.run();
