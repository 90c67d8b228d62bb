/** A-OKVQA (Schwenk et al. 2022), whose questions are asked with choices and without. */
import * as t from "io-ts";
import { type ChoiceRecord, HIDDEN_CHOICE, type OpenRecord } from "../records/records.ts";
import { countCodec, idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, field, leftOut, refused, taken } from "./machine.ts";

const Question = t.intersection([
  t.type({
    question_id: idCodec(),
    image_id: idCodec(),
    question: wordsCodec(),
    choices: t.readonlyArray(wordsCodec()),
  }),
  t.partial({
    split: textCodec(),
    correct_choice_idx: nullable(countCodec()),
    direct_answers: nullable(t.readonlyArray(textCodec())),
    difficult_direct_answer: nullable(t.boolean),
  }),
]);

const reads = "A-OKVQA aokvqa_v1p0_{train,val,test}.json";
const open = jsonFile({ root: "list" });

/** A-OKVQA with choices; answers of the test split are hidden: -1. */
export const aokVqa: Format<ChoiceRecord> = {
  name: "aokvqa",
  reads: `${reads}, multiple choice`,
  files: [{ name: "questions" }],
  open,
  machine: each(Question, ({ choices, correct_choice_idx, question, split, ...ids }, entry) => {
    const answer = correct_choice_idx ?? HIDDEN_CHOICE;
    return answer >= choices.length
      ? refused(entry, field("correct_choice_idx", answer, `the place of one of ${choices.length} choices`))
      : taken<ChoiceRecord>(entry, [{
        kind: "choice",
        id: ids.question_id,
        image: ids.image_id,
        question,
        choices,
        answer,
      }], { split });
  }),
  unique: true,
};

/** A-OKVQA's direct answers; the official evaluator leaves out those marked as difficult, and so does this reader. */
export const aokVqaDirect: Format<OpenRecord> = {
  name: "aokvqa-direct",
  reads: `${reads}, direct answers`,
  files: [{ name: "questions" }],
  open,
  machine: each(
    Question,
    ({ question, direct_answers, difficult_direct_answer, split, ...ids }, entry) =>
      difficult_direct_answer === true
        ? leftOut(entry, "difficult_direct_answer")
        : taken<OpenRecord>(entry, [{
          kind: "open",
          id: ids.question_id,
          image: ids.image_id,
          question,
          answers: direct_answers ?? [],
        }], { split }),
  ),
  unique: true,
};
