/** Notebook files (nbformat 4): cells, their outputs, and how they are read and written. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { decode, type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { atomicWrite, type DiskError, onDisk } from "../base/disk.ts";

/** Text as files hold it: whole, or cut into lines. */
export type Lines = string | readonly string[];

/** Representations of one value by media type: text, or JSON for types that end in `json`. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** What a cell wrote to a stream. */
export interface StreamOutput {
  /** Discriminates outputs. */
  readonly output_type: "stream";
  /** The stream. */
  readonly name: "stdout" | "stderr";
  /** What was written. */
  readonly text: Lines;
}

/** What a cell displayed, or the value of its last expression. */
export interface DataOutput {
  /** Discriminates outputs. */
  readonly output_type: "display_data" | "execute_result";
  /** The value by media type. */
  readonly data: MimeBundle;
  /** Metadata by media type. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Number of the execution; only of a cell's value. */
  readonly execution_count?: number | null;
}

/** What a cell threw. */
export interface ErrorOutput {
  /** Discriminates outputs. */
  readonly output_type: "error";
  /** Class of the error. */
  readonly ename: string;
  /** Its message. */
  readonly evalue: string;
  /** Lines of its stack. */
  readonly traceback: readonly string[];
}

/** One output of a cell. */
export type Output = StreamOutput | DataOutput | ErrorOutput;

/** One cell. Fields that are not named here are kept as they are. */
export interface Cell {
  /** Kind. */
  readonly cell_type: "code" | "markdown" | "raw";
  /** Its text. */
  readonly source: Lines;
  /** Its metadata; `tags` says which outputs it must have. */
  readonly metadata: Readonly<Record<string, unknown>> & { readonly tags?: readonly string[] };
  /** Outputs of a code cell. */
  readonly outputs?: readonly Output[];
  /** Number of its last execution. */
  readonly execution_count?: number | null;
}

/** A notebook. Fields that are not named here are kept as they are. */
export interface Notebook {
  /** Cells in order. */
  readonly cells: readonly Cell[];
  /** Metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Major version of the format. */
  readonly nbformat: 4;
}

const lines = t.union([t.string, t.readonlyArray(t.string)]);
const record = t.record(t.string, t.unknown);
const count = t.partial({ execution_count: t.union([t.number, t.null]) });

const outputType = t.union([
  t.type({ output_type: t.literal("stream"), name: t.keyof({ stdout: null, stderr: null }), text: lines }),
  t.intersection([
    t.type({
      output_type: t.keyof({ display_data: null, execute_result: null }),
      data: record,
      metadata: record,
    }),
    count,
  ]),
  t.type({
    output_type: t.literal("error"),
    ename: t.string,
    evalue: t.string,
    traceback: t.readonlyArray(t.string),
  }),
]);

const notebookType = t.type({
  cells: t.readonlyArray(t.intersection([
    t.type({
      cell_type: t.keyof({ code: null, markdown: null, raw: null }),
      source: lines,
      metadata: t.intersection([record, t.partial({ tags: t.readonlyArray(t.string) })]),
    }),
    t.partial({ outputs: t.readonlyArray(outputType) }),
    count,
  ])),
  metadata: record,
  nbformat: t.literal(4),
});

/** Codec of {@link Notebook}. */
export const notebookCodec = (): t.Type<Notebook, unknown, unknown> =>
  notebookType as unknown as t.Type<Notebook, unknown, unknown>;

/** Text as one string. */
export const joined = (text: Lines): string => typeof text === "string" ? text : text.join("");

/** The text of a value in one media type; nothing where it has none. */
export const textIn = (data: MimeBundle, type: string): string | undefined => {
  const value = data[type];
  return typeof value === "string" || Array.isArray(value) ? joined(value as Lines) : undefined;
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
    Effect.flatMap(decode(notebookCodec(), path)),
  );

/** A notebook as the text of its file. */
export const notebookText = (notebook: Notebook): string => `${JSON.stringify(notebook, null, 1)}\n`;

/** Writes a notebook, whole or not at all. */
export const writeNotebook = (path: string, notebook: Notebook): Effect.Effect<void, DiskError> =>
  atomicWrite(path, [new TextEncoder().encode(notebookText(notebook))]);
