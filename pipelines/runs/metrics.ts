/** Metrics: JSON lines that only grow, and are cut back to the checkpoint when a run resumes. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { countCodec } from "../base/codecs.ts";
import { decodeEither } from "../base/bridge.ts";
import { type DiskError, diskError, onDisk, openScoped, writeAll } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { openOwn } from "../base/own_file.ts";

/** One line: the optimiser step it belongs to, and what was measured there. */
export interface MetricRecord {
  /** Optimiser steps done when it was measured, 0 or more; never less than on the line before. */
  readonly step: number;
  /** Named numbers (NaN and infinities too), texts or flags. */
  readonly [name: string]: number | string | boolean;
}

/** Whether a record is of a validation, whose metrics are `validation/<name>` and `scores/<name>`, and of no step. */
export const isValidation = (record: MetricRecord): boolean =>
  Object.keys(record).some((name) => name.startsWith("validation/") || name.startsWith("scores/"));

/** A metrics file that cannot be read or added to. */
export class MetricsError extends TaggedFault("MetricsError")<{
  /** Line of the fault, from 1; 0 where it is no line's. */
  readonly line: number;
}> {}

/** A metrics file, read. */
export interface MetricsText {
  /** The whole lines. */
  readonly records: readonly MetricRecord[];
  /** Bytes up to the end of each record's line. */
  readonly ends: readonly number[];
  /** Whether the file ended within a line, as after a crash; that part is not among the records. */
  readonly partial: boolean;
}

// JSON has no NaN and no infinities; the first NaN of a loss is what one looks for in a metrics file.
const NAMED: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

const isField = (u: unknown): u is number | string | boolean =>
  typeof u === "number" || typeof u === "string" || typeof u === "boolean";

const field: t.Type<number | string | boolean, unknown, unknown> = new t.Type<
  number | string | boolean,
  unknown,
  unknown
>(
  "a number, text or flag",
  isField,
  (u, context) => isField(u) ? t.success(typeof u === "string" ? NAMED[u] ?? u : u) : t.failure(u, context),
  (a) => typeof a === "number" && !Number.isFinite(a) ? String(a) : a,
);

const line: t.Type<MetricRecord, unknown, unknown> = t.intersection([
  t.type({ step: countCodec() }),
  t.record(t.string, field),
]) as t.Type<MetricRecord, unknown, unknown>;

const wrongLine = (number: number, got: string, expected: string): MetricsError =>
  new MetricsError({
    op: `metrics line ${number}`,
    got,
    expected,
    hint: "restore the file from a copy, or delete the line",
    line: number,
  });

const recordOf = (bytes: Uint8Array, number: number): E.Either<MetricsError, MetricRecord> => {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const text = new TextDecoder().decode(bytes);
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    return E.left(wrongLine(number, `text that is not JSON: ${JSON.stringify(shown)}`, "one JSON object"));
  }
  const decoded = decodeEither(line, "metrics")(json);
  return E.isLeft(decoded) ? E.left(wrongLine(number, decoded.left.got, decoded.left.expected)) : decoded;
};

const BREAK = 0x0a;

/**
 * Reads the bytes of a metrics file. A last line without its line break was being written when its process died: it
 * is reported, not read. Any other malformed line, and a step that goes back, is refused by its number.
 */
export const parseMetrics = (bytes: Uint8Array): E.Either<MetricsError, MetricsText> => {
  const records: MetricRecord[] = [];
  const ends: number[] = [];
  let from = 0;
  for (let to = bytes.indexOf(BREAK); to >= 0; to = bytes.indexOf(BREAK, from)) {
    const record = recordOf(bytes.subarray(from, to), records.length + 1);
    if (E.isLeft(record)) return record;
    const before = records[records.length - 1]?.step ?? 0;
    if (record.right.step < before) {
      return E.left(
        wrongLine(records.length + 1, `step ${record.right.step}`, `a step not before ${before}`),
      );
    }
    from = to + 1;
    records.push(record.right);
    ends.push(from);
  }
  return E.right({ records, ends, partial: from < bytes.byteLength });
};

/** The line of a record, with its line break. */
export const metricLine = (record: MetricRecord): string => `${JSON.stringify(line.encode(record))}\n`;

/** Bytes of the longest line of a metrics file. */
export const LINE_BYTES: number = 2 ** 20;

/** Bytes that are read at once. */
const CHUNK = 2 ** 18;

