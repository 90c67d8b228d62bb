/** MMBench's CircularEval (Liu et al., arXiv 2307.06281), after VLMEvalKit's multiple_choice.py. */
import { choiceAccuracy, inferredChoice } from "./choice.ts";
import type { Answered, ChoiceRecord } from "../records/records.ts";
import { type Credit, groupBy, mean, meansBy, type ScoreReport } from "./report.ts";

/** 1 if an answer is read as the right choice, its circle aside. */
export const mmbenchAccuracy: Credit<ChoiceRecord> = choiceAccuracy(inferredChoice);

interface Circle {
  readonly first: ChoiceRecord;
  readonly hit: number;
}

/**
 * Share of circles with every question right, over all and by `category` and `l2-category` of a circle's first
 * question; and, as `vanilla`, the share of those first questions that are right. Without questions in circles the two
 * are the same.
 */
export const scoreMmbench = (answered: readonly Answered<ChoiceRecord>[]): ScoreReport => {
  const groups = [...groupBy(answered, ({ record }) => record.circle ?? record.id).values()];
  const circles = groups.map((items): Circle => ({
    first: items[0]!.record,
    hit: items.every(({ record, answer }) => mmbenchAccuracy(record, answer) === 1) ? 1 : 0,
  }));
  const hit = ({ hit }: Circle): number => hit;
  return {
    n: circles.length,
    main: "accuracy",
    values: {
      accuracy: mean(circles.map(hit)),
      vanilla: mean(groups.map(([item]) => mmbenchAccuracy(item!.record, item!.answer))),
      ...meansBy("l2-category", circles, ({ first }) => first.parent, hit),
      ...meansBy("category", circles, ({ first }) => first.category, hit),
    },
  };
};
