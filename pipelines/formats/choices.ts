/** Questions with choices: A-OKVQA (Schwenk et al. 2022), also without them, ScienceQA (Lu et al. 2022), SEED-Bench (Li et al. 2023). */
import * as t from "io-ts";
import { countCodec, idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { type ChoiceRecord, HIDDEN_CHOICE, type OpenRecord } from "../records/records.ts";
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

const Problem = t.intersection([
  t.type({
    question: wordsCodec(),
    choices: t.readonlyArray(textCodec()),
    answer: countCodec(),
    image: t.union([t.null, wordsCodec()]),
    split: wordsCodec(),
  }),
  t.partial({ hint: nullable(textCodec()), subject: textCodec(), grade: textCodec() }),
]);

const gradeOf = (grade: string): { readonly grade?: number } => {
  const found = /^grade(\d+)$/.exec(grade);
  return found === null ? {} : { grade: Number(found[1]) };
};

/** ScienceQA; the image's name is its path in the official folders, `split/id/image.png`. */
export const scienceQa: Format<ChoiceRecord> = {
  name: "scienceqa",
  reads: "ScienceQA problems.json (splits train, val, test)",
  files: [{ name: "problems" }],
  open: jsonFile({ root: "dictionary" }),
  machine: each(
    Problem,
    ({ question, choices, answer, image, split, hint, subject, grade }, entry) =>
      answer >= choices.length
        ? refused(entry, field("answer", answer, `the place of one of ${choices.length} choices`))
        : taken<ChoiceRecord>(entry, [{
          kind: "choice",
          id: entry.key!,
          ...(image === null ? {} : { image: `${split}/${entry.key}/${image}` }),
          question,
          choices,
          answer,
          ...(hint === undefined || hint === "" ? {} : { hint }),
          ...(subject === undefined ? {} : { category: subject }),
          ...gradeOf(grade ?? ""),
        }], { split }),
  ),
  unique: true,
};

const letters = ["A", "B", "C", "D"] as const;

const SeedQuestion = t.type({
  question_id: idCodec(),
  question_type_id: idCodec(),
  data_type: t.keyof({ image: null, video: null }),
  data_id: idCodec(),
  question: wordsCodec(),
  choice_a: idCodec(),
  choice_b: idCodec(),
  choice_c: idCodec(),
  choice_d: idCodec(),
  answer: t.keyof({ A: null, B: null, C: null, D: null }),
});

/** SEED-Bench; questions about videos are left out. */
export const seedBench: Format<ChoiceRecord> = {
  name: "seed",
  reads: "SEED-Bench SEED-Bench.json",
  files: [{ name: "questions" }],
  open: jsonFile({ root: "sections", names: ["questions"] }),
  machine: each(
    SeedQuestion,
    (q, entry) =>
      q.data_type === "video" ? leftOut(entry, "data_type video") : taken<ChoiceRecord>(entry, [{
        kind: "choice",
        id: q.question_id,
        image: q.data_id,
        question: q.question,
        choices: [q.choice_a, q.choice_b, q.choice_c, q.choice_d],
        answer: letters.indexOf(q.answer),
        category: q.question_type_id,
      }]),
  ),
  unique: true,
};
