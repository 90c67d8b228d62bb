/** MMBench's result table as tab-separated values, a row for each question, as pandas writes and reads them. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { letterOf } from "../../text/prompts.ts";
import type { EvalError } from "../error.ts";
import type { Answered, ChoiceRecord, Prediction } from "../../records/records.ts";
import { badFile, onlyFile, type SubmissionFormat } from "./format.ts";
import { fieldsOf, textSplitter } from "../../formats/text_split.ts";

const FILE = "predictions.tsv";

const quoted = (text: string): string => /["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Rows of cells. Throws the FormatError of a quote that does not end. */
const rowsIn = (text: string): readonly (readonly string[])[] => {
  const split = textSplitter(FILE, true), decoder = new TextDecoder();
  return [...split.push(new TextEncoder().encode(text)), ...split.end()]
    .map(({ bytes }) => fieldsOf(decoder.decode(bytes), Infinity));
};

const isChoice = (item: Answered): item is Answered<ChoiceRecord> => item.record.kind === "choice";

const rowsOf = (answered: readonly Answered<ChoiceRecord>[]): readonly (readonly string[])[] => {
  const width = Math.max(4, ...answered.map(({ record }) => record.choices.length));
  const letters = Array.from({ length: width }, (_, i) => letterOf(i));
  return [
    ["index", "question", "hint", ...letters, "category", "l2-category", "prediction"],
    ...answered.map(({ record: r, answer }) => [
      r.id,
      r.question,
      r.hint ?? "",
      ...letters.map((_, i) => r.choices[i] ?? ""),
      r.category ?? "",
      r.parent ?? "",
      answer,
    ]),
  ];
};

const predictions = (text: string): E.Either<EvalError, readonly Prediction[]> => {
  const read = E.tryCatch(
    () => rowsIn(text),
    () => badFile(FILE, "a quote that does not end", "quotes in pairs"),
  );
  if (E.isLeft(read)) return read;
  const rows = read.right, head = rows[0] ?? [];
  const id = head.indexOf("index"), answer = head.indexOf("prediction");
  if (id < 0 || answer < 0) {
    return E.left(badFile(FILE, `columns ${head.join(", ")}`, "index and prediction among them"));
  }
  const short = rows.flatMap((row, i) => row.length === head.length ? [] : [`row ${i + 1}`]);
  return short.length > 0
    ? E.left(badFile(FILE, "rows of another length", `${head.length} cells`, short))
    : E.right(rows.slice(1).map((row) => ({ id: row[id]!, answer: row[answer]! })));
};

/** The table with questions, choices and `prediction`. Law: parsing gives back ids and answers. */
export const mmbenchTable: SubmissionFormat = {
  name: "mmbench",
  encode: (answered) => ({
    [FILE]: rowsOf(answered.filter(isChoice)).map((row) => `${row.map(quoted).join("\t")}\n`).join(""),
  }),
  parse: (files) => pipe(onlyFile(files, FILE), E.flatMap(predictions)),
};
