/** Run directories, damaged in every way that a disk or a stranger can: no reader fails on them, and none hides another. */
import fc from "fast-check";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { queryOf } from "../../pipelines/board/query.ts";
import { boardPage } from "../../pipelines/board/page.ts";
import { newMemory, scanRuns } from "../../pipelines/board/scan.ts";
import { readReport } from "../../pipelines/report/write.ts";
import { reportPage } from "../../pipelines/report/render.ts";
import { diffRuns } from "../../pipelines/runs/diff.ts";
import { exportRuns } from "../../pipelines/runs/export.ts";
import { indexRuns } from "../../pipelines/runs/index.ts";
import { openMetrics } from "../../pipelines/runs/metrics.ts";
import { queryRuns } from "../../pipelines/runs/query.ts";
import { openOrCreateRun, readManifest } from "../../pipelines/runs/run_directory.ts";
import { isHeld } from "../../pipelines/runs/run_lock.ts";
import { load, save } from "../../pipelines/weights/checkpoint.ts";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";
import { property } from "../support/property.ts";

const test = suite("run directories");
const folder = Deno.makeTempDirSync({ prefix: "damaged" });
test.after(() => Deno.removeSync(folder, { recursive: true }));

const FILES = [
  "manifest.json",
  "result.json",
  "lock",
  "metrics/a-pretrain.jsonl",
  "samples/a.png",
  "checkpoints/a-pretrain.safetensors",
];
const FOLDERS = ["metrics", "samples", "checkpoints"];
const NAMES = [
  "constructor",
  "__proto__",
  "toString",
  "..",
  "a\u001b[2Jb",
  "a\nb",
  "\u202egnp",
  "%2e%2e",
  " ",
  "é".repeat(100),
  ".hidden",
];

await writeRun(`${folder}/model`, {
  name: "run",
  config: { pretrain: { steps: 4 } },
  stages: ["a-pretrain"],
  done: 1,
  metrics: { "a-pretrain": linesOf(records(1, 4)) },
});
Deno.writeTextFileSync(`${folder}/model/result.json`, JSON.stringify({ numbers: { f1: 0.5 } }));
Deno.mkdirSync(`${folder}/model/checkpoints`);
await Effect.runPromise(save(`${folder}/model/checkpoints/a-pretrain.safetensors`, {
  w: { dtype: "f32", shape: [4], data: Float32Array.of(1, 2, 3, 4) },
}));
Deno.writeTextFileSync(`${folder}/secret`, "whatever is outside stays outside\n");

type Damage =
  | { readonly kind: "cut" | "flip"; readonly file: string; readonly at: number }
  | {
    readonly kind: "link" | "dangling" | "folder" | "pipe" | "device" | "remove" | "empty";
    readonly file: string;
  }
  | { readonly kind: "linked folder"; readonly folder: string }
  | { readonly kind: "name"; readonly file: string; readonly name: string }
  | { readonly kind: "field"; readonly file: string; readonly path: string; readonly value: unknown }
  | { readonly kind: "text"; readonly file: string; readonly text: string };

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

const texts = fc.constantFrom(
  "",
  "{",
  "null",
  "[]",
  "\u0000",
  deep(20_000),
  `{"config":${deep(20_000)}}`,
  "[".repeat(20_000),
  `{"numbers":${JSON.stringify({ __proto__: 1, a: "x", b: 1e308 })}}`,
  '{"numbers":{"__proto__":1,"constructor":2,"a":null}}',
  '{"step":1e400,"loss":1}\n',
  '{"step":1,"loss":"NaN","__proto__":{"x":1},"constructor":3}\n',
  '{"step":9007199254740993}\n{"step":1}\n',
  `{"step":1,"a":"${"x".repeat(2 ** 21)}"}\n{"step":2,"loss":1}\n`,
  "x".repeat(2 ** 21),
);

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("cut" as const, "flip" as const),
    file: fc.constantFrom(...FILES),
    at: fc.nat(2000),
  }),
  fc.record({
    kind: fc.constantFrom(
      ...["link", "dangling", "folder", "pipe", "device", "remove", "empty"] as const,
    ),
    file: fc.constantFrom(...FILES),
  }),
  fc.record({ kind: fc.constant("linked folder" as const), folder: fc.constantFrom(...FOLDERS) }),
  fc.record({
    kind: fc.constant("name" as const),
    file: fc.constantFrom("metrics/a-pretrain.jsonl", "samples/a.png"),
    name: fc.constantFrom(...NAMES),
  }),
  fc.record({
    kind: fc.constant("field" as const),
    file: fc.constantFrom("manifest.json", "result.json"),
    path: fc.constantFrom(
      "name",
      "config",
      "stages.0.name",
      "stages.0.error",
      "started",
      "device",
      "seeds.a",
      "numbers",
    ),
    value: fc.oneof(
      fc.constantFrom<unknown>(...NAMES),
      fc.jsonValue(),
      fc.constantFrom(1e308, -1, 2 ** 53, null),
    ),
  }),
  fc.record({ kind: fc.constant("text" as const), file: fc.constantFrom(...FILES), text: texts }),
);

