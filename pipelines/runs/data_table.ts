/** Numbers of runs as one table, for programs that read tables; and the table as comma-separated values. */
import * as Effect from "effect/Effect";
import { namesIn } from "../base/disk.ts";
import { endsOf } from "../base/fields.ts";
import type { IndexedRun } from "./index.ts";
import { type MetricRecord, scanMetrics, takeMetrics } from "./metrics.ts";

/** A value; nothing where a row has none. */
export type DataCell = number | string | boolean | undefined;

/** A row: its values by the names of their columns. */
export type DataRow = Readonly<Record<string, DataCell>>;

/** One column. */
export interface DataColumn {
  /** Its name. */
  readonly name: string;
  /** What its values are; whole numbers are `integer`, mixed ones `text`. */
  readonly kind: "integer" | "number" | "text" | "flag";
}

/** A table whose rows are read some at a time. */
export interface DataTable {
  /** The columns. */
  readonly columns: readonly DataColumn[];
  /** Gives all rows, some at a time: `take` is waited for before more are read. */
  readonly rows: (take: (rows: readonly DataRow[]) => Promise<void>) => Promise<void>;
}

type Kinds = Map<string, DataColumn["kind"]>;

const kindOf = (value: number | string | boolean): DataColumn["kind"] =>
  typeof value === "boolean"
    ? "flag"
    : typeof value === "string"
    ? "text"
    : Number.isSafeInteger(value)
    ? "integer"
    : "number";

const addKind = (kinds: Kinds, name: string, kind: DataColumn["kind"]): void => {
  const before = kinds.get(name) ?? kind, numbers = ["integer", "number"];
  const both = numbers.includes(before) && numbers.includes(kind) ? "number" : "text";
  kinds.set(name, before === kind ? kind : both);
};

const addRow = (kinds: Kinds, row: DataRow): void => {
  for (const [name, value] of Object.entries(row)) {
    if (value !== undefined) addKind(kinds, name, kindOf(value));
  }
};

const columnsOf = (kinds: Kinds): readonly DataColumn[] =>
  [...kinds].map(([name, kind]): DataColumn => ({ name, kind }));

/** The value of a row in a column, as the column has it. */
export const cellOf = ({ name, kind }: DataColumn, row: DataRow): DataCell => {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  return value === undefined || kind !== "text" ? value : String(value);
};

/** A table of records that are at hand: a column for every name, in the order in which they appear. */
export const tableOfRecords = (records: readonly DataRow[]): DataTable => {
  const kinds: Kinds = new Map();
  for (const record of records) addRow(kinds, record);
  return { columns: columnsOf(kinds), rows: (take) => take(records) };
};

/** The metrics of a training that can be read. */
export interface StageMetrics {
  /** Name of the training. */
  readonly stage: string;
  /** The file. */
  readonly path: string;
  /** Its whole lines, bytes. */
  readonly bytes: number;
}

/** Metrics of a run, and why some of them cannot be read. */
export interface RunMetrics {
  /** Metrics by training. */
  readonly trainings: readonly StageMetrics[];
  /** Why a file cannot be read, each with its name. */
  readonly faults: readonly string[];
}

/** Metrics of every training of a run, each read once to its end. A file that cannot be read hides no other. */
export const metricsOf = (
  path: string,
  read: (stage: string) => (record: MetricRecord) => void = () => () => {},
): Effect.Effect<RunMetrics> =>
  Effect.gen(function* () {
    const trainings: StageMetrics[] = [], faults: string[] = [];
    const stages = yield* namesIn(`${path}/metrics`, ".jsonl").pipe(
      Effect.catch(({ message }) => {
        faults.push(message);
        return Effect.succeed([]);
      }),
    );
    for (const stage of stages) {
      const file = `${path}/metrics/${stage}.jsonl`;
      yield* scanMetrics(file, read(stage)).pipe(
        Effect.match({
          onSuccess: ({ end }) => void trainings.push({ stage, path: file, bytes: end }),
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
    const all: (StageMetrics & { readonly run: string })[] = [], faults: string[] = [];
    const kinds: Kinds = new Map();
    for (const { path: run } of runs) {
      const seen = new Map<string, Kinds>();
      const { trainings, faults: unread } = yield* metricsOf(run, (stage) => {
        const own: Kinds = new Map();
        seen.set(stage, own);
        return (record) => addRow(own, { run, stage, ...record });
      });
      faults.push(...unread);
      for (const training of trainings) {
        all.push({ run, ...training });
        for (const [name, kind] of seen.get(training.stage)!) addKind(kinds, name, kind);
      }
    }
    const rows: DataTable["rows"] = async (take) => {
      for (const { run, stage, path, bytes } of all) {
        await takeMetrics(path, bytes, (some) => take(some.map((record) => ({ run, stage, ...record }))));
      }
    };
    return { table: { columns: columnsOf(kinds), rows }, faults };
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

/** Writes a table as comma-separated values, names first. */
export const writeCsv = async (
  { columns, rows }: DataTable,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> => {
  const encoder = new TextEncoder();
  const lines = (of: readonly (readonly DataCell[])[]) => write(encoder.encode(csvOfRows(of)));
  await lines([columns.map(({ name }) => name)]);
  await rows((some) => lines(some.map((row) => columns.map((column) => cellOf(column, row)))));
};
