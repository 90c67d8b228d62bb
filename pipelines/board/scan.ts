/** The runs of a folder: what was found is remembered, and only what changed is read again. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { recordCodec } from "../ablations/summary_types.ts";
import { type Manifest, manifestCodec } from "../runs/manifest.ts";
import { isHeld } from "../runs/run_lock.ts";
import { statusOf } from "../runs/status.ts";
import { follow, noSeries, type Series } from "../runs/tail.ts";
import { nameOf, type RunView } from "./run_view.ts";

interface Remembered {
  readonly stamp: string;
  readonly value: unknown;
}

/** What is remembered between two looks at a folder. */
export interface Memory {
  /** Files of JSON by path. */
  readonly json: Map<string, Remembered>;
  /** Metrics by path, with the stamp of the file when they were read. */
  readonly series: Map<string, { readonly stamp: string; readonly series: Series }>;
}

/** Nothing remembered. */
export const newMemory = (): Memory => ({ json: new Map(), series: new Map() });

const resultType = t.type({ numbers: t.record(t.string, t.number) });

/** How deep below the folder runs are looked for. */
const DEPTH = 3;

// Files come and go while a folder is read; one that is gone, or cannot be read, is not there.
const orNothing = <A>(promise: Promise<A>): Promise<A | undefined> => promise.catch(() => undefined);

const stampOf = ({ mtime, size, ino }: Deno.FileInfo): string => `${mtime?.getTime()} ${size} ${ino}`;

interface Listed {
  readonly name: string;
  readonly folder: boolean;
}

// Links are not followed: what they lead to may lie elsewhere.
const listed = async (folder: string): Promise<readonly Listed[]> => {
  const found: Listed[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.isSymlink && !entry.name.startsWith(".")) {
        found.push({ name: entry.name, folder: entry.isDirectory });
      }
    }
  } catch {
    return []; // gone, or not to be read
  }
  return found.toSorted((a, b) => a.name < b.name ? -1 : 1);
};

const jsonIn = async <A>(
  memory: Memory,
  path: string,
  codec: t.Type<A, unknown, unknown>,
): Promise<A | undefined> => {
  const info = await orNothing(Deno.lstat(path));
  if (info === undefined || !info.isFile) return undefined;
  const stamp = stampOf(info), before = memory.json.get(path);
  if (before?.stamp === stamp) return before.value as A | undefined;
  const text = await orNothing(Deno.readTextFile(path));
  const value = text === undefined ? undefined : decodedFrom(text, codec);
  memory.json.set(path, { stamp, value });
  return value;
};

// Nothing where the text is no JSON, or none of that form.
const decodedFrom = <A>(text: string, codec: t.Type<A, unknown, unknown>): A | undefined => {
  try {
    const decoded = codec.decode(JSON.parse(text));
    return E.isRight(decoded) ? decoded.right : undefined;
  } catch {
    return undefined;
  }
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
  const [metrics, samples] = await Promise.all([listed(`${path}/metrics`), listed(`${path}/samples`)]);
  const order = (name: string): number => manifest.stages.findIndex((stage) => stage.name === name);
  const stages = metrics.filter(({ name }) => name.endsWith(".jsonl")).map(({ name }) => name.slice(0, -6))
    .toSorted((a, b) => order(a) - order(b));
  const series: Record<string, Series> = {};
  for (const stage of stages) series[stage] = await seriesIn(memory, `${path}/metrics/${stage}.jsonl`);
  const timeOf = async (file: string): Promise<number> =>
    (await orNothing(Deno.lstat(file)))?.mtime?.getTime() ?? 0;
  const sheets = await Promise.all(
    samples.filter(({ name }) => name.endsWith(".png")).map(async ({ name }) =>
      [name, await timeOf(`${path}/samples/${name}`)] as const
    ),
  );
  const times = await Promise.all(
    ["manifest.json", ...stages.map((stage) => `metrics/${stage}.jsonl`)].map((file) =>
      timeOf(`${path}/${file}`)
    ),
  );
  const record = await jsonIn(memory, `${path}/record.json`, recordCodec());
  const { numbers: scores = {} } = await jsonIn(memory, `${path}/result.json`, resultType) ?? {};
  return {
    id,
    scores,
    label: manifest.name,
    manifest,
    status: statusOf(manifest, await isHeld(`${path}/lock`)),
    series,
    sheets,
    updated: Math.max(...times),
    ...(record === undefined ? {} : { record }),
  };
};

const found = async (
  root: string,
  id: string,
  depth: number,
  memory: Memory,
): Promise<readonly RunView[]> => {
  const path = id === "" ? root : `${root}/${id}`;
  const manifest = await jsonIn(memory, `${path}/manifest.json`, manifestCodec());
  if (manifest !== undefined && id !== "") return [await viewOf(root, id, manifest, memory)];
  if (depth === 0) return [];
  const inner = (await listed(path)).filter(({ folder }) => folder);
  const views = await Promise.all(
    inner.map(({ name }) => found(root, id === "" ? name : `${id}/${name}`, depth - 1, memory)),
  );
  return views.flat();
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

// The order stands still while runs go on: those that were begun last come first, artefacts of ablations after all
// others.
const inOrder = (runs: readonly RunView[]): readonly RunView[] => {
  const rank = ({ label, manifest }: RunView): number => label === manifest.name ? 0 : 1;
  return runs.toSorted((a, b) =>
    rank(a) - rank(b) || Date.parse(b.manifest.started) - Date.parse(a.manifest.started) ||
    (a.id < b.id ? -1 : 1)
  );
};

/** The runs below a folder, those first that were begun last. Files that are no runs' are passed over. */
export const scanRuns = async (root: string, memory: Memory): Promise<readonly RunView[]> =>
  inOrder(labelled(await found(root, "", DEPTH, memory)));
