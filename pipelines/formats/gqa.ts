/** GQA (Hudson and Manning 2019). */
import * as t from "io-ts";
import type { ExactRecord } from "../records/records.ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, taken } from "./machine.ts";

const text = nullable(textCodec());

const Step = t.type({ operation: textCodec(), argument: textCodec() });

/** The last step, which asks, is no step of reasoning: GQA's eval.py does not count those with these words. */
const asking = ["exist", "query: name", "choose name"];

const isReasoning = ({ operation, argument }: t.TypeOf<typeof Step>): boolean =>
  !asking.some((words) => `${operation}: ${argument}`.includes(words));

// the test and challenge splits have questions and pictures only
const Question = t.intersection([
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
    Question,
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
