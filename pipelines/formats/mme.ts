/** MME (Fu et al. 2023): two yes-or-no questions about each picture, a text file per subtask. */
import * as t from "io-ts";
import type { YesNoRecord } from "../records/records.ts";
import { plainLines } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, taken } from "./machine.ts";

interface Line {
  readonly image: string;
  readonly question: string;
  readonly answer: boolean;
}

const form = /^([^\t]+)\t([^\t]*\S[^\t]*)\t\s*(yes|no)\s*(?:\t.*)?$/i;

const Line = new t.Type<Line, string, unknown>(
  "picture, question and Yes or No with tabs between",
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
