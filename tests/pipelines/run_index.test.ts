/** Runs as a collection: found, asked for, compared, and given to other programs, whose readers find the same again. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { parquetReadObjects } from "hyparquet";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type DataTable,
  runsTable,
  stepsTable,
  tableOfRecords,
  writeCsv,
} from "../../pipelines/runs/data_table.ts";
import { diffRows, diffRuns } from "../../pipelines/runs/diff.ts";
import { exportRuns } from "../../pipelines/runs/export.ts";
import { hashOf, type Json } from "../../pipelines/base/hash.ts";
import { type IndexedRun, indexRuns } from "../../pipelines/runs/index.ts";
import { newManifest, stageDone, stageFailed } from "../../pipelines/runs/manifest.ts";
import { metricLine } from "../../pipelines/runs/metrics.ts";
import { writeParquet } from "../../pipelines/runs/parquet.ts";
import { queryRuns } from "../../pipelines/runs/query.ts";
import { scoresOfSummary } from "../../pipelines/runs/run_scores.ts";
import { crc32c, eventWriter, maskedCrc } from "../../pipelines/runs/tensorboard.ts";

const test = suite("run index");
const root = Deno.makeTempDirSync({ prefix: "index" });
const NOW = "2026-01-31T12:00:00.000Z";

const steps = [
  { step: 1, loss: 4.5, lr: 0.1, seconds: 2, warmup: true },
  { step: 2, loss: NaN, lr: 0.2, seconds: 0.5 },
  { step: 300, loss: 1 / 3, lr: 0.05, seconds: 0.25 },
];

const run = (name: string, config: Json, scores: object | undefined, failed = false): void => {
  const path = `${root}/${name}`;
  Deno.mkdirSync(`${path}/metrics`, { recursive: true });
  const start = newManifest({
    name,
    config,
    dataHash: hashOf(name.endsWith("b") ? "other" : "data"),
    commit: "unknown",
    codeVersion: "1",
    device: "CPU, 2 threads",
    seeds: { model: 1 },
    stages: ["finetune"],
  }, NOW);
  const manifest = (failed ? stageFailed("finetune", NOW, "why") : stageDone("finetune", NOW))(start);
  Deno.writeTextFileSync(`${path}/manifest.json`, JSON.stringify(manifest));
  Deno.writeTextFileSync(`${path}/metrics/finetune.jsonl`, steps.map(metricLine).join(""));
  if (scores !== undefined) {
    Deno.writeTextFileSync(`${path}/result.json`, JSON.stringify({ numbers: scores }));
  }
};

const config = (batch: number, rate: number, more: object = {}): Json => ({
  stages: [{ expand: { by: null } }, { train: { name: "finetune", batch, rate } }],
  ...more,
});

run("store/a", config(8, 1e-3), { presenceF1: 0.71, "odd,name": 1 });
run("store/b", config(16, 1e-3, { arm: "cos" }), { presenceF1: 0.65 });
run("c", config(8, 2e-3), undefined, true);
Deno.mkdirSync(`${root}/broken`);
Deno.writeTextFileSync(`${root}/broken/manifest.json`, "{");
Deno.mkdirSync(`${root}/c/samples/inner`, { recursive: true });
Deno.writeTextFileSync(`${root}/c/samples/inner/manifest.json`, "{"); // inside a run nothing is looked for

const index = await Effect.runPromise(indexRuns(`${root}/`));
const named = (name: string): IndexedRun => index.runs.find(({ path }) => path.endsWith(name))!;

test("runs are found at any depth with how they stand; what cannot be read is informed and hides nothing", () => {
  assert.equal(index.runs.map(({ path, status }) => [path.slice(root.length + 1), status]), [
    ["c", "failed"],
    ["store/a", "finished"],
    ["store/b", "finished"],
  ]);
  assert.equal(index.unreadable.map(({ path }) => path), [`${root}/broken`]);
  assert.match(index.unreadable[0]!.reason, /not JSON/);
});

test("a run whose lock names a living process is running; one of a process that has ended is not", async () => {
  const status = async (pid: number): Promise<string> => {
    Deno.writeTextFileSync(`${root}/c/lock`, JSON.stringify({ pid, host: Deno.hostname(), since: NOW }));
    const { runs } = await Effect.runPromise(indexRuns(root));
    return runs.find(({ path }) => path.endsWith("/c"))!.status;
  };
  assert.is(await status(Deno.pid), "running");
  assert.is(await status(2 ** 22 + 1), "failed");
});

const asked = (where: readonly string[], sort?: string): readonly string[] => {
  const found = queryRuns(index.runs, { where, ...(sort === undefined ? {} : { sort }) });
  if (E.isLeft(found)) throw found.left;
  return found.right.map(({ path }) => path.slice(-1));
};

test("runs are asked for by field, score and status, and sorted; missing fields come last", () => {
  assert.equal(asked(["finetune.batch=8"]), ["c", "a"]);
  assert.equal(asked(["stages.1.train.batch=8", "finetune.batch=8", "scores.presenceF1>0.7"]), ["a"]);
  assert.equal(asked(["expand.by=null"]), ["c", "a", "b"]);
  assert.equal(asked(["scores.presenceF1<=0.65"]), ["b"]);
  assert.equal(asked(["arm!=cos"]), ["c", "a"]);
  assert.equal(asked(["status=failed"]), ["c"]);
  assert.equal(asked(["device~threads", "finetune.rate<0.002"]), ["a", "b"]);
  assert.equal(asked([], "-scores.presenceF1"), ["a", "b", "c"]);
  assert.equal(asked([], "scores.presenceF1"), ["b", "a", "c"]);
  assert.equal(asked(["finetune.batch>text"]), [], "no order between numbers and texts");
  const wrong = queryRuns(index.runs, { where: ["batch"] });
  assert.ok(E.isLeft(wrong));
  assert.match(wrong.left.message, /got batch; expected a field, one of = !=/);
});

test("a field that no run has is an error that names the nearest ones", () => {
  for (const query of [{ where: ["scores.presenceF>0.5"] }, { sort: "-scores.presence" }]) {
    const wrong = queryRuns(index.runs, query);
    assert.ok(E.isLeft(wrong));
    assert.match(wrong.left.message, /none of 3 runs has[^]*scores\.presenceF1/);
  }
  const near = queryRuns(index.runs, { where: ["finetune.bach=8"] });
  assert.match(E.isLeft(near) ? near.left.message : "", /the nearest are finetune\.batch/);
  const base = { ...named("a"), manifest: { ...named("a").manifest, config: { base: config(4, 1) } } };
  assert.equal(E.toUnion(queryRuns([base], { where: ["finetune.batch=4"] })), [base], "an ablation");
  assert.ok(E.isRight(queryRuns([], { where: ["seed=1"] })), "no runs, no fields");
});

test("a run with arms has the scores of each, and the best of them; intervals count by their value", () => {
  const interval = { value: 0.8, low: 0.7, high: 0.9 };
  const found = scoresOfSummary({
    arms: [
      { name: "cos-20-84", scores: { presenceF1: interval, countAccuracy: 0.25, questions: { count: 3 } } },
      { name: "resampler", scores: { presenceF1: 0.75, countAccuracy: 0.5 } },
    ],
  });
  assert.equal(found, {
    scores: { presenceF1: 0.8, countAccuracy: 0.5 },
    arms: {
      "cos-20-84": { presenceF1: 0.8, countAccuracy: 0.25 },
      resampler: { presenceF1: 0.75, countAccuracy: 0.5 },
    },
    intervals: { "cos-20-84": { presenceF1: interval }, resampler: {} },
  });
  const stages = { pretrain: { loss: 2, firstLoss: 6 }, evaluate: { presenceF1: 0.7, countAccuracy: 0.5 } };
  assert.equal(scoresOfSummary({ stages }), {
    scores: { presenceF1: 0.7, countAccuracy: 0.5 },
    arms: {},
    intervals: {},
  });
  const run = { ...named("c"), ...found };
  const of = (where: string) => E.toUnion(queryRuns([run], { where: [where] }));
  assert.equal(of("scores.presenceF1>0.7"), [run]);
  assert.equal(of("scores.cos-20-84.countAccuracy<0.3"), [run]);
  assert.equal(of("scores.resampler.countAccuracy<0.3"), []);
  for (const strange of [undefined, null, 3, [], { arms: 1 }, { arms: [1, null, { name: 2 }] }]) {
    assert.equal(scoresOfSummary(strange), { scores: {}, arms: {}, intervals: {} });
  }
});

test("two runs differ in what they differ in, and in nothing else", () => {
  const seeded = (key: string) => {
    const run = named("a");
    const stages = [{ ...run.manifest.stages[0]!, name: `pretrain-${key.repeat(16)}` }];
    return { ...run, manifest: { ...run.manifest, stages } };
  };
  assert.equal(
    diffRuns(seeded("1"), seeded("2")),
    [],
    "artefacts of two seeds have other names, no other stages",
  );
  assert.equal(diffRuns(named("a"), named("a")), []);
  assert.equal(
    diffRows(diffRuns(named("a"), named("b"))),
    [
      ["configuration", "stages.1.train.batch", "8", "16"],
      ["configuration", "arm", "", "cos"],
      ["data", "dataHash", hashOf("data"), hashOf("other")],
      ["scores", "presenceF1", "0.71", "0.65"],
      ["scores", "odd,name", "1", ""],
    ],
  );
  const c = { ...named("b"), manifest: { ...named("b").manifest, dataHash: hashOf("x"), device: "GPU" } };
  assert.equal(diffRuns(named("b"), c).map(({ kind }) => kind), ["data", "device"]);
});

const written = async (
  write: typeof writeCsv,
  table: DataTable,
): Promise<Uint8Array<ArrayBuffer>> => {
  const parts: Uint8Array[] = [];
  await write(table, (bytes) => Promise.resolve(void parts.push(bytes)));
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
};
const csvText = async (table: DataTable): Promise<string> =>
  new TextDecoder().decode(await written(writeCsv, table));
const parquet = async (table: DataTable): ReturnType<typeof parquetReadObjects> =>
  await parquetReadObjects({ file: (await written(writeParquet, table)).buffer });

// RFC 4180
const parseCsv = (text: string): readonly (readonly string[])[] =>
  text.trimEnd().split("\r\n").map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
      quoted === undefined ? plain! : quoted.replaceAll('""', '"')
    )
  );

test("CSV reads back, commas, quotes, holes and all digits", async () => {
  const table = tableOfRecords([{ a: 'x, "y"', b: 1 / 3 }, { a: "z", c: true }]);
  assert.equal(parseCsv(await csvText(table)), [["a", "b", "c"], ['x, "y"', String(1 / 3), ""], [
    "z",
    "",
    "true",
  ]]);
  const [head, ...rows] = parseCsv(await csvText((await Effect.runPromise(stepsTable(index.runs))).table));
  assert.equal(head, ["run", "stage", "step", "loss", "lr", "seconds", "warmup"]);
  assert.is(rows.length, 9);
  assert.equal(rows[2]!.slice(1), ["finetune", "300", String(1 / 3), "0.05", "0.25", ""]);
  assert.equal(rows[1]!.slice(3, 4), ["NaN"]);
});

test("Parquet reads back with its types", async () => {
  const rows = await parquet((await Effect.runPromise(stepsTable([named("a")]))).table);
  assert.equal(rows.map(({ step, loss, warmup, stage }) => [step, loss, warmup ?? undefined, stage]), [
    [1n, 4.5, true, "finetune"],
    [2n, NaN, undefined, "finetune"],
    [300n, 1 / 3, undefined, "finetune"],
  ]);
  const runs = await parquet(runsTable(index.runs));
  assert.equal(runs.map((r) => r["config.stages.1.train.batch"]), [8n, 8n, 16n]);
  assert.equal(runs.map((r) => r["scores.presenceF1"] ?? undefined), [undefined, 0.71, 0.65]);
});

/** Reads event files by their definition: framing, checksums, and the fields that scalars have. */
const readEvents = (bytes: Uint8Array): readonly Readonly<Record<string, unknown>>[] => {
  const events: Record<string, unknown>[] = [], view = new DataView(bytes.buffer, bytes.byteOffset);
  const fields = (
    from: number,
    to: number,
    see: (field: number, at: number, value: number) => void,
  ): void => {
    for (let at = from; at < to;) {
      const number = (): number => {
        let value = 0;
        for (let shift = 0;; shift += 7) {
          const byte = bytes[at++]!;
          value += (byte & 127) * 2 ** shift;
          if (byte < 128) return value;
        }
      };
      const key = number(), field = key >> 3, type = key & 7;
      if (type === 0) see(field, at, number());
      else if (type === 1) at = (see(field, at, 8), at + 8);
      else if (type === 5) at = (see(field, at, 4), at + 4);
      else {
        const length = number();
        see(field, at, length);
        at += length;
      }
    }
  };
  const text = (at: number, length: number): string =>
    new TextDecoder().decode(bytes.subarray(at, at + length));
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true)), data = at + 12;
    assert.is(view.getUint32(at + 8, true), maskedCrc(bytes.subarray(at, at + 8)));
    assert.is(view.getUint32(data + length, true), maskedCrc(bytes.subarray(data, data + length)));
    const event: Record<string, unknown> = { step: 0 };
    fields(data, data + length, (field, from, value) => {
      if (field === 1) event.time = view.getFloat64(from, true);
      if (field === 2) event.step = value;
      if (field === 3) event.version = text(from, value);
      if (field !== 5) return;
      fields(from, from + value, (_, start, size) => {
        let name = "";
        fields(start, start + size, (inner, place, n) => {
          if (inner === 1) name = text(place, n);
          if (inner === 2) event[name] = view.getFloat32(place, true);
        });
      });
    });
    events.push(event);
    at = data + length + 4;
  }
  return events;
};

