/** OCR-VQA (Mishra et al. 2019): book covers. */
import * as t from "io-ts";
import type { ExactRecord } from "../records/records.ts";
import { textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";

const splits = { 1: "train", 2: "val", 3: "test" } as const;

const Book = t.intersection([
  t.type({
    questions: t.readonlyArray(wordsCodec()),
    answers: t.readonlyArray(textCodec()),
    split: t.union([t.literal(1), t.literal(2), t.literal(3)]),
  }),
  t.partial({ imageURL: textCodec() }),
]);

/** OCR-VQA: a record for each question of a book, named `key-number`; the picture is the book's key. */
export const ocrVqa: Format<ExactRecord> = {
  name: "ocrvqa",
  reads: "OCR-VQA dataset.json",
  files: [{ name: "books" }],
  open: jsonFile({ root: "dictionary" }),
  machine: each(
    Book,
    ({ questions, answers, split }, entry) =>
      questions.length === answers.length
        ? taken<ExactRecord>(
          entry,
          questions.map((question, i) => ({
            kind: "exact",
            id: `${entry.key}-${i}`,
            image: entry.key!,
            question,
            answer: answers[i]!,
          })),
          { split: splits[split] },
        )
        : refused(
          entry,
          field("answers", `${answers.length} answers`, `${questions.length}, as there are questions`),
        ),
  ),
  unique: true,
};
