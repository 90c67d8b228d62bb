/**
 * Questions that are answered in words: VQA v2 (Goyal et al. 2017), OK-VQA (Marino et al. 2019), TextVQA (Singh et al. 2019),
 * VizWiz-VQA (Gurari et al. 2018), OCR-VQA (Mishra et al. 2019) and GQA (Hudson and Manning 2019).
 */
import * as t from "io-ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import type { ExactRecord, OpenRecord } from "../records/records.ts";
import { jsonFile } from "./entries.ts";
import type { Format, Machine } from "./format.ts";
import { pairs } from "./join.ts";
import { each, field, refused, taken } from "./machine.ts";

const Question = t.type({ question_id: idCodec(), image_id: idCodec(), question: wordsCodec() });
const Annotation = t.intersection([
  t.type({
    question_id: idCodec(),
    image_id: idCodec(),
    answers: t.readonlyArray(t.type({ answer: textCodec() })),
  }),
  t.partial({ question_type: textCodec(), answer_type: textCodec() }),
]);

type Question = t.TypeOf<typeof Question>;

const base = ({ question_id, image_id, question }: Question) =>
  ({ kind: "open", id: question_id, image: image_id, question }) as const;

const answered = pairs<Question, t.TypeOf<typeof Annotation>, OpenRecord>(
  {
    is: ({ role }) => role === "questions",
    codec: Question,
    keyField: "question_id",
    key: ({ question_id }) => question_id,
  },
  { is: () => true, codec: Annotation, keyField: "question_id", key: ({ question_id }) => question_id },
  (question, { image_id, answers, question_type, answer_type }, entry) =>
    question.image_id === image_id
      ? taken<OpenRecord>(entry, [{
        ...base(question),
        answers: answers.map((a) => a.answer),
        ...(question_type === undefined ? {} : { template: question_type }),
        ...(answer_type === undefined ? {} : { answerType: answer_type }),
      }])
      : refused(entry, field("image_id", question.image_id, `${image_id}, as its annotation says`)),
);

const asked = each(
  Question,
  (question, entry) => taken<OpenRecord>(entry, [{ ...base(question), answers: [] }]),
);

const vqa = (name: string, reads: string): Format<OpenRecord> => ({
  name,
  reads,
  files: [{ name: "questions" }, { name: "annotations", optional: true }],
  open: jsonFile({
    questions: { root: "sections", names: ["questions"] },
    annotations: { root: "sections", names: ["annotations"] },
  }),
  machine: (roles): Machine<OpenRecord> => roles.includes("annotations") ? answered() : asked(),
  unique: true,
});

/** VQA v2; without the file of annotations (the test splits) records have no answers. */
export const vqaV2: Format<OpenRecord> = vqa(
  "vqav2",
  "VQA v2 v2_OpenEnded_mscoco_{split}_questions.json and v2_mscoco_{split}_annotations.json",
);

/** OK-VQA; as {@link vqaV2}. */
export const okVqa: Format<OpenRecord> = vqa(
  "okvqa",
  "OK-VQA OpenEnded_mscoco_{split}_questions.json and mscoco_{split}_annotations.json",
);

const TextQuestion = t.intersection([
  t.type({ question_id: idCodec(), image_id: idCodec(), question: wordsCodec() }),
  t.partial({ answers: nullable(t.readonlyArray(textCodec())), set_name: textCodec() }),
]);

/** TextVQA: the test split has no answers. */
export const textVqa: Format<OpenRecord> = {
  name: "textvqa",
  reads: "TextVQA TextVQA_0.5.1_{train,val,test}.json",
  files: [{ name: "questions" }],
  open: jsonFile({ root: "sections", names: ["data"] }),
  machine: each(
    TextQuestion,
    ({ question_id, image_id, question, answers, set_name }, entry) =>
      taken<OpenRecord>(entry, [{
        kind: "open",
        id: question_id,
        image: image_id,
        question,
        answers: answers ?? [],
      }], { split: set_name }),
  ),
  unique: true,
};

const BlindQuestion = t.intersection([
  t.type({ image: wordsCodec(), question: textCodec() }),
  t.partial({
    answers: nullable(t.readonlyArray(t.type({ answer: textCodec() }))),
    answer_type: nullable(textCodec()),
  }),
]);

/** VizWiz: every image has one question, so the image's name is the id; the test split has no answers. */
export const vizWiz: Format<OpenRecord> = {
  name: "vizwiz",
  reads: "VizWiz-VQA {train,val,test}.json",
  files: [{ name: "questions" }],
  open: jsonFile({ root: "list" }),
  machine: each(
    BlindQuestion,
    ({ image, question, answers, answer_type }, entry) =>
      taken<OpenRecord>(entry, [{
        kind: "open",
        id: image,
        image,
        question,
        answers: (answers ?? []).map((a) => a.answer),
        ...(answer_type === undefined ? {} : { answerType: answer_type }),
      }]),
  ),
  unique: true,
};

const splits = { 1: "train", 2: "val", 3: "test" } as const;

const Book = t.intersection([
  t.type({
    questions: t.readonlyArray(wordsCodec()),
    answers: t.readonlyArray(textCodec()),
    split: t.union([t.literal(1), t.literal(2), t.literal(3)]),
  }),
  t.partial({ imageURL: textCodec() }),
]);

/** OCR-VQA: a record for each question of a book, named `key-number`; the image is the book's key. */
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

const text = nullable(textCodec());

const Step = t.type({ operation: textCodec(), argument: textCodec() });

/** The last step, which asks, is no step of reasoning: GQA's eval.py does not count those with these words. */
const asking = ["exist", "query: name", "choose name"];

const isReasoning = ({ operation, argument }: t.TypeOf<typeof Step>): boolean =>
  !asking.some((words) => `${operation}: ${argument}`.includes(words));

// the test and challenge splits have questions and images only
const GraphQuestion = t.intersection([
  t.type({ imageId: idCodec(), question: wordsCodec() }),
  t.partial({
    answer: nullable(wordsCodec()),
    groups: nullable(t.partial({ global: text })),
    types: nullable(t.partial({ structural: text, semantic: text, detailed: text })),
    entailed: nullable(t.readonlyArray(idCodec())),
    semantic: nullable(t.readonlyArray(Step)),
  }),
]);

const optional = <K extends string, A>(key: K, value: A | undefined): { readonly [P in K]?: A } =>
  value === undefined ? {} : { [key]: value } as { readonly [P in K]?: A };

/** GQA: an answer that the split hides is "". */
export const gqa: Format<ExactRecord> = {
  name: "gqa",
  reads: "GQA {split}_balanced_questions.json and {split}_all_questions.json",
  files: [{ name: "questions" }],
  open: jsonFile({ root: "dictionary" }),
  machine: each(
    GraphQuestion,
    ({ imageId, question, answer, groups, types, entailed, semantic }, entry) =>
      taken<ExactRecord>(entry, [{
        kind: "exact",
        id: entry.key!,
        image: imageId,
        question,
        answer: answer ?? "",
        ...optional("template", types?.detailed),
        ...optional("structural", types?.structural),
        ...optional("semantic", types?.semantic),
        ...optional("group", groups?.global),
        ...optional("steps", semantic?.filter(isReasoning).length),
        ...optional("entailed", entailed),
      }]),
  ),
  unique: true,
};
