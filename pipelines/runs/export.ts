/** Runs for other programs: tables as CSV and Parquet, trainings as TensorBoard event files. */
import * as Effect from "effect/Effect";
import { resolve } from "node:path";
import { metricsOf, runsTable, stepsTable, writeCsv } from "./data_table.ts";
import { atomicStream, type DiskError, onDisk } from "../base/disk.ts";
import type { IndexedRun } from "./index.ts";
import { takeMetrics } from "./metrics.ts";
import { writeParquet } from "./parquet.ts";
import { eventFileName, eventWriter } from "./tensorboard.ts";

/** Formats of exports. */
export type ExportFormat = "csv" | "parquet" | "tensorboard";

/** Every format. */
export const exportFormats: readonly ExportFormat[] = ["csv", "parquet", "tensorboard"];

/** Output of an export. */
export interface Exported {
  /** The files. */
  readonly files: readonly string[];
  /** Why metrics of some trainings are not in them. */
  readonly faults: readonly string[];
}

const folder = (path: string): Effect.Effect<void, DiskError> =>
  onDisk("make", path, () => Deno.mkdir(path, { recursive: true }));

/** Writes a file whole or not at all, by a function that adds to it. */
const written = (
  path: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Effect.Effect<void, DiskError> =>
  atomicStream(
    path,
    ({ append }) => onDisk("write", path, () => fill((bytes) => Effect.runPromise(append(bytes)))),
  );

/** Paths of runs from the folder that holds all of them, so that runs of one name in different folders stay apart. */
const namesOf = (runs: readonly IndexedRun[]): readonly string[] => {
  const paths = runs.map(({ path }) => resolve(path).split("/"));
  const most = Math.min(...paths.map(({ length }) => length - 1));
  let shared = 0;
  while (shared < most && paths.every((path) => path[shared] === paths[0]![shared])) shared++;
  return paths.map((path) => path.slice(shared).join("/"));
};

const tensorboard = (
  runs: readonly IndexedRun[],
  out: string,
): Effect.Effect<Exported, DiskError> =>
  Effect.gen(function* () {
    const files: string[] = [], faults: string[] = [], names = namesOf(runs);
    for (const [i, { path, manifest }] of runs.entries()) {
      const began = Date.parse(manifest.started) / 1000,
        { trainings, faults: unread } = yield* metricsOf(path);
      faults.push(...unread);
      for (const training of trainings) {
        const place = `${out}/${names[i]}/${training.stage}`, file = `${place}/${eventFileName(began)}`;
        yield* folder(place);
        yield* written(file, async (write) => {
          const { start, events } = eventWriter(began);
          await write(start);
          await takeMetrics(training.path, training.bytes, (records) => write(events(records)));
        });
        files.push(file);
      }
    }
    return { files, faults };
  });

/**
 * Writes runs to a folder and gives the files, and why some of their metrics are not among them: `runs.csv` and `steps.csv`, the same as `.parquet`, or for TensorBoard a
 * folder `<run>/<training>` each.
 */
export const exportRuns = (
  runs: readonly IndexedRun[],
  format: ExportFormat,
  out: string,
): Effect.Effect<Exported, DiskError> =>
  Effect.gen(function* () {
    if (format === "tensorboard") return yield* tensorboard(runs, out);
    yield* folder(out);
    const { table: steps, faults } = yield* stepsTable(runs);
    const tables = { runs: runsTable(runs), steps }, files: string[] = [];
    for (const [name, table] of Object.entries(tables)) {
      const file = `${out}/${name}.${format}`;
      yield* written(file, (write) => (format === "csv" ? writeCsv : writeParquet)(table, write));
      files.push(file);
    }
    return { files, faults };
  });
