/** Numbers of runs as one table, for programs that read tables; and the table as comma-separated values. */
import * as Effect from "effect/Effect";
import { namesIn } from "../base/disk.ts";
import { endsOf } from "../base/fields.ts";
import type { IndexedRun } from "./index.ts";
import { type MetricRecord, readMetrics } from "./metrics.ts";

/** A value; nothing where a row has none. */
export type DataCell = number | string | boolean | undefined;

/** One column. */
export interface DataColumn {
  /** Its name. */
  readonly name: string;
  /** What its values are; whole numbers are `integer`. */
  readonly kind: "integer" | "number" | "text" | "flag";
  /** A value for each row. */
  readonly values: readonly DataCell[];
}

/** Columns of equal length. */
export interface DataTable {
  /** The columns. */
  readonly columns: readonly DataColumn[];
  /** Number of rows. */
  readonly rows: number;
}

const kindOf = (values: readonly DataCell[]): DataColumn["kind"] => {
  const there = values.filter((v) => v !== undefined);
  if (there.every((v) => typeof v === "boolean")) return "flag";
  if (!there.every((v) => typeof v === "number")) return "text";
  return there.every((v) => Number.isSafeInteger(v)) ? "integer" : "number";
};

/** A table from records: a column for every name, in the order in which they appear; mixed columns become text. */
export const tableOfRecords = (records: readonly Readonly<Record<string, DataCell>>[]): DataTable => {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const columns = names.map((name): DataColumn => {
    const values = records.map((record) => Object.hasOwn(record, name) ? record[name] : undefined);
    const kind = kindOf(values);
    const texts = (): readonly DataCell[] => values.map((v) => v === undefined ? undefined : String(v));
    return { name, kind, values: kind === "text" ? texts() : values };
  });
  return { columns, rows: records.length };
};

/** Metrics of a training by its name, and why those of others cannot be read. */
export interface RunMetrics {
  /** Metrics by training. */
  readonly trainings: readonly (readonly [stage: string, records: readonly MetricRecord[]])[];
  /** Why a file cannot be read, each with its name. */
  readonly faults: readonly string[];
}

/** Metrics of every training of a run. A file that cannot be read hides no other. */
export const metricsOf = (path: string): Effect.Effect<RunMetrics> =>
  Effect.gen(function* () {
    const trainings: (readonly [string, readonly MetricRecord[]])[] = [], faults: string[] = [];
    const stages = yield* namesIn(`${path}/metrics`, ".jsonl").pipe(
      Effect.catch(({ message }) => {
        faults.push(message);
        return Effect.succeed([]);
      }),
    );
    for (const stage of stages) {
      const file = `${path}/metrics/${stage}.jsonl`;
      yield* readMetrics(file).pipe(
        Effect.match({
          onSuccess: (records) => void trainings.push([stage, records]),
          onFailure: ({ message }) => void faults.push(`${file}: ${message}`),
        }),
      );
    }
    return { trainings, faults };
  });

/** Every step of every training of some runs: `run`, `stage`, `step`, and a column for each metric. */
export const stepsTable = (
  runs: readonly Pick<IndexedRun, "path">[],
): Effect.Effect<{ readonly table: DataTable; readonly faults: readonly string[] }> =>
  Effect.gen(function* () {
    const records: Readonly<Record<string, DataCell>>[] = [], faults: string[] = [];
    for (const { path } of runs) {
      const { trainings, faults: unread } = yield* metricsOf(path);
      faults.push(...unread);
      for (const [stage, rows] of trainings) {
        for (const row of rows) records.push({ run: path, stage, ...row });
      }
    }
    return { table: tableOfRecords(records), faults };
  });

const cellsOf = (value: unknown, path: string): Readonly<Record<string, DataCell>> =>
  Object.fromEntries(
    endsOf(value, path).flatMap(([at, end]) =>
      end === undefined || typeof end === "object" ? [] : [[at, end as DataCell] as const]
    ),
  );

/** One row a run: what it is, every field of its configuration as `config.<path>`, and what it scored as `scores.<name>`. */
export const runsTable = (runs: readonly IndexedRun[]): DataTable =>
  tableOfRecords(runs.map(({ path, manifest, status, scores }) => ({
    run: path,
    name: manifest.name,
    status,
    device: manifest.device,
    codeVersion: manifest.codeVersion,
    configHash: manifest.configHash,
    dataHash: manifest.dataHash,
    started: manifest.started,
    ...cellsOf(manifest.config, "config"),
    ...cellsOf(scores, "scores"),
  })));

const cell = (value: DataCell): string => {
  const text = value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Rows as comma-separated values (RFC 4180); numbers in full, so that reading them back gives the same. */
export const csvOfRows = (rows: readonly (readonly DataCell[])[]): string =>
  rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

/** A table as comma-separated values, names first. */
export const csvText = ({ columns, rows }: DataTable): string =>
  csvOfRows([
    columns.map(({ name }) => name),
    ...Array.from({ length: rows }, (_, i) => columns.map(({ values }) => values[i])),
  ]);
