/** TextVQA (Singh et al. 2019). */
import * as t from "io-ts";
import type { OpenRecord } from "../records/records.ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, taken } from "./machine.ts";

const Question = t.intersection([
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
    Question,
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
