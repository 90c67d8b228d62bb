/** POPE (Li et al. 2023): presence of objects, in three splits by how the absent ones were chosen. */
import * as t from "io-ts";
import type { YesNoRecord } from "../records/records.ts";
import { idCodec, wordsCodec } from "../base/codecs.ts";
import { jsonLines } from "./entries.ts";
import { brokenFile, type Format } from "./format.ts";
import { each, taken } from "./machine.ts";

const Question = t.type({
  question_id: idCodec(),
  image: wordsCodec(),
  text: wordsCodec(),
  label: t.keyof({ yes: null, no: null }),
});

const partOf = (file: string): string => {
  const found = /(random|popular|adversarial)[^/]*$/.exec(file);
  if (found === null) {
    throw brokenFile(
      file,
      "a file name without a split",
      "random, popular or adversarial in it",
      "name it as the official files, such as coco_pope_random.json",
    );
  }
  return found[1]!;
};

/**
 * POPE; `part` is the split, which the file's name says. The splits count their questions from 1 each, so that an id is
 * `split/question_id`, as in `popular/17`.
 */
export const pope: Format<YesNoRecord> = {
  name: "pope",
  reads: "POPE coco_pope_{random,popular,adversarial}.json, lines of JSON",
  files: [{ name: "questions", many: true }],
  open: async function* (source, role) {
    partOf(source.name);
    yield* jsonLines(source, role);
  },
  machine: each(Question, ({ question_id, image, text, label }, entry) => {
    const part = partOf(entry.file), id = `${part}/${question_id}`;
    return taken<YesNoRecord>(entry, [
      { kind: "yes-no", id, image, question: text, answer: label === "yes", part },
    ]);
  }),
  unique: true,
};
