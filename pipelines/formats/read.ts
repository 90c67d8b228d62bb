/** Reading annotation files: a stream of verdicts, one for every entry, and the report of what became of them. */
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { BenchmarkRecord } from "../records/records.ts";
import { type DiskError, diskError } from "../base/disk.ts";
import {
  brokenFile,
  type Entry,
  errorOf,
  type Format,
  FormatError,
  type Place,
  refusalText,
  type Verdict,
} from "./format.ts";
import { field, leftOut, refused } from "./machine.ts";
import { type FileSource, fileSource } from "./source.ts";
import type { TrainingRecord } from "./training.ts";

/** Any record that a format gives. */
export type AnyRecord = BenchmarkRecord | TrainingRecord;

/** What happens at an entry that is not of the format: reading stops with its error, or goes on and counts it. */
export type Policy = "stop" | "skip";

/** How files are read. */
export interface ReadOptions {
  /** `stop` if absent. */
  readonly policy?: Policy;
  /** Entries that the file puts in other splits are left out, and counted. All splits if absent. */
  readonly split?: string;
}

/** Result of the entries of some files. */
export interface ReadReport {
  /** Entries in the files: always `taken + refused +` the sum of `leftOut`. */
  readonly entries: number;
  /** Entries that were used. */
  readonly taken: number;
  /** Entries that were refused. */
  readonly refused: number;
  /** Entries left out, by rule. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Records that came out. */
  readonly records: number;
  /** Refused fields with how often, indices in paths written `*`. */
  readonly fields: Readonly<Record<string, number>>;
  /** The first refusals in words. */
  readonly refusals: readonly string[];
}

/** The report of nothing. */
export const emptyReport: ReadReport = {
  entries: 0,
  taken: 0,
  refused: 0,
  leftOut: {},
  records: 0,
  fields: {},
  refusals: [],
};

/** Refusals that a report keeps in words. */
const KEPT = 20;

/** Fields and rules that a report counts apart, and the name under which it counts all others. */
const COUNTED = 100, OTHERS = "(others)";

const plus = (counts: Readonly<Record<string, number>>, name: string): Readonly<Record<string, number>> => {
  const key = Object.hasOwn(counts, name) || Object.keys(counts).length < COUNTED ? name : OTHERS;
  return { ...counts, [key]: (Object.hasOwn(counts, key) ? counts[key]! : 0) + 1 };
};

const general = (path: string): string => path.replace(/(^|\.)\d+(?=\.|$)/g, "$1*");

/** A report with one more verdict. */
export const addVerdict = (report: ReadReport, verdict: Verdict<unknown>): ReadReport => {
  const entries = report.entries + 1;
  switch (verdict.verdict) {
    case "taken":
      return {
        ...report,
        entries,
        taken: report.taken + 1,
        records: report.records + verdict.records.length,
      };
    case "left out":
      return { ...report, entries, leftOut: plus(report.leftOut, verdict.reason) };
    case "refused":
      return {
        ...report,
        entries,
        refused: report.refused + 1,
        fields: verdict.fields.reduce((counts, f) => plus(counts, general(f.path)), report.fields),
        refusals: report.refusals.length < KEPT
          ? [...report.refusals, refusalText(verdict)]
          : report.refusals,
      };
  }
};

interface OpenFile {
  readonly entries: AsyncIterator<readonly Entry[]>;
  batch: readonly Entry[];
  at: number;
}

const nextOf = async (file: OpenFile): Promise<Entry | undefined> => {
  while (file.at >= file.batch.length) {
    const { value, done } = await file.entries.next();
    if (done === true) return undefined;
    [file.batch, file.at] = [value, 0];
  }
  return file.batch[file.at++];
};

async function* entriesOf(
  format: Format<unknown>,
  sources: readonly FileSource[],
  role: string,
): AsyncGenerator<readonly Entry[]> {
  for (const source of sources) yield* format.open(source, role);
}

/** The role of each file, or the error of their number. */
const rolesOf = (format: Format<unknown>, count: number): readonly string[] | FormatError => {
  const { files } = format, last = files.at(-1)!;
  const least = files.filter((f) => f.optional !== true).length;
  if (count < least || (count > files.length && last.many !== true)) {
    const names = files.map((f) => (f.optional === true ? `[${f.name}]` : f.name) + (f.many ? " ..." : ""));
    return brokenFile(format.name, `${count} files`, `${names.join(", ")}`, "give the files in this order");
  }
  return Array.from({ length: count }, (_, i) => (files[i] ?? last).name);
};