/** Takes a line without its break, and where it ends; nothing in place of one that is too long. */
export type LineReader = (line: Uint8Array | undefined, end: number) => void;

/** Where the whole lines of a file end, and whether more follows them. */
export interface LinesRead {
  /** Bytes up to the end of the last whole line. */
  readonly end: number;
  /** Whether the file ended within a line. */
  readonly partial: boolean;
}

/**
 * Reads the lines between two places of a file one after the other, with little of it in memory; `between` is waited for
 * whenever some were read.
 */
export const linesIn = async (
  file: Deno.FsFile,
  from: number,
  to: number,
  read: LineReader,
  between: () => Promise<void> = async () => {},
): Promise<LinesRead> => {
  const chunk = new Uint8Array(CHUNK);
  let held = new Uint8Array(0), long = false, at = from, end = from;
  await file.seek(from, Deno.SeekMode.Start);
  while (at < to) {
    const n = await file.read(chunk.subarray(0, Math.min(CHUNK, to - at)));
    if (n === null) break;
    const bytes = new Uint8Array(held.length + n);
    bytes.set(held);
    bytes.set(chunk.subarray(0, n), held.length);
    let start = 0;
    for (let stop = bytes.indexOf(BREAK, held.length); stop >= 0; stop = bytes.indexOf(BREAK, start)) {
      end = at + n - (bytes.length - stop - 1);
      read(long || stop - start > LINE_BYTES ? undefined : bytes.subarray(start, stop), end);
      long = false;
      start = stop + 1;
    }
    at += n;
    long ||= bytes.length - start > LINE_BYTES;
    held = long ? new Uint8Array(0) : bytes.slice(start);
    await between();
  }
  return { end, partial: end < at };
};

/** Takes a record, and where its line ends. */
export type RecordReader = (record: MetricRecord, end: number) => void;

/** Facts about a file whose records went by. */
export interface MetricsScan extends LinesRead {
  /** Number of its records. */
  readonly count: number;
}

// Strict: the first line that is no record, or goes back, ends it.
const recordsIn = async (
  file: Deno.FsFile,
  size: number,
  read: RecordReader,
  between?: () => Promise<void>,
): Promise<MetricsScan> => {
  let count = 0, before = 0;
  const lines = await linesIn(file, 0, size, (bytes, end) => {
    const number = count + 1;
    if (bytes === undefined) {
      throw wrongLine(number, "a line without an end", `at most ${LINE_BYTES} bytes`);
    }
    const record = recordOf(bytes, number);
    if (E.isLeft(record)) throw record.left;
    if (record.right.step < before) {
      throw wrongLine(number, `step ${record.right.step}`, `a step not before ${before}`);
    }
    before = record.right.step;
    count++;
    read(record.right, end);
  }, between);
  return { ...lines, count };
};

const scanning = (
  path: string,
  scan: () => Promise<MetricsScan>,
): Effect.Effect<MetricsScan, DiskError | MetricsError> =>
  Effect.tryPromise({
    try: scan,
    catch: (cause) => cause instanceof MetricsError ? cause : diskError("read", path, cause),
  });

/** Reads a metrics file record by record; a partial last line is left out. */
export const scanMetrics = (
  path: string,
  read: RecordReader,
): Effect.Effect<MetricsScan, DiskError | MetricsError> =>
  scanning(path, async () => {
    using file = openOwn(path);
    return await recordsIn(file, (await file.stat()).size, read);
  });

/**
 * Reads the first bytes of a metrics file record by record, some at a time: `take` is waited for before more are read.
 * Rejects with a MetricsError, or what the system says.
 */
export const takeMetrics = async (
  path: string,
  bytes: number,
  take: (records: readonly MetricRecord[]) => Promise<void>,
): Promise<void> => {
  using file = openOwn(path);
  let some: MetricRecord[] = [];
  await recordsIn(file, bytes, (record) => some.push(record), async () => {
    await take(some);
    some = [];
  });
};

/** Reads a metrics file into memory; a partial last line is left out. For files that are known to be small. */
export const readMetrics = (path: string): Effect.Effect<readonly MetricRecord[], DiskError | MetricsError> =>
  Effect.suspend(() => {
    const records: MetricRecord[] = [];
    return Effect.as(scanMetrics(path, (record) => records.push(record)), records);
  });

