/** ScienceQA (Lu et al., arXiv 2209.09513): answers read as in LLaVA's eval_science_qa.py, parts as in the authors' evaluate_acc.py. */
import { choiceAccuracy, statedLetter } from "./choice.ts";
import type { Answered, ChoiceRecord } from "../records/records.ts";
import { type Credit, mean, meansBy, type ScoreReport } from "./report.ts";

/** 1 if the answer states the right letter. */
export const scienceQaAccuracy: Credit<ChoiceRecord> = choiceAccuracy(statedLetter);

/**
 * Accuracy over all; over questions with an image (`IMG`), with a hint in text (`TXT`; both may hold), with neither
 * (`NO`); by subject; and of grades 1 to 6 and 7 to 12.
 */
export const scoreScienceQa = (answered: readonly Answered<ChoiceRecord>[]): ScoreReport => {
  const value = ({ record, answer }: Answered<ChoiceRecord>): number => scienceQaAccuracy(record, answer);
  const over = (is: (record: ChoiceRecord) => boolean): number =>
    mean(answered.filter(({ record }) => is(record)).map(value));
  const hasImage = (r: ChoiceRecord): boolean => r.image !== undefined;
  const hasText = (r: ChoiceRecord): boolean => r.hint !== undefined && r.hint !== "";
  return {
    n: answered.length,
    main: "accuracy",
    values: {
      accuracy: mean(answered.map(value)),
      IMG: over(hasImage),
      TXT: over(hasText),
      NO: over((r) => !hasImage(r) && !hasText(r)),
      ...meansBy("subject", answered, ({ record }) => record.category, value),
      "G1-6": over(({ grade }) => grade !== undefined && grade <= 6),
      "G7-12": over(({ grade }) => grade !== undefined && grade >= 7),
    },
  };
};
