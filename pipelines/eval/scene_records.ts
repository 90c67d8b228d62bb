/** Questions about scenes as records, so that scores, slices and controls of benchmarks work on them. */
import { nameOf } from "../scenes/concepts.ts";
import type { DataConfig } from "../scenes/config.ts";
import type { Question, QuestionKind } from "../scenes/tasks.ts";
import type { BenchmarkRecord, RecordBase } from "../records/records.ts";

const yesNo = (base: RecordBase, answer: boolean, part: string): BenchmarkRecord => ({
  ...base,
  kind: "yes-no",
  answer,
  part,
});

/**
 * The record of a question.
 * @param image - the scene's id.
 * @param id - tells the question from others.
 */
export const sceneRecord = (
  question: Question,
  { master }: DataConfig,
  image: string,
  id: string,
): BenchmarkRecord => {
  const { prompt, answer, template, size } = question;
  const base: RecordBase = {
    id,
    image,
    question: prompt,
    template,
    ...(size === undefined ? {} : { objectSide: size }),
  };
  switch (question.kind) {
    case "caption":
    case "dense":
      return { ...base, kind: "caption", references: [answer], objects: question.truth.map(nameOf) };
    case "presence":
      return yesNo(base, question.truth, question.negative);
    case "compare":
    case "relation":
      return yesNo(base, question.truth, question.kind);
    case "refer": {
      const [x1, y1, x2, y2] = question.truth;
      const box = [x1 * master, y1 * master, x2 * master, y2 * master] as const;
      return { ...base, kind: "box", box, width: master, height: master };
    }
    case "reading":
      return { ...base, kind: "reading", answers: [question.truth] };
    case "count":
    case "larger":
    case "neighbour":
    case "attribute":
    case "name":
    case "kind-of":
    case "translate":
      return { ...base, kind: "exact", answer };
  }
};

/** Kinds in the order of their appearance, each with its items. */
export const byKind = <A extends { readonly question: Question }>(
  items: readonly A[],
): ReadonlyMap<QuestionKind, readonly A[]> => Map.groupBy(items, ({ question }) => question.kind);
