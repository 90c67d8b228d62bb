/** VizWiz-VQA (Gurari et al. 2018). */
import * as t from "io-ts";
import type { OpenRecord } from "../records/records.ts";
import { nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, taken } from "./machine.ts";

const Question = t.intersection([
  t.type({ image: wordsCodec(), question: textCodec() }),
  t.partial({
    answers: nullable(t.readonlyArray(t.type({ answer: textCodec() }))),
    answer_type: nullable(textCodec()),
  }),
]);

/** VizWiz: every picture has one question, so the picture's name is the id; the test split has no answers. */
export const vizWiz: Format<OpenRecord> = {
  name: "vizwiz",
  reads: "VizWiz-VQA {train,val,test}.json",
  files: [{ name: "questions" }],
  open: jsonFile({ root: "list" }),
  machine: each(Question, ({ image, question, answers, answer_type }, entry) =>
    taken<OpenRecord>(entry, [{
      kind: "open",
      id: image,
      image,
      question,
      answers: (answers ?? []).map((a) => a.answer),
      ...(answer_type === undefined ? {} : { answerType: answer_type }),
    }])),
  unique: true,
};
