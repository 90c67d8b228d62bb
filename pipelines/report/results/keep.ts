/**
 * Small records of ablations, kept with the code: what every number of the results follows from, and no weights.
 *
 *     results/artefacts/<stage>-<key>/   manifest.json and result.json as they were, a share of the metrics' lines;
 *                                        samples/*.json where there is a control set
 *     results/<name>/                    manifest.json, record.json, summary.json; kept.json; figures/*.svg, figures/dark/*.svg;
 *                                        times.json where its arms were timed side by side
 *
 * They have the forms that they have in `runs/`, so that what reads an ablation reads these.
 */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { timeFigure } from "../../ablations/figures.ts";
import { TIMES } from "../../ablations/paired.ts";
import { readAblation, type StoredError, summarise } from "../../ablations/summary.ts";
import { type AblationSummary, summaryCodec } from "../../ablations/summary_types.ts";
import { readJson } from "../../runs/run_directory.ts";
import { differencesChart, scoresChart } from "../study_charts.ts";
import { gainsChart, sizesChart, studiedSizes } from "../study_sizes.ts";
import { darkSvg } from "../../figures/dark.ts";
import type { Figure } from "../../figures/plot.ts";
import { atomicWrite, type DiskError, existing, onDisk } from "../../base/disk.ts";
import { folderOf } from "../../base/paths.ts";
import { readOwnText } from "../../base/own_file.ts";
import { metricLine, type MetricsError, scanMetrics } from "../../runs/metrics.ts";
import { claims } from "./claims.ts";
import type { TypeOf } from "../../base/bridge.ts";

/** Folder of the artefacts of all records. */
export const ARTEFACTS = "artefacts";

/** `kept.json`: what is known alongside the records. */
export interface Kept extends TypeOf<typeof keptCodec> {}

/** @internal */
export const keptCodec = t.strict({
  /** Version of this format. */
  format: t.literal(1),
  /** What a reader should know of how it was run; empty for nothing. */
  note: t.string,
});

/** Maximum number of lines of a training's metrics that are kept. */
const LINES = 12;

/** Whether the line of a number from 0 is kept of so many: the first, the last, and some between, evenly. */
export const isKeptLine = (i: number, count: number): boolean =>
  i % Math.max(1, Math.ceil((count - 1) / (LINES - 1))) === 0 || i === count - 1;

/** The lines of a file that are kept. */
const thinned = (path: string): Effect.Effect<string, DiskError | MetricsError> =>
  Effect.gen(function* () {
    const { count } = yield* scanMetrics(path, () => {}), lines: string[] = [];
    let i = 0;
    yield* scanMetrics(path, (record) => {
      if (isKeptLine(i++, count)) lines.push(metricLine(record));
    });
    return lines.join("");
  });

const written = (path: string, text: string): Effect.Effect<void, DiskError> =>
  Effect.andThen(
    onDisk("make", folderOf(path), () => Deno.mkdir(folderOf(path), { recursive: true })),
    atomicWrite(path, [new TextEncoder().encode(text)]),
  );

const writeCompact = (path: string, value: unknown): Effect.Effect<void, DiskError> =>
  written(path, `${JSON.stringify(value)}\n`);

const parsed = (path: string): Effect.Effect<unknown, DiskError> =>
  onDisk("read", path, async () => JSON.parse(await readOwnText(path)));

const compactCopy = (from: string, to: string): Effect.Effect<void, DiskError> =>
  Effect.flatMap(parsed(from), (value) => writeCompact(to, value));

const deciding: ReadonlySet<string> = new Set(
  claims.flatMap(({ comparisons }) =>
    comparisons.filter(({ decides }) => decides).flatMap(({ terms }) => terms.map(({ score }) => score))
  ),
);

const differs = ({ arms }: AblationSummary, score: string): boolean =>
  new Set(arms.map(({ scores }) => scores[score]!.value)).size > 1;

// by operations, since times of a run are those of whatever else the machine did
const figuresKept = (summary: AblationSummary): Readonly<Record<string, Figure>> => {
  const metrics = summary.metrics.filter(({ name }) => deciding.has(name) && differs(summary, name));
  const names = metrics.map(({ name }) => name);
  if (summary.arms.length === 0 || names.length === 0) return {};
  // points of equal work would be over each other
  const apart = 2 * new Set(summary.arms.map(({ time }) => time.predicted)).size > summary.arms.length;
  return {
    scores: scoresChart(summary, names),
    ...(summary.arms.length > 1 ? { differences: differencesChart(summary, names) } : {}),
    ...(apart
      ? Object.fromEntries(
        metrics.map((metric) => [`work-${metric.name}`, timeFigure(summary, metric, "predicted")]),
      )
      : {}),
  };
};