/** A metrics file open for adding lines; closed with its scope. */
export interface MetricsLog {
  /** The file. */
  readonly path: string;
  /** The open file. */
  readonly file: Deno.FsFile;
  /** Number of records that stood in it when it was opened, after cutting. */
  readonly kept: number;
  /** The last of them. */
  readonly last: MetricRecord | undefined;
  /** Lines that opening cut off, a partial one included. */
  readonly dropped: number;
  /** Step of the last line and size of the file, bytes. */
  end: { readonly step: number; readonly bytes: number };
}

/** From where a metrics file goes on. */
export interface MetricsStart {
  /** Step of the checkpoint that the run resumes from: later lines are cut off. Without it all whole lines stay. */
  readonly resumeAt?: number;
  /** Reads the records that stay. */
  readonly read?: (record: MetricRecord) => void;
}

/**
 * Opens a metrics file for adding lines, making it where there is none.
 * On resume, lines beyond the checkpoint's step and a partial last line are cut off on disk.
 */
export const openMetrics = (
  path: string,
  start: MetricsStart = {},
): Effect.Effect<MetricsLog, DiskError | MetricsError, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* openScoped(path, { write: true }), until = start.resumeAt ?? Infinity;
    const { size } = yield* onDisk("read", path, () => file.stat());
    let kept = 0, last: MetricRecord | undefined, length = 0;
    const { count, partial } = yield* scanning(path, () =>
      recordsIn(file, size, (record, end) => {
        if (record.step > until) return;
        start.read?.(record);
        kept++;
        last = record;
        length = end;
      }));
    yield* onDisk("cut", path, async () => {
      if (length < size) await file.truncate(length);
      await file.seek(length, Deno.SeekMode.Start);
      await file.sync();
    });
    const dropped = count - kept + (partial ? 1 : 0);
    return { path, file, kept, last, dropped, end: { step: last?.step ?? 0, bytes: length } };
  });

/** Adds records in one write; steps must not go back. When the disk refuses, no part of them stays in the file. */
export const appendMetrics = (
  log: MetricsLog,
  records: readonly MetricRecord[],
): Effect.Effect<void, DiskError | MetricsError> =>
  Effect.suspend((): Effect.Effect<void, DiskError | MetricsError> => {
    let last = log.end.step;
    for (const record of records) {
      const decoded = decodeEither(line, "metrics")(record);
      const fault = E.isLeft(decoded)
        ? wrongLine(0, decoded.left.got, decoded.left.expected)
        : record.step < last
        ? wrongLine(0, `step ${record.step}`, `a step not before ${last}`)
        : undefined;
      if (fault !== undefined) return Effect.fail(fault);
      last = record.step;
    }
    const bytes = new TextEncoder().encode(records.map(metricLine).join(""));
    const cutBack = async (cause: unknown): Promise<never> => {
      await log.file.truncate(log.end.bytes);
      await log.file.seek(log.end.bytes, Deno.SeekMode.Start);
      throw cause;
    };
    return onDisk("append to", log.path, () => writeAll(log.file, bytes).catch(cutBack)).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          log.end = { step: last, bytes: log.end.bytes + bytes.byteLength };
        })
      ),
      Effect.uninterruptible,
    );
  });

/** Adds the records of another metrics file up to a step, as they are; `read` reads them. */
export const copyMetrics = (
  log: MetricsLog,
  from: string,
  step: number,
  read: (record: MetricRecord) => void,
): Effect.Effect<void, DiskError | MetricsError> =>
  Effect.gen(function* () {
    let length = 0, last = log.end.step;
    yield* scanMetrics(from, (record, end) => {
      if (record.step > step) return;
      read(record);
      length = end;
      last = record.step;
    });
    yield* onDisk("append to", log.path, async () => {
      using file = openOwn(from);
      const chunk = new Uint8Array(CHUNK);
      for (let at = 0; at < length;) {
        const n = await file.read(chunk.subarray(0, Math.min(CHUNK, length - at)));
        if (n === null) throw new Error(`${from} was cut while it was read`);
        await writeAll(log.file, chunk.subarray(0, n));
        at += n;
      }
    });
    log.end = { step: last, bytes: log.end.bytes + length };
  });

/** Returns once all added lines are on the disk itself; call it before saving the checkpoint they lead to. */
export const syncMetrics = (log: MetricsLog): Effect.Effect<void, DiskError> =>
  onDisk("sync", log.path, () => log.file.sync());
