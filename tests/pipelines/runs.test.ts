/** Run directories: decoding errors, hashes, manifests, metrics and the lock between processes. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decode, decodeEither, DecodeError, fromEither, parseJson } from "../../pipelines/base/bridge.ts";
import { denoDisk, diskError, withDisk } from "../../pipelines/base/disk.ts";
import { canonicalJson, hashOf, sha256 } from "../../pipelines/base/hash.ts";
import {
  type Manifest,
  manifestCodec,
  newManifest,
  stageDone,
  stageFailed,
  stageOf,
  stageStarted,
  stageTrained,
} from "../../pipelines/runs/manifest.ts";
import {
  appendMetrics,
  metricLine,
  type MetricRecord,
  MetricsError,
  openMetrics,
  parseMetrics,
  readMetrics,
  syncMetrics,
} from "../../pipelines/runs/metrics.ts";
import {
  metricsPath,
  openOrCreateRun,
  readJson,
  readManifest,
  RunError,
  writeJson,
  writeManifest,
} from "../../pipelines/runs/run_directory.ts";
import { acquireLock, LockError } from "../../pipelines/runs/run_lock.ts";
import { property } from "../support/property.ts";

const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

const run = <A, E>(program: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(program));
const fail = <A, E>(program: Effect.Effect<A, E, Scope.Scope>): Promise<E> =>
  Effect.runPromise(Effect.flip(Effect.scoped(program)));

const bridge = suite("bridge");

bridge("names path, value and wanted type of every refused field", () => {
  const codec = t.type({ lr: t.number, stages: t.array(t.type({ name: t.string })) });
  const got = decodeEither(codec, "config.json")({ lr: "0.1", stages: [{ name: "a" }, { name: 7 }] });
  assert.ok(E.isLeft(got));
  assert.equal(got.left.refusals.map((r) => [r.path, r.got, r.expected]), [
    ["lr", '"0.1"', "number"],
    ["stages.1.name", "7", "string"],
  ]);
  assert.match(got.left.message, /config\.json: got lr: "0\.1", stages\.1\.name: 7; expected lr: number/);
});

bridge("speaks of missing fields, roots, unions, intersections and values that JSON cannot show", () => {
  const codec = t.intersection([t.type({ a: t.union([t.number, t.null]) }), t.partial({ b: t.boolean })]);
  const paths = (value: unknown): unknown[] => {
    const got = decodeEither(codec, "x")(value);
    assert.ok(E.isLeft(got));
    return got.left.refusals.map((r) => [r.path, r.got, r.expected]);
  };
  assert.equal(paths({}), [["a", "nothing", "number or null"]]);
  assert.equal(paths({ a: 1, b: "no" }), [["b", '"no"', "boolean"]]);
  assert.is((paths(3)[0] as string[])[0], "(root)");
  const loop: Record<string, unknown> = {};
  loop["a"] = loop;
  assert.equal(paths(loop), [["a", "a value that refers to itself", "number or null"]]);
  assert.equal(paths({ a: NaN, b: 10n }), [["b", "10", "boolean"]]);
});

bridge("turns Left into failure and Right into success", async () => {
  assert.is(await run(fromEither(E.right(3))), 3);
  assert.is(await fail(fromEither(E.left("no"))), "no");
  assert.is(await run(decode(t.number, "n")(3)), 3);
  assert.instance(await fail(decode(t.number, "n")("3")), DecodeError);
  assert.ok(E.isLeft(parseJson("f")("{")));
});

const hashes = suite("hash");

property(
  hashes,
  "does not depend on the order of keys, and does on every value",
  [fc.jsonValue()],
  (value) => {
    const shuffle = (v: unknown): unknown =>
      Array.isArray(v)
        ? v.map(shuffle)
        : v !== null && typeof v === "object"
        ? Object.fromEntries(Object.entries(v).toReversed().map(([k, x]) => [k, shuffle(x)]))
        : v;
    assert.is(hashOf(shuffle(value)), hashOf(value));
    assert.equal(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
  },
);

hashes("are those of known values", () => {
  assert.is(canonicalJson({ b: [1, undefined === null], a: undefined }), '{"b":[1,false]}');
  assert.is.not(hashOf({ a: 1 }), hashOf({ a: 2 }));
  assert.is(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

hashes("refuses values without JSON", () => {
  assert.throws(() => hashOf({ a: NaN }), /NaN at \$\.a/);
  assert.throws(() => hashOf({ a: [1, () => 1] }), /function at \$\.a\.1/);
  assert.throws(() => hashOf(new Float32Array(1)), /object at \$/);
});

const NOW = "2026-01-31T12:00:00.000Z";
const manifest = (config: { readonly lr: number } = { lr: 0.1 }): Manifest =>
  newManifest({
    name: "r",
    config,
    dataHash: hashOf("data"),
    commit: "unknown",
    codeVersion: "0.1.0",
    device: "a device",
    seeds: { data: 1, init: 2 },
    stages: ["pretrain", "finetune"],
  }, NOW);

const manifests = suite("manifest");

manifests("goes through JSON unchanged and states the hash of its configuration", () => {
  const m = stageFailed("finetune", NOW, "why")(
    stageTrained("pretrain", { steps: 5, checkpoint: "c" })(stageStarted("pretrain", NOW)(manifest())),
  );
  assert.equal(E.toUnion(manifestCodec.decode(JSON.parse(JSON.stringify(m)))), m);
  assert.is(m.configHash, hashOf({ lr: 0.1 }));
});

manifests("follows its stages", () => {
  const begun = stageStarted("pretrain", NOW)(manifest());
  assert.is(stageOf(begun, "pretrain")!.status, "running");
  const failed = stageFailed("pretrain", NOW, "device lost")(
    stageTrained("pretrain", { steps: 40, checkpoint: "c/p" })(begun),
  );
  assert.equal(stageOf(failed, "pretrain"), {
    name: "pretrain",
    status: "failed",
    started: NOW,
    finished: NOW,
    steps: 40,
    checkpoint: "c/p",
    error: "device lost",
  });
  const again = stageOf(stageStarted("pretrain", NOW)(failed), "pretrain")!;
  assert.equal([again.status, again.steps, again.error, again.finished], [
    "running",
    40,
    undefined,
    undefined,
  ]);
  const one = stageDone("pretrain", NOW)(begun);
  assert.is(one.finished, undefined);
  assert.is(stageDone("finetune", NOW)(one).finished, NOW);
});

manifests("refuses damaged fields by name", () => {
  const refused = (change: object, path: string): void => {
    const got = decodeEither(manifestCodec, "manifest")({ ...manifest(), ...change });
    assert.ok(E.isLeft(got), path);
    assert.equal(got.left.refusals.map((r) => r.path), [path]);
  };
  refused({ configHash: "abc" }, "configHash");
  refused({ started: "yesterday-ish" }, "started");
  refused({ stages: [{ name: "a", status: "asleep" }] }, "stages.0.status");
  refused({ seeds: { a: "1" } }, "seeds.a");
  refused({ format: 2 }, "format");
});

const metrics = suite("metrics");
const rec = (step: number, loss: number = step): MetricRecord => ({ step, loss });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

metrics("gives back what was written, NaN and infinities too", () =>
  inFolder(async (folder) => {
    const path = `${folder}/m.jsonl`;
    const all = [rec(1, NaN), rec(2, -Infinity), { step: 2, note: "eval é", ok: true }, rec(3, 1e-9)];
    await run(Effect.gen(function* () {
      const log = yield* openMetrics(path);
      yield* appendMetrics(log, all.slice(0, 2));
      yield* appendMetrics(log, all.slice(2));
      yield* syncMetrics(log);
    }));
    assert.equal(await run(readMetrics(path)), all);
    assert.is((await Deno.readTextFile(path)).split("\n").length, 5);
  }));

metrics(
  "cuts back to the checkpoint's step on resume, and goes on from there",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/m.jsonl`;
      const first = [1, 2, 3, 3, 4, 5].map((s) => rec(s));
      await run(Effect.flatMap(openMetrics(path), (log) => appendMetrics(log, first)));
      const log = await run(Effect.gen(function* () {
        const log = yield* openMetrics(path, { resumeAt: 3 });
        yield* appendMetrics(log, [rec(4, 40)]);
        return log;
      }));
      assert.equal([log.kept, log.dropped], [4, 2]);
      assert.equal(await run(readMetrics(path)), [...first.slice(0, 4), rec(4, 40)]);
      await run(openMetrics(path, { resumeAt: 0 }));
      assert.is((await Deno.stat(path)).size, 0);
    }),
);

const dozen = Array.from({ length: 12 }, (_, i) => rec(i, Math.sin(i)));
const whole = dozen.map(metricLine).join("");
property(
  metrics,
  "resumed at any step, holds the same bytes as an uninterrupted run",
  [fc.nat(11), fc.nat(whole.length)],
  (at, cut) =>
    inFolder(async (folder) => {
      const path = `${folder}/m.jsonl`, lines = whole.slice(0, cut).split("\n").length - 1;
      await Deno.writeTextFile(path, whole.slice(0, cut));
      await run(Effect.gen(function* () {
        const log = yield* openMetrics(path, { resumeAt: at });
        assert.is(log.kept, Math.min(lines, at + 1));
        yield* appendMetrics(log, dozen.slice(log.kept));
      }));
      assert.is(await Deno.readTextFile(path), whole);
    }),
  { runs: 40 },
);

metrics(
  "drops a last line that was being written, and refuses any other bad line by its number",
  async () => {
    const partial = parseMetrics(bytes('{"step":1}\n{"step":2,"lo'));
    assert.ok(E.isRight(partial));
    assert.equal([partial.right.records.length, partial.right.partial], [1, true]);
    const refused = (text: string | Uint8Array, line: number, pattern: RegExp): void => {
      const got = parseMetrics(typeof text === "string" ? bytes(text) : text);
      assert.ok(E.isLeft(got), String(text));
      assert.is(got.left.line, line);
      assert.match(got.left.message, pattern);
    };
    refused('{"step":1}\n{"step":2,"lo\n{"step":3}\n', 2, /line 2.*not JSON/);
    refused('{"step":1}\n\n', 2, /not JSON/);
    refused('{"step":1}\n{"loss":2}\n', 2, /step: nothing/);
    refused('{"step":1}\n{"step":1.5}\n', 2, /step: 1\.5/);
    refused('{"step":1,"loss":[1]}\n', 1, /loss: \[1\]/);
    refused('{"step":3}\n{"step":2}\n', 2, /step 2.*not before 3/);
    refused(Uint8Array.of(...bytes('{"step":1}\n"'), 0xff, 0x22, 0x0a), 2, /line 2/);
    await inFolder(async (folder) => {
      const path = `${folder}/m.jsonl`;
      await Deno.writeTextFile(path, "oops\n");
      assert.instance(await fail(openMetrics(path)), MetricsError);
      assert.is(await Deno.readTextFile(path), "oops\n", "a refused file is left as it was");
    });
  },
);

metrics(
  "refuses steps that go back and fields that are no numbers, adding nothing",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/m.jsonl`;
      await run(Effect.gen(function* () {
        const log = yield* openMetrics(path);
        yield* appendMetrics(log, [rec(5)]);
        assert.instance(yield* Effect.flip(appendMetrics(log, [rec(6), rec(4)])), MetricsError);
        const odd = { step: 6, loss: [1] } as unknown as MetricRecord;
        assert.instance(yield* Effect.flip(appendMetrics(log, [odd])), MetricsError);
        yield* appendMetrics(log, [rec(5)]);
      }));
      assert.equal(await run(readMetrics(path)), [rec(5), rec(5)]);
    }),
);

metrics("leaves no part of a line behind when the disk refuses", () =>
  inFolder(async (folder) => {
    const path = `${folder}/m.jsonl`;
    await run(Effect.gen(function* () {
      const log = yield* openMetrics(path);
      yield* appendMetrics(log, [rec(1)]);
      let calls = 0;
      const torn = {
        truncate: (n?: number) => log.file.truncate(n),
        seek: (n: number, from: Deno.SeekMode) => log.file.seek(n, from),
        write: (part: Uint8Array) =>
          calls++ === 0 ? log.file.write(part.subarray(0, 4)) : Promise.reject(new Error("full")),
      } as unknown as Deno.FsFile;
      const error = yield* Effect.flip(appendMetrics({ ...log, file: torn }, [rec(2)]));
      assert.match(error.message, /full/);
      assert.is(Deno.readTextFileSync(path), metricLine(rec(1)));
      yield* appendMetrics(log, [rec(3)]);
    }));
    assert.equal(await run(readMetrics(path)), [rec(1), rec(3)]);
  }));

const directories = suite("run directory");

directories("is made with its manifest and folders, and opened again", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a/run`;
    await run(openOrCreateRun(path, manifest()));
    assert.equal([...Deno.readDirSync(path)].map((e) => e.name).toSorted(), [
      "checkpoints",
      "figures",
      "lock",
      "manifest.json",
      "metrics",
      "predictions",
      "samples",
    ]);
    const after = stageStarted("pretrain", NOW)(manifest());
    await run(Effect.flatMap(openOrCreateRun(path, manifest()), (opened) => {
      assert.equal(opened.manifest, manifest());
      assert.is(metricsPath(opened.directory, "pretrain"), `${path}/metrics/pretrain.jsonl`);
      return writeManifest(opened.directory, after);
    }));
    assert.equal((await run(openOrCreateRun(path, manifest()))).manifest, after);
  }));

directories("resumes the same configuration and refuses another one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/run`;
    await run(openOrCreateRun(path, manifest()));
    const later = { ...manifest(), started: "2026-02-01T00:00:00Z" };
    assert.is((await run(openOrCreateRun(path, later))).manifest.started, NOW);
    const error = await fail(openOrCreateRun(path, manifest({ lr: 0.2 })));
    assert.instance(error, RunError);
    assert.match((error as RunError).message, /configHash.*another directory/);
    assert.instance(
      await fail(openOrCreateRun(path, { ...manifest(), dataHash: hashOf("other") })),
      RunError,
    );
  }));

directories(
  "finds a manifest whose configuration was edited, and one that is damaged",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/run`;
      await run(openOrCreateRun(path, manifest()));
      await run(writeJson(`${path}/manifest.json`, { ...manifest(), config: { lr: 9 } }));
      assert.match((await fail(openOrCreateRun(path, manifest()))).message, /a configuration with hash/);
      await Deno.writeTextFile(`${path}/manifest.json`, '{"format":1,');
      const error = await fail(openOrCreateRun(path, manifest()));
      assert.instance(error, DecodeError);
      assert.match((error as DecodeError).message, /not JSON/);
      assert.match((await fail(readManifest(`${folder}/none`))).message, /no such file/);
    }),
);

directories("keeps the older JSON file when writing fails", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.json`;
    await run(writeJson(path, { a: 1 }));
    const disk = {
      ...denoDisk,
      create: () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })),
    };
    assert.is((await fail(withDisk(disk, writeJson(path, { a: 2 })))).code, "ENOSPC");
    assert.equal(await run(readJson(path, t.type({ a: t.number }))), { a: 1 });
    assert.is(diskError("write", "x", new Deno.errors.NotFound("x")).code, "ENOENT");
  }));

const locks = suite("lock");

locks(
  "keeps a second holder out, names the first, and is free after the scope",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/lock`;
      await run(Effect.gen(function* () {
        yield* acquireLock(path);
        const error = yield* Effect.flip(Effect.scoped(acquireLock(path)));
        assert.instance(error, LockError);
        assert.is((error as LockError).holder!.pid, Deno.pid);
        assert.match(error.message, new RegExp(`process ${Deno.pid} on `));
      }));
      assert.is((await run(acquireLock(path))).takenFrom, undefined);
    }),
);

const holderProcess = async (path: string): Promise<Deno.ChildProcess> => {
  const script = `
    import * as Effect from "effect/Effect";
    import { acquireLock } from "./pipelines/runs/run_lock.ts";
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      yield* acquireLock(${JSON.stringify(path)});
      console.log("held");
      yield* Effect.sleep("60 seconds");
    })));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: new URL("../..", import.meta.url),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
};

locks("holds between processes, and is taken over from a dead one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/lock`;
    const child = await holderProcess(path);
    try {
      const error = await fail(acquireLock(path));
      assert.instance(error, LockError);
      assert.is((error as LockError).holder!.pid, child.pid);
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
    const lock = await run(acquireLock(path));
    assert.is(lock.takenFrom!.pid, child.pid);
  }));

locks(
  "is not fooled by a file that names a living process but is not locked",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/lock`;
      await Deno.writeTextFile(path, JSON.stringify({ pid: Deno.pid, host: "h", since: NOW }));
      assert.is((await run(acquireLock(path))).takenFrom!.host, "h");
      await Deno.writeTextFile(path, "{ cut sho");
      assert.is((await run(acquireLock(path))).takenFrom, undefined);
    }),
);

bridge.run();
hashes.run();
manifests.run();
metrics.run();
directories.run();
locks.run();
