/** SEED-Bench (Li et al. 2023), its part about single pictures. */
import * as t from "io-ts";
import type { ChoiceRecord } from "../records/records.ts";
import { idCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, leftOut, taken } from "./machine.ts";

const letters = ["A", "B", "C", "D"] as const;

const Question = t.type({
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
    Question,
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
