/**
 * Files with one byte changed, every byte in turn: they are read or refused with their place, in bounded time and
 * memory. They are read in a thread that is stopped where reading does not end.
 */
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openPool } from "../../../pipelines/threads/pool.ts";
import type { Damage, Damaged } from "../../support/damage_worker.ts";
import { property } from "../../support/property.ts";
import written from "./parquet_tables.json" with { type: "json" };
import { loadSamples } from "./samples.ts";

const test = suite("one byte changed");
/** Bytes whose changes are tried in one request, and how long it may take however slow the machine is. */
const RANGE = 256, TIMEOUT = "2 minutes";
/** Growth of the process that nothing here explains. */
const MOST_MEMORY = 1.5e9;

interface Target {
  readonly name: string;
  readonly format: string;
  readonly files: Damage["files"];
}

/** Threads that read damaged files. */
const readers = openPool<Damage, Damaged, Error>({
  script: new URL("../../support/damage_worker.ts", import.meta.url),
  size: 2,
  fault: (got) => new Error(got),
});

const inTime = (reading: Effect.Effect<Damaged, Error>, place: string): Effect.Effect<Damaged, Error> =>
  Effect.timeoutOrElse(reading, {
    duration: TIMEOUT,
    orElse: () => Effect.fail(new Error(`reading does not end: ${place}`)),
  });

/** Every byte of every file of some targets, `changes` times. */
const damaged = (name: string, targets: readonly Target[], changes: number): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const ask = yield* readers, before = Deno.memoryUsage().rss;
    const requests = targets.flatMap((target) =>
      target.files.flatMap(({ bytes }, which) =>
        Array.from({ length: Math.ceil(bytes.length / RANGE) }, (_, i) => ({
          target,
          damage: {
            format: target.format,
            files: target.files,
            which,
            damages: { range: [i * RANGE, Math.min(bytes.length, (i + 1) * RANGE)] as const, changes },
          },
        }))
      )
    );
    let read = 0, broken = 0;
    yield* Effect.forEach(
      requests,
      ({ target, damage }) =>
        Effect.gen(function* () {
          const place = `${target.name}, bytes ${damage.damages.range.join(" to ")}`;
          const found = yield* inTime(ask(damage), place);
          assert.equal(found.wrong, [], place);
          read += found.read;
          broken += found.broken;
          const grown = Deno.memoryUsage().rss - before;
          assert.ok(grown < MOST_MEMORY, `${grown} bytes more at ${place}`);
        }),
      { concurrency: 2, discard: true },
    );
    console.log(`\nfuzz ${name}, one byte changed: ${read + broken} files, ${broken} refused as a whole`);
    assert.ok(read > 0 && broken > 0);
  })));

const tables: readonly Target[] = [
  ...written.tables,
  { name: "the damaged one", parquet: Object.values(written.damaged)[0]! },
].map(({ name, parquet }) => ({
  name,
  format: "parquet",
  files: [{ name, bytes: new Uint8Array(Buffer.from(parquet, "base64")) }],
}));
const samples = await loadSamples();
const sampleOf = (format: string): Target => {
  const { files } = samples.find((sample) => sample.format.name === format)!;
  return { name: format, format, files };
};

test("Parquet tables", () => damaged("parquet", tables, 2));

const edit = fc.tuple(fc.nat(4095), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)));
property(
  test,
  "Parquet tables with several bytes changed",
  [
    fc.nat(tables.length - 1),
    fc.array(fc.array(edit, { minLength: 1, maxLength: 6 }), { minLength: 20, maxLength: 20 }),
  ],
  (table, damages) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const { format, files, name } = tables[table]!, ask = yield* readers;
      assert.equal((yield* inTime(ask({ format, files, which: 0, damages }), name)).wrong, []);
    }))),
  { runs: 20, counts: "times 20 files" },
);

test("archives, plain and compressed", () => {
  const plain = sampleOf("webdataset"), [file] = plain.files;
  // what pads the archive to whole records is left away
  const bytes = file!.bytes.slice(0, 4096);
  const squeezed = {
    ...plain,
    name: "tar.gz",
    files: [{ name: "0.tar.gz", bytes: new Uint8Array(gzipSync(file!.bytes)) }],
  };
  return damaged("archives", [{ ...plain, files: [{ name: file!.name, bytes }] }, squeezed], 2);
});

test("lists, sections and lines of JSON, tables and lines of text, pickles", () =>
  damaged(
    "annotations",
    ["llava", "coco-captions", "vqav2", "gqa", "pope", "mme", "mmbench", "textvqa", "refcoco"].map(sampleOf),
    2,
  ));

test.run();
