/** POPE's result files: for each split lines of `{question_id, prompt, text}`, as LLaVA's eval_pope.py reads them. */
import * as E from "fp-ts/lib/Either.js";
import type { Answered, BenchmarkRecord, Prediction, YesNoRecord } from "../../records/records.ts";
import { groupBy } from "../report.ts";
import { entryFormat, type SubmissionFormat } from "./format.ts";

const isYesNo = (record: BenchmarkRecord): record is YesNoRecord => record.kind === "yes-no";

const bare = ({ part, id }: YesNoRecord): string =>
  id.startsWith(`${part}/`) ? id.slice(part.length + 1) : id;

const fileOf = (part: string): string => `coco_pope_${part}.jsonl`;

const lines = (part: string): SubmissionFormat =>
  entryFormat({
    name: "pope",
    file: fileOf(part),
    id: "question_id",
    answer: "text",
    lines: true,
    more: ({ record }) => ({ prompt: record.question }),
  });

/**
 * A file for each split, `coco_pope_random.jsonl` and so on; ids lose the split's name. A file of another name is read as
 * ids of the whole benchmark, or of its split where the questions are of one alone. Law: parsing gives back ids and
 * answers.
 */
export const popeFiles: SubmissionFormat = {
  name: "pope",
  encode: (answered) => {
    const items = answered.flatMap(({ record, answer }): readonly Answered<YesNoRecord>[] =>
      isYesNo(record) ? [{ record, answer }] : []
    );
    return Object.assign(
      {},
      ...[...groupBy(items, ({ record }) => record.part)].map(([part, some]) =>
        lines(part).encode(
          some.map(({ record, answer }) => ({ record: { ...record, id: bare(record) }, answer })),
        )
      ),
    );
  },
  parse: (files, records) => {
    const known = new Set(records.map(({ id }) => id));
    const parts = [...new Set(records.filter(isYesNo).map(({ part }) => part))];
    const all = Object.entries(files).map(([file, text]) => {
      const part = parts.find((p) => file.includes(p)) ?? (parts.length === 1 ? parts[0]! : "");
      const whole = ({ id, answer }: Prediction): Prediction => {
        const inPart = `${part}/${id}`;
        return { id: known.has(inPart) ? inPart : id, answer };
      };
      return E.map((some: readonly Prediction[]) => some.map(whole))(
        lines(part).parse({ [file]: text }, records),
      );
    });
    return E.map((some: readonly (readonly Prediction[])[]) => some.flat())(E.sequenceArray(all));
  },
};