const damage = (run: string, one: Damage): void => {
  if (one.kind === "linked folder") {
    Deno.removeSync(`${run}/${one.folder}`, { recursive: true });
    Deno.symlinkSync(folder, `${run}/${one.folder}`);
    return;
  }
  const path = `${run}/${one.file}`;
  try {
    // what another damage left there is not written through
    if (["cut", "flip", "text", "field"].includes(one.kind) && !Deno.lstatSync(path).isFile) return;
    switch (one.kind) {
      case "cut":
        return Deno.truncateSync(path, Math.min(one.at, Deno.statSync(path).size));
      case "flip": {
        const bytes = Deno.readFileSync(path);
        if (bytes.length > 0) bytes[one.at % bytes.length]! ^= 1 << (one.at % 8);
        return Deno.writeFileSync(path, bytes);
      }
      case "text":
        return Deno.writeTextFileSync(path, one.text);
      case "name":
        return Deno.renameSync(path, path.replace(/[^/]*(\.\w+)$/, (_, ending) => `${one.name}${ending}`));
      case "field": {
        const whole = JSON.parse(Deno.readTextFileSync(path)), names = one.path.split(".");
        let inner = whole;
        for (const name of names.slice(0, -1)) inner = inner?.[name] ?? {};
        inner[names.at(-1)!] = one.value;
        return Deno.writeTextFileSync(path, JSON.stringify(whole));
      }
    }
    Deno.removeSync(path, { recursive: true });
  } catch {
    return; // another damage was there before
  }
  switch (one.kind) {
    case "link":
      return Deno.symlinkSync(`${folder}/secret`, path);
    case "dangling":
      return Deno.symlinkSync(`${folder}/made-by-nobody`, path);
    case "folder":
      return Deno.mkdirSync(path);
    case "pipe":
      return void new Deno.Command("mkfifo", { args: [path] }).outputSync();
    case "device":
      return Deno.symlinkSync("/dev/zero", path);
    case "empty":
      return Deno.writeTextFileSync(path, "");
  }
};

const copied = (from: string, to: string): void => {
  Deno.mkdirSync(to, { recursive: true });
  for (const entry of Deno.readDirSync(from)) {
    if (entry.isDirectory) copied(`${from}/${entry.name}`, `${to}/${entry.name}`);
    else Deno.copyFileSync(`${from}/${entry.name}`, `${to}/${entry.name}`);
  }
};

/** Result of an effect; a failure that is no error of its own is a fault of the reader. */
const reported = async <A>(what: string, effect: Effect.Effect<A, unknown>): Promise<A | undefined> => {
  const exit = await Effect.runPromiseExit(effect);
  if (Exit.isSuccess(exit)) return exit.value;
  const error = Cause.squash(exit.cause) as { readonly _tag?: string; readonly hint?: string };
  assert.ok(error._tag !== undefined && error.hint !== undefined, `${what}: ${String(error)}`);
  return undefined;
};

let tried = 0;
property(
  test,
  "whatever is wrong with one, it is listed with its fault or read, others are whole, and nothing outside changes",
  [fc.array(damages, { minLength: 1, maxLength: 3 })],
  async (some) => {
    const root = `${folder}/runs-${tried++}`, bad = `${root}/bad`;
    copied(`${folder}/model`, `${root}/good`);
    copied(`${folder}/model`, bad);
    for (const one of some) damage(bad, one);
    const index = (await reported("index", indexRuns(root)))!;
    const paths = [...index.runs, ...index.unreadable].map(({ path }) => path);
    const there = [...Deno.readDirSync(bad)].some(({ name }) => name === "manifest.json");
    assert.equal(paths.toSorted(), there ? [bad, `${root}/good`] : [`${root}/good`]);
    const good = index.runs.find(({ path }) => path === `${root}/good`)!;
    assert.equal(good.scores, { f1: 0.5 });
    assert.ok(queryRuns(index.runs, { where: ["scores.f1=0.5"], sort: "-scores.f1" })._tag === "Right");
    assert.ok(
      queryRuns(index.runs, { sort: "scores.constructor" })._tag === "Left",
      "a field that no run has",
    );
    for (const run of index.runs) diffRuns(good, run);
    const scan = await scanRuns(root, newMemory());
    assert.ok(scan.runs.some(({ id }) => id === "good"));
    assert.ok(!there || [...scan.runs, ...scan.faults].some(({ id }) => id === "bad"));
    const page = boardPage(root, queryOf(new URLSearchParams("run=bad&run=good")), scan);
    assert.match(page, 'value="good"');
    for (const format of ["csv", "parquet", "tensorboard"] as const) {
      const out = `${root}/export/${format}`,
        exported = (await reported(format, exportRuns(index.runs, format, out)))!;
      assert.ok(exported.files.length > 0, "the good run is exported, whatever the other is");
    }
    const report = await reported("report", readReport(bad));
    if (report !== undefined) reportPage(report);
    await isHeld(`${bad}/lock`);
    await reported("checkpoint", load(`${bad}/checkpoints/a-pretrain.safetensors`));
    // those that write
    await reported("metrics", Effect.scoped(openMetrics(`${bad}/metrics/a-pretrain.jsonl`)));
    await reported(
      "open",
      Effect.scoped(Effect.flatMap(readManifest(bad), (manifest) => openOrCreateRun(bad, manifest))),
    );
    assert.is(Deno.readTextFileSync(`${folder}/secret`), "whatever is outside stays outside\n");
    assert.throws(() => Deno.lstatSync(`${folder}/made-by-nobody`));
    assert.not(scan.runs.concat().some(({ id }) => id.includes("..")));
    Deno.removeSync(root, { recursive: true });
  },
  { runs: 60, counts: "run directories" },
);

test.run();
