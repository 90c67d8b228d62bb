/** Metrics files that grow, are cut back, and end within a line. */
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { follow, noSeries, type Series } from "../../pipelines/runs/tail.ts";
import { property } from "../support/property.ts";
import { linesOf, records } from "./runs_on_disk.ts";

const test = suite("tail");
const folder = await Deno.makeTempDir(), file = `${folder}/m.jsonl`;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const all = records(1, 30), bytes = bytesOf(linesOf(all));

property(test, "lines come out whole however the file was cut while it was read", [
  fc.array(fc.nat(bytes.length), { maxLength: 12 }),
], async (cuts) => {
  let series: Series = noSeries;
  for (const end of [...cuts, bytes.length].toSorted((a, b) => a - b)) {
    await Deno.writeFile(file, bytes.subarray(0, end));
    series = await follow(file, series);
  }
  assert.equal(series.records, all);
  assert.is(series.bytes, bytes.length);
});

test("only what was added is read, and a half-written line waits", async () => {
  await Deno.writeTextFile(file, linesOf(records(1, 3)) + '{"step":4,"lo');
  const first = await follow(file, noSeries);
  assert.equal(first.records, records(1, 3));
  assert.is(await follow(file, first), first, "nothing new: the same value");
  await Deno.writeTextFile(file, linesOf(records(1, 5)));
  const second = await follow(file, first);
  assert.equal(second.records, records(1, 5));
  assert.is(second.records[0], first.records[0], "lines that were known were not read again");
});

test("of long files validations stay, whatever is left out of the steps", async () => {
  const text = Array.from({ length: 10_000 }, (_, i) => {
    const validation = { step: i + 1, "validation/loss": i, "scores/f1": 0.5 };
    return JSON.stringify({ step: i + 1, loss: 1 }) + "\n" +
      (i % 1000 === 999 ? JSON.stringify(validation) + "\n" : "");
  }).join("");
  await Deno.writeTextFile(file, text);
  const { records, validations, count } = await follow(file, noSeries);
  assert.is(count, 10_000);
  assert.equal(
    validations.records.map(({ step }) => step),
    Array.from({ length: 10 }, (_, i) => 1000 * (i + 1)),
  );
  assert.equal(records.at(-1), { step: 10_000, loss: 1 });
  assert.ok(records.length < 2100);
});

test("a file cut back on resume is read from its start, also when it grew past its old end since", async () => {
  await Deno.writeTextFile(file, linesOf(records(1, 9)));
  const before = await follow(file, noSeries);
  await Deno.writeTextFile(file, linesOf(records(1, 4)));
  const cut = await follow(file, before);
  assert.equal(cut.records, records(1, 4));
  const other = records(1, 20, (step) => 7 / step);
  await Deno.writeTextFile(file, linesOf(other));
  assert.equal((await follow(file, before)).records, other);
  assert.equal((await follow(file, cut)).records, other);
  await Deno.writeTextFile(file, "");
  assert.equal((await follow(file, cut)).records, []);
});

test("lines that are no records are counted and passed over", async () => {
  await Deno.writeTextFile(file, `${linesOf(records(1, 1))}nonsense\n{"loss":1}\n${linesOf(records(2, 2))}`);
  const series = await follow(file, noSeries);
  assert.equal(series.records, records(1, 2));
  assert.is(series.malformed, 2);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();
