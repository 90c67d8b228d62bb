/** MMBench's result table as tab-separated values, a row for each question, as pandas writes and reads them. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { letterOf } from "../../text/prompts.ts";
import type { EvalError } from "../error.ts";
import type { Answered, ChoiceRecord, Prediction } from "../../records/records.ts";
import { badFile, onlyFile, type SubmissionFormat } from "./format.ts";

const FILE = "predictions.tsv";

const quoted = (text: string): string => /["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Rows of cells; quoted cells may hold tabs, line ends and doubled quotes. `undefined` for an open quote. */
export const parseTsv = (text: string): readonly (readonly string[])[] | undefined => {
  const rows: string[][] = [];
  let row: string[] = [], at = 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') {
      let end = at + 1;
      while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) {
        end += text[end] === '"' ? 2 : 1;
      }
      if (end >= text.length) return undefined;
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      let end = at;
      while (end < text.length && text[end] !== "\t" && text[end] !== "\n") end++;
      cell = text.slice(at, end).replace(/\r$/, "");
      at = end;
    }
    row.push(cell);
    if (text[at] === "\r") at++;
    if (text[at] === "\t") {
      at++;
      if (at === text.length || text[at] === "\n") row.push("");
    }
    if (at >= text.length || text[at] === "\n") {
      rows.push(row);
      row = [];
      at++;
    }
  }
  return rows;
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
  const rows = parseTsv(text), head = rows?.[0] ?? [];
  if (rows === undefined) return E.left(badFile(FILE, "a quote that does not end", "quotes in pairs"));
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
