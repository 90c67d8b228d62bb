/**
 * Metrics files while they grow: only what was added is read, and some of the records are kept, evenly, however long the
 * run. A half-written last line waits for its end, and a file that was cut back, as when a run resumes, is read again
 * from its start.
 */
import * as E from "fp-ts/lib/Either.js";
import { isValidation, linesIn, type MetricRecord, parseMetrics } from "./metrics.ts";
import { bytesAt } from "../base/file_bytes.ts";
import { openOwn } from "../base/own_file.ts";

/** Records of a file, of which some are kept. */
export interface KeptRecords {
  /** Every {@link every}th, and the last. */
  readonly records: readonly MetricRecord[];
  /** Number of the records. */
  readonly count: number;
  /** Distance of the records that are kept; 1 keeps all. */
  readonly every: number;
}

/** A metrics file as far as it was read; its own records are those of steps. */
export interface Series extends KeptRecords {
  /** Its records of validations. */
  readonly validations: KeptRecords;
  /** Lines that are no records. */
  readonly malformed: number;
  /** Bytes up to the end of the last whole line. */
  readonly bytes: number;
  /** The last whole line, at most {@link linesIn} gives of it: while it still is where it stood, the file was only added to. */
  readonly last: Uint8Array;
}

/** A file of which nothing was read. */
export const noSeries: Series = {
  records: [],
  count: 0,
  every: 1,
  validations: { records: [], count: 0, every: 1 },
  malformed: 0,
  bytes: 0,
  last: new Uint8Array(),
};

/** Most records that are kept of a file: charts show fewer. */
export const KEPT_RECORDS = 2048;

const BREAK = 0x0a;

interface Keeping {
  records: MetricRecord[];
  count: number;
  every: number;
}

/** A series that is being read on. */
interface Reading extends Keeping {
  readonly validations: Keeping;
  malformed: number;
  bytes: number;
  last: Uint8Array;
}

const isKept = (index: number, { every }: Pick<Keeping, "every">): boolean => index % every === 0;

// The last record is kept only while it is the last.
const add = (to: Keeping, record: MetricRecord): void => {
  if (to.count > 0 && !isKept(to.count - 1, to)) to.records.pop();
  to.records.push(record);
  to.count++;
  if (to.records.length <= KEPT_RECORDS) return;
  to.every *= 2;
  const last = to.records.at(-1)!;
  to.records = to.records.filter((_, i) => i % 2 === 0);
  if (to.records.at(-1) !== last) to.records.push(last);
};

const readingOf = (series: Series): Reading => {
  const { validations } = series;
  return {
    ...series,
    records: [...series.records],
    validations: { ...validations, records: [...validations.records] },
  };
};

const take = (to: Reading, line: Uint8Array | undefined, end: number): void => {
  to.bytes = end;
  if (line === undefined) {
    to.malformed++;
    to.last = Uint8Array.of(BREAK);
    return;
  }
  to.last = new Uint8Array(line.length + 1);
  to.last.set(line);
  to.last[line.length] = BREAK;
  const parsed = parseMetrics(to.last), record = E.isRight(parsed) ? parsed.right.records[0] : undefined;
  if (record === undefined) to.malformed++;
  else add(isValidation(record) ? to.validations : to, record);
};

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** Reads what was added to a file since; from its start where it is not the file that it was. */
export const follow = async (path: string, series: Series): Promise<Series> => {
  using file = openOwn(path);
  const { size } = await file.stat(), { bytes, last } = series;
  const grown = size >= bytes && same(await bytesAt(file, bytes - last.length, last.length), last);
  if (grown && size === bytes) return series;
  const from = grown ? series : noSeries, to = readingOf(from);
  await linesIn(file, from.bytes, size, (line, end) => take(to, line, end));
  return to.bytes === series.bytes && grown ? series : to;
};
