/** Numbers of runs as one table, for programs that read tables; and the table as comma-separated values. */
import * as Effect from "effect/Effect";
import { type DiskError, namesIn } from "./disk.ts";
import { endsOf } from "./fields.ts";
import type { IndexedRun } from "./index.ts";
import { type MetricRecord, type MetricsError, readMetrics } from "./metrics.ts";

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

/** Metrics of every training of a run, by its name. */
export const metricsOf = (
  path: string,
): Effect.Effect<Readonly<Record<string, readonly MetricRecord[]>>, DiskError | MetricsError> =>
  Effect.gen(function* () {
    const all: Record<string, readonly MetricRecord[]> = {};
    for (const stage of yield* namesIn(`${path}/metrics`, ".jsonl")) {
      all[stage] = yield* readMetrics(`${path}/metrics/${stage}.jsonl`);
    }
    return all;
  });

/** Every step of every training of some runs: `run`, `stage`, `step`, and a column for each metric. */
export const stepsTable = (
  runs: readonly Pick<IndexedRun, "path">[],
): Effect.Effect<DataTable, DiskError | MetricsError> =>
  Effect.gen(function* () {
    const records: Readonly<Record<string, DataCell>>[] = [];
    for (const { path } of runs) {
      for (const [stage, rows] of Object.entries(yield* metricsOf(path))) {
        for (const row of rows) records.push({ run: path, stage, ...row });
      }
    }
    return tableOfRecords(records);
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
