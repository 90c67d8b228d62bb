/** Notebook files (nbformat 4): cells, their outputs, and how they are read and written. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { decode, type DecodeError, fromEither, parseJson, type TypeOf } from "../../pipelines/base/bridge.ts";
import { atomicWrite, type DiskError, onDisk } from "../../pipelines/base/disk.ts";

/** Text as files hold it: whole, or cut into lines. */
export type Lines = string | readonly string[];

/** Representations of one value by media type: text, or JSON for types that end in `json`. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** What a cell wrote to a stream. */
export interface StreamOutput extends TypeOf<typeof streamOutputCodec> {}

/** What a cell displayed, or the value of its last expression. */
export interface DataOutput extends TypeOf<typeof dataOutputCodec> {}

/** Error of a cell. */
export interface ErrorOutput extends TypeOf<typeof errorOutputCodec> {}

/** One output of a cell. */
export type Output = StreamOutput | DataOutput | ErrorOutput;

/** One cell. Fields that are not named here are kept as they are. */
export interface NotebookCell extends TypeOf<typeof cellCodec> {}

/** A notebook. Fields that are not named here are kept as they are. */
export interface Notebook extends TypeOf<typeof notebookCodec> {}

const lines = t.union([t.string, t.readonlyArray(t.string)]);
const record = t.record(t.string, t.unknown);
const count = t.union([t.number, t.null]);

/** @internal */
export const streamOutputCodec = t.type({
  /** Discriminates outputs. */
  output_type: t.literal("stream"),
  /** The stream. */
  name: t.keyof({ stdout: null, stderr: null }),
  /** The written output. */
  text: lines,
});

/** @internal */
export const dataOutputCodec = t.intersection([
  t.type({
    /** Discriminates outputs. */
    output_type: t.keyof({ display_data: null, execute_result: null }),
    /** The value by media type. */
    data: record,
    /** Metadata by media type. */
    metadata: record,
  }),
  t.partial({
    /** Number of the execution; only of a cell's value. */
    execution_count: count,
  }),
]);

/** @internal */
export const errorOutputCodec = t.type({
  /** Discriminates outputs. */
  output_type: t.literal("error"),
  /** Class of the error. */
  ename: t.string,
  /** Its message. */
  evalue: t.string,
  /** Lines of its stack. */
  traceback: t.readonlyArray(t.string),
});

/** @internal */
export const cellCodec = t.intersection([
  t.type({
    /** Kind. */
    cell_type: t.keyof({ code: null, markdown: null, raw: null }),
    /** Its text. */
    source: lines,
    /** Its metadata; `tags` says which outputs it must have. */
    metadata: t.intersection([record, t.partial({ tags: t.readonlyArray(t.string) })]),
  }),
  t.partial({
    /** Outputs of a code cell. */
    outputs: t.readonlyArray(t.union([streamOutputCodec, dataOutputCodec, errorOutputCodec])),
    /** Number of its last execution. */
    execution_count: count,
  }),
]);

/** @internal */
export const notebookCodec = t.type({
  /** Cells in order. */
  cells: t.readonlyArray(cellCodec),
  /** Metadata. */
  metadata: record,
  /** Major version of the format. */
  nbformat: t.literal(4),
});

/** Text as one string. */
export const wholeText = (text: Lines): string => typeof text === "string" ? text : text.join("");

/** The text of a value in one media type; nothing where it has none. */
export const textIn = (data: MimeBundle, type: string): string | undefined => {
  const value = data[type];
  return typeof value === "string" || Array.isArray(value) ? wholeText(value as Lines) : undefined;
};

/** A notebook as it is committed: without outputs and execution counts. */
export const stripped = (notebook: Notebook): Notebook => ({
  ...notebook,
  cells: notebook.cells.map((cell) =>
    cell.cell_type === "code" ? { ...cell, outputs: [], execution_count: null } : cell
  ),
});

/** Reads a notebook. Fails with DiskError or with a DecodeError that names every field that is wrong. */
export const readNotebook = (path: string): Effect.Effect<Notebook, DiskError | DecodeError> =>
  onDisk("read", path, () => Deno.readTextFile(path)).pipe(
    Effect.flatMap((text) => fromEither(parseJson(path)(text))),
    Effect.flatMap(decode(notebookCodec, path)),
  );

/** A notebook as the text of its file. */
export const notebookText = (notebook: Notebook): string => `${JSON.stringify(notebook, null, 1)}\n`;

/** Writes a notebook, whole or not at all. */
export const writeNotebook = (path: string, notebook: Notebook): Effect.Effect<void, DiskError> =>
  atomicWrite(path, [new TextEncoder().encode(notebookText(notebook))]);
