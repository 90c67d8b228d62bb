/** Links, pipes, devices, sizes, depths and names: what a run directory may hold that no run put there. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { boardPage } from "../../pipelines/board/page.ts";
import { queryOf } from "../../pipelines/board/query.ts";
import { routeOf } from "../../pipelines/board/request.ts";
import { newMemory, scanRuns } from "../../pipelines/board/scan.ts";
import { serveBoard } from "../../pipelines/board/serve.ts";
import { readReport } from "../../pipelines/report/write.ts";
import { reportPage } from "../../pipelines/report/render.ts";
import { atomicWrite } from "../../pipelines/base/disk.ts";
import { indexRuns } from "../../pipelines/runs/index.ts";
import { LINE_BYTES, metricLine, openMetrics, scanMetrics } from "../../pipelines/runs/metrics.ts";
import { appendOwn, openOwn, readOwnText, WrongFile } from "../../pipelines/base/own_file.ts";
import { acquireLock } from "../../pipelines/runs/run_lock.ts";
import { hardLink } from "../../pipelines/runs/hard_link.ts";
import { follow, KEPT_RECORDS, noSeries } from "../../pipelines/runs/tail.ts";
import { digestMetrics } from "../../pipelines/train/digest.ts";
import { linesOf, records, writeRun } from "../board/runs_on_disk.ts";

const test = suite("hostile run directories");
const folder = Deno.makeTempDirSync({ prefix: "hostile" });
test.after(() => Deno.removeSync(folder, { recursive: true }));
const failing = (effect: Effect.Effect<unknown, unknown>): Promise<unknown> =>
  Effect.runPromise(Effect.flip(effect));

const precious = `${folder}/precious`, text = "not a lock, not metrics\n";

test("a file that is a link, pipe, device, socket or folder is opened by nobody, and what it leads to stays", async () => {
  const run = `${folder}/special`;
  Deno.mkdirSync(`${run}/metrics`, { recursive: true });
  Deno.writeTextFileSync(precious, text);
  const listener = Deno.listen({ transport: "unix", path: `${run}/metrics/socket` });
  Deno.symlinkSync(precious, `${run}/metrics/link`);
  Deno.symlinkSync(`${folder}/nowhere`, `${run}/metrics/dangling`);
  Deno.symlinkSync("/dev/zero", `${run}/metrics/device`);
  Deno.symlinkSync("loop", `${run}/metrics/loop`);
  Deno.mkdirSync(`${run}/metrics/folder`);
  new Deno.Command("mkfifo", { args: [`${run}/metrics/pipe`] }).outputSync();
  for (const name of ["link", "dangling", "device", "loop", "folder", "pipe", "socket"]) {
    const path = `${run}/metrics/${name}`;
    for (const write of [false, true]) {
      assert.throws(() => openOwn(path, { write }), (e: Error) => e instanceof WrongFile, name);
    }
    for (
      const effect of [
        Effect.scoped(acquireLock(path)),
        Effect.scoped(openMetrics(path)),
        scanMetrics(path, () => {}),
      ]
    ) assert.match(String(await failing(effect)), /symbolic link|named pipe|socket|folder/, name);
    await appendOwn(path, "x").then(
      () => assert.unreachable(name),
      (cause) => assert.instance(cause, WrongFile),
    );
    await follow(path, noSeries).then(
      () => assert.unreachable(name),
      (cause) => assert.instance(cause, WrongFile),
    );
  }
  listener.close();
  // a whole write replaces the link itself
  await Effect.runPromise(atomicWrite(`${run}/metrics/link`, [new TextEncoder().encode("new")]));
  assert.ok(Deno.lstatSync(`${run}/metrics/link`).isFile);
  assert.is(Deno.readTextFileSync(precious), text);
  assert.throws(() => Deno.lstatSync(`${folder}/nowhere`));
  // a second name is given to files alone
  assert.match(String(await failing(hardLink(`${run}/metrics/dangling`, `${run}/name`))), /no regular file/);
});

test("a folder of a run that leads elsewhere is not followed", async () => {
  const run = `${folder}/elsewhere`, other = `${folder}/other`;
  Deno.mkdirSync(run);
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/a.jsonl`, metricLine({ step: 1 }));
  Deno.symlinkSync(other, `${run}/metrics`);
  for (
    const effect of [
      scanMetrics(`${run}/metrics/a.jsonl`, () => {}),
      Effect.scoped(openMetrics(`${run}/metrics/b.jsonl`)),
      atomicWrite(`${run}/metrics/c.jsonl`, [new Uint8Array(1)]),
    ]
  ) assert.match(String(await failing(effect)), /symbolic link at .*metrics/);
  assert.equal([...Deno.readDirSync(other)].map(({ name }) => name), ["a.jsonl"]);
  // the way to a run may be a link: it is the user's
  Deno.mkdirSync(`${folder}/real/metrics`, { recursive: true });
  Deno.symlinkSync(`${folder}/real`, `${folder}/latest`);
  await Effect.runPromise(Effect.scoped(openMetrics(`${folder}/latest/metrics/a.jsonl`)));
  assert.ok(Deno.statSync(`${folder}/real/metrics/a.jsonl`).isFile);
});

test("a lock that is another file under a second name is not emptied", async () => {
  Deno.linkSync(precious, `${folder}/lock`);
  assert.match(String(await failing(Effect.scoped(acquireLock(`${folder}/lock`)))), /no lock/);
  assert.is(Deno.readTextFileSync(precious), text);
});

test("what is too large, too deep or no text is refused by name before memory grows", async () => {
  const run = `${folder}/large`;
  await writeRun(run, { name: "large", metrics: {} });
  const manifest = Deno.readTextFileSync(`${run}/manifest.json`), path = `${run}/manifest.json`;
  for (
    const [write, reason] of [
      [() => Deno.truncateSync(path, 3e9), /3\.0 GB.*67\.1 MB is the most/],
      [
        () =>
          Deno.writeTextFileSync(
            path,
            manifest.replace("{}", `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`),
          ),
        /nested 20001 deep/,
      ],
      [() => Deno.writeFileSync(path, Uint8Array.of(0x22, 0xff, 0x22)), /no UTF-8/],
    ] as const
  ) {
    write();
    const { unreadable: [fault] } = await Effect.runPromise(indexRuns(run));
    assert.match(fault!.reason, reason);
    const { faults: [shown] } = await scanRuns(folder, newMemory());
    assert.match(shown!.reason, reason);
  }
  await readOwnText(path, 2).then(() => assert.unreachable(), (cause) => assert.is(cause.code, "EFBIG"));
  // a line without an end is passed over, without being held
  const lines = `${folder}/long.jsonl`;
  Deno.writeTextFileSync(lines, metricLine({ step: 1 }));
  Deno.truncateSync(lines, 5 * LINE_BYTES);
  Deno.writeTextFileSync(lines, `\n${metricLine({ step: 2 })}`, { append: true });
  const series = await follow(lines, noSeries);
  assert.equal([series.count, series.malformed, series.records.at(-1)], [2, 1, { step: 2 }]);
  assert.match(String(await failing(scanMetrics(lines, () => {}))), /line 2.*without an end/);
});

test("names of every kind are names, and one bad run hides no other, on the page and in reports", async () => {
  const root = `${folder}/named`;
  const names = ["constructor", "__proto__", "toString", "a\u001b[31m", "<b>", "\u202egnp"];
  for (const [i, name] of names.entries()) {
    await writeRun(`${root}/run-${i}`, {
      name,
      stages: names,
      done: 2,
      metrics: { [name]: linesOf(records(1, 3)) },
    });
    Deno.writeTextFileSync(`${root}/run-${i}/result.json`, `{"numbers":{${JSON.stringify(name)}:0.5}}`);
  }
  await writeRun(`${root}/bad`, { name: "bad" });
  Deno.writeTextFileSync(`${root}/bad/manifest.json`, "{");
  const { runs, unreadable } = await Effect.runPromise(indexRuns(root));
  assert.equal(runs.map(({ scores }) => Object.entries(scores)), names.map((name) => [[name, 0.5]]));
  assert.equal(unreadable.map(({ path }) => path), [`${root}/bad`]);
  const scan = await scanRuns(root, newMemory());
  assert.is(scan.runs.length, names.length);
  assert.equal(scan.faults.map(({ id }) => id), ["bad"]);
  for (const { id, series } of scan.runs) {
    assert.is(Object.values(series)[0]!.count, 3, id);
    const page = boardPage(root, queryOf(new URLSearchParams({ run: id })), scan);
    assert.match(page, "<svg");
    assert.match(page, /<code>bad<\/code>: [^<]*not JSON/);
    assert.not.match(page, "cannot be shown");
    const report = await Effect.runPromise(readReport(`${root}/${id}`));
    assert.ok(report.figures.length > 0, id);
    const html = reportPage(report);
    for (const raw of ["\u001b", "<b>"]) assert.not(html.includes(raw), JSON.stringify(raw));
  }
});

test("a folder that may not be read is listed, and the others are whole", async () => {
  const root = `${folder}/forbidden`;
  for (const name of ["open", "closed"]) await writeRun(`${root}/${name}`, { name });
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-env",
      "--allow-sys",
      `--deny-read=${root}/closed`,
      "pipelines/cli/cos.ts",
      "runs",
      "list",
      "--runs",
      root,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.is(code, 0, err);
  assert.match(out!, /forbidden\/open/);
  assert.match(err!, /forbidden\/closed: .*read access/);
});

test("an address that is none gets 400, one of another host 421, one without an end 414", async () => {
  const url = new URL("http://127.0.0.1/");
  const statusOf = (...args: Parameters<typeof routeOf>): unknown => {
    const route = routeOf(...args);
    return route.kind === "refused" ? route.status : route.kind;
  };
  assert.equal([
    statusOf("GET", undefined, "a b"),
    statusOf("GET", url, "a b"),
    statusOf("GET", url, "a/../b"),
    statusOf("GET", url, "example.org"),
    statusOf("GET", new URL(`http://127.0.0.1/?q=${"a".repeat(9000)}`), "127.0.0.1"),
    statusOf("GET", url, "localhost:1"),
  ], [400, 400, 400, 421, 414, "page"]);
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const { url } = yield* serveBoard({ folder: `${folder}/named`, port: 0 });
    const ask = async (host: string): Promise<string> => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
      await connection.write(
        new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      );
      const bytes = new Uint8Array(64), n = await connection.read(bytes);
      return new TextDecoder().decode(bytes.subarray(0, n ?? 0)).split("\r\n")[0]!;
    };
    assert.match(yield* Effect.promise(() => ask("a b")), / 400 /);
    assert.match(yield* Effect.promise(() => ask("[::")), / 400 /);
    assert.match(yield* Effect.promise(() => ask("localhost")), / 200 /);
  })));
});

test("metrics of a long run stay on disk: what readers hold of them does not grow with the steps", async () => {
  const path = `${folder}/steps.jsonl`, steps = 100_000;
  const file = Deno.openSync(path, { write: true, create: true });
  for (let from = 1; from <= steps; from += 1000) {
    file.writeSync(new TextEncoder().encode(linesOf(records(from, from + 999, (step) => step))));
  }
  file.close();
  const series = await follow(path, noSeries);
  assert.is(series.count, steps);
  assert.ok(series.records.length <= KEPT_RECORDS + 1, `${series.records.length} records`);
  assert.equal([series.records[0]!.step, series.records.at(-1)!.step], [1, steps]);
  const log = await Effect.runPromise(Effect.scoped(openMetrics(path)));
  assert.equal([log.kept, log.last!.step], [steps, steps]);
  const { first, last, timing, losses } = await Effect.runPromise(digestMetrics(path));
  assert.equal([first.step, last.step, losses.length, timing.stepSeconds], [1, steps, steps, 0.05]);
  assert.ok(losses.every((loss, i) => loss === i + 1));
});

test.run();
