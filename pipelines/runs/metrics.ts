/** Metrics: JSON lines that only grow, and are cut back to the checkpoint when a run resumes. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { decodeEither, fromEither } from "../bridge.ts";
import { type DiskError, onDisk, openScoped, writeAll } from "./disk.ts";
import { FaultError } from "./fault.ts";

/** One line: the optimiser step it belongs to, and what was measured there. */
export interface MetricRecord {
  /** Optimiser steps done when it was measured, 0 or more; never less than on the line before. */
  readonly step: number;
  /** Named numbers (NaN and infinities too), texts or flags. */
  readonly [name: string]: number | string | boolean;
}

/** A metrics file that cannot be read or added to. */
export class MetricsError extends FaultError<{
  /** Line of the fault, from 1; 0 where it is no line's. */
  readonly line: number;
}> {
  /** Discriminates the error. */
  readonly _tag = "MetricsError";
  /** The class name shown in stack traces. */
  override readonly name = "MetricsError";
}

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

const isStep = (u: unknown): u is number => Number.isSafeInteger(u) && (u as number) >= 0;

const step: t.Type<number, number, unknown> = new t.Type<number, number, unknown>(
  "a whole number, 0 or more",
  isStep,
  (u, context) => isStep(u) ? t.success(u) : t.failure(u, context),
  t.identity,
);

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
  t.type({ step }),
  t.record(t.string, field),
]) as t.Type<MetricRecord, unknown, unknown>;

const wrongLine = (number: number, got: string, expected: string): MetricsError =>
  new MetricsError({
    op: `metrics line ${number}`,
    got,
    expected,
    mend: "restore the file from a copy, or delete the line",
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

/** Reads a metrics file; a partial last line is left out. */
export const readMetrics = (path: string): Effect.Effect<readonly MetricRecord[], DiskError | MetricsError> =>
  Effect.gen(function* () {
    const bytes = yield* onDisk("read", path, () => Deno.readFile(path));
    return (yield* fromEither(parseMetrics(bytes))).records;
  });

/** A metrics file open for adding lines; closed with its scope. */
export interface MetricsLog {
  /** The file. */
  readonly path: string;
  /** The open file. */
  readonly file: Deno.FsFile;
  /** Records that stood in it when it was opened, after cutting. */
  readonly kept: readonly MetricRecord[];
  /** Lines that opening cut off, a partial one included. */
  readonly dropped: number;
  /** Step of the last line and size of the file, bytes. */
  end: { readonly step: number; readonly bytes: number };
}

/** From where a metrics file goes on. */
export interface MetricsStart {
  /** Step of the checkpoint that the run resumes from: later lines are cut off. Without it all whole lines stay. */
  readonly resumeAt?: number;
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
    const file = yield* openScoped(path, { read: true, write: true, create: true });
    const bytes = yield* onDisk("read", path, () => Deno.readFile(path));
    const { records, ends, partial } = yield* fromEither(parseMetrics(bytes));
    const until = start.resumeAt ?? Infinity;
    const kept = records.filter((record) => record.step <= until);
    const length = kept.length === 0 ? 0 : ends[kept.length - 1]!;
    yield* onDisk("cut", path, async () => {
      await file.truncate(length);
      await file.seek(length, Deno.SeekMode.Start);
      await file.sync();
    });
    return {
      path,
      file,
      kept,
      dropped: records.length - kept.length + (partial ? 1 : 0),
      end: { step: kept[kept.length - 1]?.step ?? 0, bytes: length },
    };
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

/** Returns once all added lines are on the disk itself; call it before saving the checkpoint they lead to. */
export const syncMetrics = (log: MetricsLog): Effect.Effect<void, DiskError> =>
  onDisk("sync", log.path, () => log.file.sync());
