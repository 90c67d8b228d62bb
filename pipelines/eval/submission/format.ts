/** What a format of result files is, and those that are lists of objects with an id and an answer, as a JSON list or one object a line. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type { Answered, BenchmarkRecord, Prediction } from "../../records/records.ts";
import { EvalError, listed } from "../error.ts";

/** Result files by name. */
export type ResultFiles = Readonly<Record<string, string>>;

/**
 * Reads result files back; questions are needed where a format does not have their ids.
 * @internal
 */
export type ParseResults = (
  files: ResultFiles,
  records: readonly BenchmarkRecord[],
) => E.Either<EvalError, readonly Prediction[]>;

/** A format of result files. */
export interface SubmissionFormat {
  /** Its name. */
  readonly name: string;
  /** The files of some answers. */
  readonly encode: (answered: readonly Answered[]) => ResultFiles;
  /** The answers of such files; `parse(encode(x), questions)` has the answers of `x`. */
  readonly parse: ParseResults;
}

/** A fault of a result file. `where` are the lines, entries or ids at fault. */
export const badFile = (
  file: string,
  got: string,
  expected: string,
  where: readonly string[] = [],
): EvalError =>
  new EvalError({
    op: `result file ${file}`,
    got: where.length === 0 ? got : `${got}: ${listed(where)}`,
    expected,
    hint: "write the file again, or name the format that it has",
    ids: where,
  });

/** The only file of a format that has one. */
export const onlyFile = (files: ResultFiles, name: string): E.Either<EvalError, string> => {
  const texts = Object.values(files);
  return texts.length === 1
    ? E.right(texts[0]!)
    : E.left(badFile(name, `${texts.length} files`, "one file", Object.keys(files)));
};

/** JSON, or the fault. */
export const json = (file: string): (text: string) => E.Either<EvalError, unknown> => (text) =>
  E.tryCatch(
    () => JSON.parse(text) as unknown,
    (cause) => badFile(file, cause instanceof Error ? cause.message : String(cause), "JSON"),
  );

/** An id as official files have it: a number if it is written like a safe one, else text. */
const idValue = (id: string): number | string =>
  /^(?:0|[1-9]\d*)$/.test(id) && Number.isSafeInteger(Number(id)) ? Number(id) : id;

/** How entries are written. */
interface EntryLayout {
  /** Name of the format. */
  readonly name: string;
  /** Name of the file. */
  readonly file: string;
  /** Key of the id. */
  readonly id: string;
  /** Key of the answer. */
  readonly answer: string;
  /** A JSON list, or JSON lines. */
  readonly lines?: boolean;
  /** Whether ids are always texts; else those written like numbers become numbers. */
  readonly textIds?: boolean;
  /** Further keys of an entry, before the answer. */
  readonly more?: (item: Answered) => Readonly<Record<string, unknown>>;
  /** What is done to the answer on the way out. */
  readonly write?: (answer: string) => string;
}

const entriesOf = ({ file, lines }: EntryLayout, text: string) =>
  lines ? E.traverseArray(json(file))(text.split("\n").filter((line) => line.trim() !== "")) : pipe(
    json(file)(text),
    E.flatMap((value) =>
      Array.isArray(value) ? E.right(value) : E.left(badFile(file, "no list", "a JSON list"))
    ),
  );

const predictionOf = ({ file, id, answer }: EntryLayout) => (i: number, entry: unknown) => {
  const object = (typeof entry === "object" && entry !== null ? entry : {}) as Readonly<
    Record<string, unknown>
  >;
  const name = object[id], text = object[answer];
  return (typeof name === "string" || typeof name === "number") && typeof text === "string"
    ? E.right<never, Prediction>({ id: String(name), answer: text })
    : E.left(
      badFile(file, "entries of another form", `objects with ${id} and a text ${answer}`, [`entry ${i + 1}`]),
    );
};

/** The format of a layout. Law: parsing gives back ids and written answers, in order. */
export const entryFormat = (layout: EntryLayout): SubmissionFormat => ({
  name: layout.name,
  encode: (answered) => {
    const entries = answered.map((item) => ({
      [layout.id]: layout.textIds ? item.record.id : idValue(item.record.id),
      ...layout.more?.(item),
      [layout.answer]: (layout.write ?? ((text) => text))(item.answer),
    }));
    const text = layout.lines
      ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join("")
      : JSON.stringify(entries);
    return { [layout.file]: text };
  },
  parse: (files) =>
    pipe(
      onlyFile(files, layout.file),
      E.flatMap((text) => entriesOf(layout, text)),
      E.flatMap(E.traverseArrayWithIndex(predictionOf(layout))),
    ),
});
