/** The runs of a folder: what was found is remembered, and only what changed is read again. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { recordCodec } from "../engine/ablation_record.ts";
import { decodeEither, parseJson } from "../base/bridge.ts";
import { type Manifest, manifestCodec } from "../runs/manifest.ts";
import { readOwnText } from "../base/own_file.ts";
import { isArtefact, scoresOfResult, scoresOfSummary } from "../runs/run_scores.ts";
import { isHeld } from "../runs/run_lock.ts";
import { statusOf } from "../runs/status.ts";
import { follow, noSeries, type Series } from "../runs/tail.ts";
import { nameOf, type RunView } from "./run_view.ts";

/** Contents of a file of JSON, or why that is not known; neither where there is no file. */
interface FileRead {
  readonly value?: unknown;
  readonly reason?: string;
}

/** What is remembered between two looks at a folder. */
export interface Memory {
  /** Files of JSON by path, with the stamp of the file when they were read. */
  readonly json: Map<string, FileRead & { readonly stamp: string }>;
  /** Metrics by path. */
  readonly series: Map<string, { readonly stamp: string; readonly series: Series }>;
}

/** A folder that looks like a run's and cannot be read. */
export interface RunFault {
  /** Its path below the folder of the runs. */
  readonly id: string;
  /** Why. */
  readonly reason: string;
}

/** Contents of a folder. */
export interface Scan {
  /** The runs, those first that were begun last. */
  readonly runs: readonly RunView[];
  /** What cannot be read, by path. */
  readonly faults: readonly RunFault[];
}

/** Nothing remembered. */
export const newMemory = (): Memory => ({ json: new Map(), series: new Map() });

/** How deep below the folder runs are looked for. */
const DEPTH = 3;

// Files come and go while a folder is read; one that is gone, or cannot be read, is not there.
const orNothing = <A>(promise: Promise<A>): Promise<A | undefined> => promise.catch(() => undefined);

const stampOf = ({ mtime, size, ino }: Deno.FileInfo): string => `${mtime?.getTime()} ${size} ${ino}`;

interface Listed {
  readonly name: string;
  readonly folder: boolean;
}

// Links are not followed: what they lead to may be elsewhere.
const listed = async (folder: string): Promise<readonly Listed[]> => {
  const found: Listed[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isSymlink && !entry.name.startsWith(".")) {
      found.push({ name: entry.name, folder: entry.isDirectory });
    }
  }
  return found.toSorted((a, b) => a.name < b.name ? -1 : 1);
};

const namesIn = async (folder: string, ending: string): Promise<readonly string[]> =>
  (await orNothing(listed(folder)) ?? []).filter((one) => !one.folder && one.name.endsWith(ending))
    .map(({ name }) => name.slice(0, -ending.length));

const jsonIn = async <A>(
  memory: Memory,
  path: string,
  codec: t.Type<A, unknown, unknown>,
): Promise<{ readonly value?: A; readonly reason?: string }> => {
  const info = await orNothing(Deno.lstat(path));
  if (info === undefined) return {};
  const stamp = stampOf(info), before = memory.json.get(path);
  if (before?.stamp === stamp) return before as FileRead & { readonly value?: A };
  const read = await readOwnText(path).then((text) => decodedFrom(path, text, codec), (cause) => ({
    reason: cause instanceof Error ? cause.message : String(cause),
  }));
  memory.json.set(path, { stamp, ...read });
  return read;
};

const decodedFrom = <A>(path: string, text: string, codec: t.Type<A, unknown, unknown>): FileRead & {
  readonly value?: A;
} => {
  const decoded = E.flatMap(decodeEither(codec, path))(parseJson(path)(text));
  return E.isRight(decoded) ? { value: decoded.right } : { reason: decoded.left.message };
};

const seriesIn = async (memory: Memory, path: string): Promise<Series> => {
  const info = await orNothing(Deno.lstat(path)), before = memory.series.get(path);
  if (info === undefined || !info.isFile) return noSeries;
  const stamp = stampOf(info);
  if (before?.stamp === stamp) return before.series;
  const series = await orNothing(follow(path, before?.series ?? noSeries)) ?? noSeries;
  memory.series.set(path, { stamp, series });
  return series;
};