// what is seen by size, of the family that asks for it
const sizesKept = (
  directory: string,
  summary: AblationSummary,
): Effect.Effect<Readonly<Record<string, Figure>>, StoredError> =>
  summary.family !== "object-size" || summary.arms.length === 0 ? Effect.succeed({}) : Effect.map(
    studiedSizes({ directory, summary }),
    (studied) => ({ sizes: sizesChart(studied), gains: gainsChart(studied) }),
  );

/** What keeping can fail with. */
type KeepError = DiskError | MetricsError | StoredError;

const keepArtefact = (from: string, to: string, stage: string): Effect.Effect<void, KeepError> =>
  Effect.gen(function* () {
    yield* compactCopy(`${from}/manifest.json`, `${to}/manifest.json`);
    yield* compactCopy(`${from}/result.json`, `${to}/result.json`);
    if (yield* existing(`${from}/samples/large-objects.json`)) {
      for (const set of ["evaluate", "large-objects"]) {
        yield* compactCopy(`${from}/samples/${set}.json`, `${to}/samples/${set}.json`);
      }
    }
    const metrics = `metrics/${stage}.jsonl`;
    if (!(yield* existing(`${from}/${metrics}`))) return;
    yield* written(`${to}/${metrics}`, yield* thinned(`${from}/${metrics}`));
  });

/** What is kept of which ablation, and where. */
interface KeepOptions {
  /** Directory of the ablation, finished or not. */
  readonly directory: string;
  /** Folder of all results. */
  readonly folder: string;
  /** Name among them. */
  readonly name: string;
  /** What a reader should know of how it was run; what was said before unless given. */
  readonly note?: string;
}

const noteBefore = (path: string): Effect.Effect<string, KeepError> =>
  Effect.flatMap(
    existing(path),
    (there) => there ? Effect.map(readJson(path, keptCodec), ({ note }) => note) : Effect.succeed(""),
  );

/**
 * Copies what is small of an ablation and of the artefacts that its summary names. The same again changes nothing;
 * of a record that is kept already, in its place, it makes summary and figures again.
 */
export const keepAblation = (
  { directory, folder, name, note }: KeepOptions,
): Effect.Effect<AblationSummary, KeepError> =>
  Effect.gen(function* () {
    const { record, store } = yield* readAblation(directory), to = `${folder}/${name}`;
    const found = yield* summarise(directory);
    for (const { seeds } of found.arms) {
      for (const { origin } of seeds) {
        for (const [stage, { artefact }] of Object.entries(origin)) {
          yield* keepArtefact(`${store}/${artefact}`, `${folder}/${ARTEFACTS}/${artefact}`, stage);
        }
      }
    }
    yield* compactCopy(`${directory}/manifest.json`, `${to}/manifest.json`);
    yield* writeCompact(`${to}/record.json`, {
      ...record,
      store: `../${ARTEFACTS}`,
      command: record.command.replace(/ --store (?:'[^']*'|\S+)/, ""),
    });
    if (yield* existing(`${directory}/${TIMES}`)) {
      yield* compactCopy(`${directory}/${TIMES}`, `${to}/${TIMES}`);
    }
    const said = note ?? (yield* noteBefore(`${to}/kept.json`));
    yield* writeCompact(`${to}/kept.json`, { format: 1, note: said } satisfies Kept);
    const summary = yield* summarise(to);
    yield* writeCompact(`${to}/summary.json`, summaryCodec().encode(summary));
    if (yield* existing(`${to}/figures`)) {
      yield* onDisk("remove", `${to}/figures`, () => Deno.remove(`${to}/figures`, { recursive: true }));
    }
    const figures = { ...figuresKept(summary), ...(yield* sizesKept(to, summary)) };
    for (const [figure, { svg }] of Object.entries(figures)) {
      yield* written(`${to}/figures/${figure}.svg`, svg);
      yield* written(`${to}/figures/dark/${figure}.svg`, darkSvg(svg));
    }
    return summary;
  });
