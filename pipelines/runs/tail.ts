/**
 * Metrics files while they grow: only what was added is read. A half-written last line waits for its end, and a file
 * that was cut back, as when a run resumes, is read again from its start.
 */
import * as E from "fp-ts/lib/Either.js";
import { type MetricRecord, parseMetrics } from "./metrics.ts";

/** A metrics file as far as it was read. */
export interface Series {
  /** Its whole lines. */
  readonly records: readonly MetricRecord[];
  /** Lines that are no records. */
  readonly malformed: number;
  /** Bytes up to the end of the last whole line. */
  readonly bytes: number;
  /** The last whole line: while it still stands where it stood, the file was only added to. */
  readonly last: Uint8Array;
}

/** A file of which nothing was read. */
export const noSeries: Series = { records: [], malformed: 0, bytes: 0, last: new Uint8Array() };

const BREAK = 0x0a;

const recordOf = (line: Uint8Array): MetricRecord | undefined => {
  const parsed = parseMetrics(line);
  return E.isRight(parsed) ? parsed.right.records[0] : undefined;
};

/** The series once further bytes were read behind those that it knows. Lines that are no records are counted. */
export const feed = (series: Series, added: Uint8Array): Series => {
  const records: MetricRecord[] = [];
  let from = 0, malformed = 0, last = series.last;
  for (let to = added.indexOf(BREAK); to >= 0; to = added.indexOf(BREAK, from)) {
    last = added.slice(from, to + 1);
    from = to + 1;
    const record = recordOf(last);
    if (record === undefined) malformed++;
    else records.push(record);
  }
  return from === 0 ? series : {
    records: [...series.records, ...records],
    malformed: series.malformed + malformed,
    bytes: series.bytes + from,
    last,
  };
};

const readAt = async (file: Deno.FsFile, from: number, length: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(length);
  await file.seek(from, Deno.SeekMode.Start);
  let at = 0;
  for (let n = 0; at < length && n !== null; at += n ?? 0) {
    n = (await file.read(bytes.subarray(at))) as number;
  }
  return bytes.subarray(0, at);
};

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** Reads what was added to a file since; from its start where it is not the file that it was. */
export const follow = async (path: string, series: Series): Promise<Series> => {
  using file = await Deno.open(path);
  const { size } = await file.stat(), { bytes, last } = series;
  if (size === bytes) {
    if (same(await readAt(file, bytes - last.length, last.length), last)) return series;
  } else if (size > bytes) {
    const read = await readAt(file, bytes - last.length, size - bytes + last.length);
    if (same(read.subarray(0, last.length), last)) return feed(series, read.subarray(last.length));
  }
  return feed(noSeries, await readAt(file, 0, size));
};