test("TensorBoard events: checksums and first bytes as TensorFlow writes them, and every scalar", () => {
  assert.is(crc32c(new TextEncoder().encode("123456789")), 0xe3069283); // the check value of CRC-32C
  const { start, events } = eventWriter(1000), file = new Uint8Array([...start, ...events(steps)]);
  // every event file of TensorFlow begins so: a record of 24 bytes and the checksum of its length
  assert.equal([...file.subarray(0, 13)], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09]);
  const single = Math.fround;
  assert.equal(readEvents(file), [
    { step: 0, time: 1000, version: "brain.Event:2" },
    { step: 1, time: 1002, loss: 4.5, lr: single(0.1), seconds: 2 },
    { step: 2, time: 1002.5, loss: NaN, lr: single(0.2), seconds: 0.5 },
    { step: 300, time: 1002.75, loss: single(1 / 3), lr: single(0.05), seconds: 0.25 },
  ]);
});

test("event files that grow are those of tensorboardX 2.6.5, bit for bit, restarts among them", () => {
  const { start, events } = eventWriter(1000, true);
  const parts = [start, events([{ step: 1, loss: 4.5, seconds: 0.5, warmup: true }]), events([])];
  const bytes = parts.concat(events([{ step: 300, "validation/loss": 0.25 }])).flatMap((part) => [...part]);
  assert.is(
    bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    "1800000000000000a37f4b22090000000000408f401a0d627261696e2e4576656e743a3273ae6b56" +
      "0d000000000000003c37b834090000000000408f403a02080127c9a265" +
      "2a00000000000000ae8d91f5090000000000448f4010012a1d0a0b0a046c6f737315000090400a0e0a077365636f6e6473150000003f" +
      "0b761630" +
      "2600000000000000734fe300090000000000448f4010ac022a180a160a0f76616c69646174696f6e2f6c6f7373150000803ebb74f098",
  );
});