/** Judges what the format has taken: ids must be new, and of the split asked for. */
const judge = <R extends AnyRecord>(format: Format<R>, split: string | undefined) => {
  const seen = new Set<string>();
  return (verdict: Verdict<R>): Verdict<R> => {
    if (verdict.verdict !== "taken") return verdict;
    if (split !== undefined && verdict.split !== undefined && verdict.split !== split) {
      return leftOut(verdict.place, `split ${verdict.split}`);
    }
    if (!format.unique) return verdict;
    const keys = verdict.records.map((r) => `${"part" in r ? r.part ?? "" : ""}\n${r.id}`);
    const twice = keys.findIndex((key, i) => seen.has(key) || keys.indexOf(key) !== i);
    if (twice >= 0) {
      return refused(verdict.place, field("(id)", verdict.records[twice]!.id, "an id that is only once"));
    }
    keys.forEach((key) => seen.add(key));
    return verdict;
  };
};

/** Entries whose verdicts are handed on together. */
const BATCH = 256;

/**
 * The verdicts of files at hand, in order and some at a time. Files with different roles are read side by side, an entry
 * of each in turn, so that pairs in the same order are never kept waiting. Throws the `FormatError` that ends reading.
 */
export async function* verdictsOf<R extends AnyRecord>(
  format: Format<R>,
  sources: readonly FileSource[],
  { policy = "stop", split }: ReadOptions = {},
): AsyncGenerator<readonly Verdict<R>[]> {
  const roles = rolesOf(format, sources.length);
  if (roles instanceof FormatError) throw roles;
  const machine = format.machine(roles), finish = judge(format, split);
  const files = [...new Set(roles)].map((role): OpenFile => ({
    entries: entriesOf(format, sources.filter((_, i) => roles[i] === role), role),
    batch: [],
    at: 0,
  }));
  const handed = (verdicts: readonly Verdict<R>[]): readonly Verdict<R>[] => {
    const out = verdicts.map(finish);
    const bad = policy === "stop" ? out.findIndex((v) => v.verdict === "refused") : -1;
    return bad < 0 ? out : out.slice(0, bad + 1);
  };
  const stops = (verdicts: readonly Verdict<R>[]): FormatError | undefined => {
    const last = verdicts.at(-1);
    return policy === "stop" && last?.verdict === "refused" ? errorOf(format.name, last) : undefined;
  };
  let live = files, given: Verdict<R>[] = [];
  try {
    while (live.length > 0) {
      const ended: OpenFile[] = [];
      for (const file of live) {
        const entry = await nextOf(file);
        if (entry === undefined) {
          ended.push(file);
          continue;
        }
        const verdicts = handed(machine.take(entry)), error = stops(verdicts);
        given.push(...verdicts);
        if (error === undefined && given.length < BATCH) continue;
        yield error === undefined ? given : given.slice(0, -1);
        if (error !== undefined) throw error;
        given = [];
      }
      if (ended.length > 0) live = live.filter((file) => !ended.includes(file));
    }
    const verdicts = handed(machine.end()), error = stops(verdicts);
    given = given.concat(verdicts);
    yield error === undefined ? given : given.slice(0, -1);
    if (error !== undefined) throw error;
  } catch (cause) {
    // what was read before the file broke is handed on first
    if (cause instanceof FormatError && cause.record === "(file)" && given.length > 0) yield given;
    throw cause;
  } finally {
    for (const file of files) await file.entries.return?.();
  }
}

/**
 * Reads annotation files as a stream of verdicts. With the policy `stop` it fails at the first refused entry; with `skip`
 * refused entries are verdicts of the stream. A file whose own structure breaks fails the stream with either.
 */
export const readFormat = <R extends AnyRecord>(
  format: Format<R>,
  paths: readonly string[],
  options: ReadOptions = {},
): Stream.Stream<Verdict<R>, FormatError | DiskError> =>
  Stream.unwrap(
    Effect.map(
      Effect.forEach(paths, (path) =>
        Effect.tryPromise({
          try: () => fileSource(path),
          catch: (cause) => diskError("open", path, cause),
        })),
      (sources) =>
        Stream.fromAsyncIterable(
          verdictsOf(format, sources, options),
          (cause) => cause instanceof FormatError ? cause : diskError("read", paths.join(", "), cause),
        ).pipe(Stream.flatMap((some) => Stream.fromIterable(some))),
    ),
  );

/** The records of a stream of verdicts, with what belongs to each. */
export const recordsOf = <R>(
  verdict: Verdict<R>,
): readonly { readonly record: R; readonly place: Place; readonly imageBytes?: Uint8Array }[] =>
  verdict.verdict !== "taken" ? [] : verdict.records.map((record) => ({
    record,
    place: verdict.place,
    ...(verdict.imageBytes === undefined ? {} : { imageBytes: verdict.imageBytes }),
  }));
