/** ScienceQA (Lu et al. 2022). */
import * as t from "io-ts";
import type { ChoiceRecord } from "../records/records.ts";
import { countCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";

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

/** ScienceQA; the picture's name is its path in the official folders, `split/id/image.png`. */
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
