/** Result files that are objects with a key for each question: ScienceQA and A-OKVQA. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { choiceText, statedLetter } from "../choice.ts";
import type { EvalError } from "../error.ts";
import type { Answered, BenchmarkRecord, Prediction } from "../../records/records.ts";
import { badFile, json, onlyFile, type SubmissionFormat } from "./format.ts";

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (file: string) => (value: unknown): E.Either<EvalError, Fields> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? E.right(value as Fields)
    : E.left(badFile(file, "no object", "an object with a key for each question"));

const predictionsOf =
  (file: string, read: (value: unknown) => string | undefined) =>
  (fields: Fields): E.Either<EvalError, readonly Prediction[]> => {
    const read1 = Object.entries(fields).map(([id, value]) => ({ id, answer: read(value) }));
    const bad = read1.filter(({ answer }) => answer === undefined).map(({ id }) => id);
    return bad.length > 0
      ? E.left(badFile(file, "entries without a text", "a text for each", bad))
      : E.right(read1.map(({ id, answer }) => ({ id, answer: answer! })));
  };

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined;

// Object.fromEntries would move ids that are numbers to the front, and __proto__ out of sight: the text is put together.
const object = (entries: readonly (readonly [string, unknown])[]): string =>
  `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;

const place = (record: BenchmarkRecord, answer: string): number =>
  record.kind === "choice" ? pipe(statedLetter(record, answer), O.getOrElse(() => -1)) : -1;

const scienceQaText = (answered: readonly Answered[]): string => {
  const results = answered.map(({ record, answer }) => [record.id, place(record, answer)] as const);
  const correct =
    answered.filter(({ record, answer }) =>
      record.kind === "choice" && place(record, answer) === record.answer
    ).length;
  const count = answered.length;
  return `{"acc":${count === 0 ? 0 : 100 * correct / count},"correct":${correct},"count":${count},"results":${
    object(results)
  },"outputs":${object(answered.map(({ record, answer }) => [record.id, answer]))}}`;
};

/**
 * ScienceQA as LLaVA's eval_science_qa.py writes it: `results` has the place of the choice by question (-1 if none was
 * read) as the authors' evaluate_acc.py wants, `outputs` the texts. Law: parsing gives back the texts.
 */
export const scienceQaFile: SubmissionFormat = {
  name: "scienceqa",
  encode: (answered) => ({ "results.json": scienceQaText(answered) }),
  parse: (files) =>
    pipe(
      onlyFile(files, "results.json"),
      E.flatMap(json("results.json")),
      E.flatMap(fieldsOf("results.json")),
      E.flatMap(({ outputs }) => fieldsOf("results.json")(outputs)),
      E.flatMap(predictionsOf("results.json", text)),
    ),
};

const aokvqaText = (kind: "direct_answer" | "multiple_choice") => ({ record, answer }: Answered): string =>
  kind === "multiple_choice" && record.kind === "choice"
    ? pipe(choiceText(record, answer), O.match(() => answer, (i) => record.choices[i]!))
    : answer;

/**
 * A-OKVQA: `{question_id: {direct_answer}}` or `{multiple_choice}`, the latter the text of the choice, which a letter
 * becomes. Law: parsing gives back the texts as written.
 */
export const aokVqaFile = (kind: "direct_answer" | "multiple_choice"): SubmissionFormat => ({
  name: `a-okvqa-${kind}`,
  encode: (answered) => ({
    "predictions.json": object(
      answered.map((item) => [item.record.id, { [kind]: aokvqaText(kind)(item) }] as const),
    ),
  }),
  parse: (files) =>
    pipe(
      onlyFile(files, "predictions.json"),
      E.flatMap(json("predictions.json")),
      E.flatMap(fieldsOf("predictions.json")),
      E.flatMap(predictionsOf("predictions.json", (value) => text((value as Fields | null)?.[kind]))),
    ),
});
