/** SEED-Bench (Li et al., arXiv 2307.16125), after LLaVA's convert_seed_for_submission.py. */
import { bareLetter, choiceAccuracy } from "./choice.ts";
import type { Answered, ChoiceRecord } from "../records/records.ts";
import { type Credit, mean, meansBy, type ScoreReport } from "./report.ts";

/** Dimensions 1 to 9 ask about images, 10 to 12 about videos. */
export const seedImageDimensions: readonly string[] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** 1 if the answer is the right letter and nothing else. */
export const seedAccuracy: Credit<ChoiceRecord> = choiceAccuracy(bareLetter);

/** Accuracy over the questions of dimensions 1 to 9, over those of 10 to 12, over all, and by dimension. */
export const scoreSeed = (answered: readonly Answered<ChoiceRecord>[]): ScoreReport => {
  const value = ({ record, answer }: Answered<ChoiceRecord>): number => seedAccuracy(record, answer);
  const isImage = ({ record }: Answered<ChoiceRecord>): boolean =>
    seedImageDimensions.includes(record.category ?? "");
  return {
    n: answered.length,
    main: "image",
    values: {
      image: mean(answered.filter(isImage).map(value)),
      video: mean(answered.filter((item) => !isImage(item)).map(value)),
      all: mean(answered.map(value)),
      ...meansBy("dimension", answered, ({ record }) => record.category, value),
    },
  };
};
