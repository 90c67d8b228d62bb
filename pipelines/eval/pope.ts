/** POPE (Li et al., arXiv 2305.10355), after RUCAIBox/POPE evaluate.py and LLaVA's eval_pope.py. */
import type { Answered, YesNoRecord } from "../records/records.ts";
import { groupBy, mean, type ScoreReport } from "./report.ts";
import { saysYes, scoreYesNo, type YesNoScore } from "./yes_no.ts";

/** 1 if the answer, read by {@link saysYes}, is right. */
export const popeAccuracy = (record: YesNoRecord, answer: string): number =>
  saysYes(answer) === record.answer ? 1 : 0;

const named = (part: string, { n: _, yesRate, ...score }: YesNoScore): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries({ ...score, yes_ratio: yesRate }).map(([name, value]) => [`${part}/${name}`, value]),
  );

/** The score of answers that are read by {@link saysYes}. */
export const scorePredicted = (answered: readonly Answered<YesNoRecord>[]): YesNoScore =>
  scoreYesNo(answered.map(({ record, answer }) => ({ truth: record.answer, predicted: saysYes(answer) })));

/** Accuracy, precision, recall, F1 and yes-ratio of each split, and the means of F1 and accuracy over splits. */
export const scorePope = (answered: readonly Answered<YesNoRecord>[]): ScoreReport => {
  const splits = [...groupBy(answered, ({ record }) => record.part)].map(([part, items]) =>
    [part, scorePredicted(items)] as const
  );
  return {
    n: answered.length,
    main: "mean_f1",
    values: {
      mean_f1: mean(splits.map(([, { f1 }]) => f1)),
      mean_accuracy: mean(splits.map(([, { accuracy }]) => accuracy)),
      ...Object.assign({}, ...splits.map(([part, score]) => named(part, score))),
    },
  };
};
