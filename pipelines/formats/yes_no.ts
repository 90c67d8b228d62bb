/** Questions answered by yes or no: POPE (Li et al. 2023) and MME (Fu et al. 2023). */
import * as t from "io-ts";
import { idCodec, wordsCodec } from "../base/codecs.ts";
import type { YesNoRecord } from "../records/records.ts";
import { jsonLines, plainLines } from "./entries.ts";
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

interface Line {
  readonly image: string;
  readonly question: string;
  readonly answer: boolean;
}

const form = /^([^\t]+)\t([^\t]*\S[^\t]*)\t\s*(yes|no)\s*(?:\t.*)?$/i;

const Line = new t.Type<Line, string, unknown>(
  "image, question and Yes or No with tabs between",
  (u): u is Line => typeof u === "object",
  (u, context) => {
    const found = typeof u === "string" ? form.exec(u) : null;
    return found === null ? t.failure(u, context) : t.success({
      image: found[1]!,
      question: found[2]!,
      answer: found[3]!.toLowerCase() === "yes",
    });
  },
  ({ image, question, answer }) => `${image}\t${question}\t${answer ? "Yes" : "No"}`,
);

/** MME; `part` is the subtask, the file's name without its ending; a model's answer in a fourth field is not read. */
export const mme: Format<YesNoRecord> = {
  name: "mme",
  reads: "MME {subtask}.txt of its evaluation tool",
  files: [{ name: "questions", many: true }],
  open: plainLines,
  machine: each(Line, ({ image, question, answer }, entry) => {
    const part = entry.file.replace(/^.*\//, "").replace(/\.[^.]*$/, "");
    return taken<YesNoRecord>(entry, [{
      kind: "yes-no",
      id: `${part}/${image}/${entry.index}`,
      image,
      question,
      answer,
      part,
    }]);
  }),
  unique: true,
};
