/** VQA v2 (Goyal et al. 2017), and OK-VQA (Marino et al. 2019), which has the same form. */
import * as t from "io-ts";
import type { OpenRecord } from "../records/records.ts";
import { idCodec, textCodec, wordsCodec } from "../base/codecs.ts";
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
