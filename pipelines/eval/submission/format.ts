/** What a format of result files is. */
import * as E from "fp-ts/lib/Either.js";
import { EvalError, listed } from "../error.ts";
import type { Answered, BenchmarkRecord, Prediction } from "../../records/records.ts";

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
    mend: "write the file again, or name the format that it has",
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
export const idValue = (id: string): number | string =>
  /^(?:0|[1-9]\d*)$/.test(id) && Number.isSafeInteger(Number(id)) ? Number(id) : id;
