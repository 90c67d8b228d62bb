/** MME's result files: for each subtask a text of tab-separated lines, image, question, truth, answer. */
import * as E from "fp-ts/lib/Either.js";
import type { EvalError } from "../error.ts";
import { groupBy } from "../report.ts";
import type { Answered, BenchmarkRecord, Prediction, YesNoRecord } from "../../records/records.ts";
import { badFile, type SubmissionFormat } from "./format.ts";

/** A line has no room for tabs and line ends: they become spaces. */
const cell = (text: string): string => text.replace(/[\t\r\n]/g, " ");

const isYesNo = (record: BenchmarkRecord): record is YesNoRecord => record.kind === "yes-no";

const key = (part: string, image: string, question: string): string =>
  JSON.stringify([part, cell(image), cell(question)]);

const line = ({ record, answer }: Answered<YesNoRecord>): string =>
  `${[record.image ?? "", record.question, record.answer ? "Yes" : "No", answer].map(cell).join("\t")}\n`;

const parsePart = (
  file: string,
  text: string,
  ids: ReadonlyMap<string, string>,
): E.Either<EvalError, readonly Prediction[]> => {
  const out: Prediction[] = [], part = file.replace(/\.txt$/, "");
  for (const [i, row] of text.split("\n").entries()) {
    if (row === "") continue;
    const cells = row.replace(/\r$/, "").split("\t");
    if (cells.length !== 4) {
      return E.left(
        badFile(file, `${cells.length} cells`, "image, question, truth, answer", [`line ${i + 1}`]),
      );
    }
    const id = ids.get(key(part, cells[0]!, cells[1]!));
    if (id === undefined) {
      return E.left(
        badFile(file, "a question that is not asked", "questions of the annotations", [`line ${i + 1}`]),
      );
    }
    out.push({ id, answer: cells[3]! });
  }
  return E.right(out);
};

/**
 * The files `existence.txt` and so on that MME's calculation.py reads. Law: parsing gives back the answers, with tabs
 * and line ends as spaces; questions are distinguished by subtask, image and text.
 */
export const mmeFiles: SubmissionFormat = {
  name: "mme",
  encode: (answered) =>
    Object.fromEntries(
      [...groupBy(
        answered.flatMap(({ record, answer }) => isYesNo(record) ? [{ record, answer }] : []),
        ({ record }) => record.part,
      )]
        .map(([part, items]) => [`${part}.txt`, items.map(line).join("")]),
    ),
  parse: (files, records) => {
    const ids = new Map(
      records.filter(isYesNo).map((r) => [key(r.part, r.image ?? "", r.question), r.id] as const),
    );
    const parts = Object.entries(files).map(([file, text]) => parsePart(file, text, ids));
    return E.map((all: readonly (readonly Prediction[])[]) => all.flat())(E.sequenceArray(parts));
  },
};