const viewOf = async (
  root: string,
  id: string,
  manifest: Manifest,
  memory: Memory,
): Promise<RunView> => {
  const path = `${root}/${id}`;
  const [metrics, samples] = await Promise.all([
    namesIn(`${path}/metrics`, ".jsonl"),
    namesIn(`${path}/samples`, ".png"),
  ]);
  const order = (name: string): number => manifest.stages.findIndex((stage) => stage.name === name);
  const stages = metrics.toSorted((a, b) => order(a) - order(b));
  const series: (readonly [string, Series])[] = [];
  for (const stage of stages) {
    series.push([stage, await seriesIn(memory, `${path}/metrics/${stage}.jsonl`)]);
  }
  const timeOf = async (file: string): Promise<number> =>
    (await orNothing(Deno.lstat(file)))?.mtime?.getTime() ?? 0;
  const sheets = await Promise.all(
    samples.map(async (name) => [`${name}.png`, await timeOf(`${path}/samples/${name}.png`)] as const),
  );
  const times = await Promise.all(
    ["manifest.json", ...stages.map((stage) => `metrics/${stage}.jsonl`)].map((file) =>
      timeOf(`${path}/${file}`)
    ),
  );
  const { value: record } = await jsonIn(memory, `${path}/record.json`, recordCodec());
  const { value: result } = await jsonIn(memory, `${path}/result.json`, t.unknown);
  const scores = result === undefined
    ? scoresOfSummary((await jsonIn(memory, `${path}/summary.json`, t.unknown)).value)
    : scoresOfResult(result);
  return {
    id,
    ...scores,
    label: nameOf(id),
    manifest,
    status: statusOf(manifest, await isHeld(`${path}/lock`)),
    series: Object.fromEntries(series),
    sheets,
    updated: Math.max(...times),
    ...(record === undefined ? {} : { record }),
  };
};

const nothing: Scan = { runs: [], faults: [] };

const faultOf = (id: string, reason: unknown): Scan => ({
  runs: [],
  faults: [{ id, reason: reason instanceof Error ? reason.message : String(reason) }],
});

const found = async (root: string, id: string, depth: number, memory: Memory): Promise<Scan> => {
  const path = id === "" ? root : `${root}/${id}`;
  const manifest = await jsonIn(memory, `${path}/manifest.json`, manifestCodec);
  if (manifest.reason !== undefined) return faultOf(id, manifest.reason);
  if (manifest.value !== undefined && id !== "") {
    return await viewOf(root, id, manifest.value, memory).then(
      (run) => ({ runs: [run], faults: [] }),
      (cause) => faultOf(id, cause),
    );
  }
  if (depth === 0) return nothing;
  const inner = await listed(path).catch((cause: unknown) => cause);
  // a folder that is gone again is none
  if (!Array.isArray(inner)) return inner instanceof Deno.errors.NotFound ? nothing : faultOf(id, inner);
  const scans = await Promise.all(
    (inner as readonly Listed[]).filter(({ folder }) => folder)
      .map(({ name }) => found(root, id === "" ? name : `${id}/${name}`, depth - 1, memory)),
  );
  return { runs: scans.flatMap(({ runs }) => runs), faults: scans.flatMap(({ faults }) => faults) };
};

// An artefact says what it is made from by a hash; the ablation that wanted it has words for it.
const labelled = (runs: readonly RunView[]): readonly RunView[] => {
  const labels = new Map(
    runs.flatMap((run) => run.record?.jobs.map(({ artefact, label }) => [artefact, label] as const) ?? []),
  );
  return runs.map((run) => {
    const label = labels.get(nameOf(run.id));
    return label === undefined ? run : { ...run, label };
  });
};

// The order stalls while runs go on: those that were begun last come first, artefacts of ablations after all
// others.
const inOrder = (runs: readonly RunView[]): readonly RunView[] => {
  const rank = ({ id }: RunView): number => isArtefact(id) ? 1 : 0;
  return runs.toSorted((a, b) =>
    rank(a) - rank(b) || Date.parse(b.manifest.started) - Date.parse(a.manifest.started) ||
    (a.id < b.id ? -1 : 1)
  );
};

/** Contents of a folder. Files that are no runs' are passed over; a run that cannot be read hides no other. */
export const scanRuns = async (root: string, memory: Memory): Promise<Scan> => {
  const { runs, faults } = await found(root, "", DEPTH, memory);
  return { runs: inOrder(labelled(runs)), faults };
};