test("tables of long metrics are read some rows at a time, and hold all of them", async () => {
  const path = `${root}/long`, rows = 20_000;
  Deno.mkdirSync(`${path}/metrics`, { recursive: true });
  const line = (i: number): string =>
    metricLine({
      step: i,
      loss: 1 / (i + 1),
      ...(i % 1000 === 0 ? { "validation/loss": i, odd: i === 0 ? 1 : "x" } : {}),
    });
  Deno.writeTextFileSync(`${path}/metrics/a.jsonl`, Array.from({ length: rows }, (_, i) => line(i)).join(""));
  Deno.writeTextFileSync(`${path}/metrics/b.jsonl`, `${line(1)}no JSON\n`);
  const { table, faults } = await Effect.runPromise(stepsTable([{ path }]));
  assert.is(faults.length, 1);
  assert.equal(table.columns, [
    { name: "run", kind: "text" },
    { name: "stage", kind: "text" },
    { name: "step", kind: "integer" },
    { name: "loss", kind: "number" },
    { name: "validation/loss", kind: "integer" },
    { name: "odd", kind: "text" },
  ]);
  // lines that are added after the columns are known wait for the next export
  Deno.writeTextFileSync(`${path}/metrics/a.jsonl`, metricLine({ step: rows, late: 1 }), { append: true });
  const sizes: number[] = [];
  await table.rows((some) => Promise.resolve(void sizes.push(some.length)));
  assert.is(sizes.reduce((a, b) => a + b, 0), rows);
  assert.ok(Math.max(...sizes) < rows / 2, `${sizes}`);
  const read = await parquet(table);
  assert.is(read.length, rows);
  assert.equal([read[rows - 1]!.step, read[rows - 1]!.loss], [BigInt(rows - 1), 1 / rows]);
  assert.equal([read[0]!.odd, read[1000]!.odd, read[5]!.odd ?? undefined], ["1", "x", undefined]);
  assert.is(parseCsv(await csvText(table)).length, rows + 1);
});

test("exports are files where they are said to be", async () => {
  for (const format of ["csv", "parquet", "tensorboard"] as const) {
    const { files } = await Effect.runPromise(exportRuns(index.runs, format, `${root}/out-${format}`));
    assert.is(files.length, format === "tensorboard" ? 3 : 2);
    for (const file of files) assert.ok(Deno.statSync(file).size > 100, file);
    assert.is(new Set(files).size, files.length);
  }
  const [one] = index.runs, twin = `${root}/elsewhere/${one!.path.split("/").at(-1)}`;
  Deno.mkdirSync(`${twin}/metrics`, { recursive: true });
  for (const { name } of Deno.readDirSync(`${one!.path}/metrics`)) {
    Deno.copyFileSync(`${one!.path}/metrics/${name}`, `${twin}/metrics/${name}`);
  }
  const twins = [one!, { ...one!, path: twin }];
  const { files } = await Effect.runPromise(exportRuns(twins, "tensorboard", `${root}/out-twins`));
  assert.is(new Set(files).size, 2, "runs of one name in different folders stay apart");
});

test.run();
