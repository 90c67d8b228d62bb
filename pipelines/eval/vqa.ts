/** Accuracy against several people's answers (Antol et al., arXiv 1505.00468), with the rules of four evaluators. */
import { type Credit, mean, meansBy, type Scores } from "./report.ts";
import type { OpenRecord } from "../records/records.ts";
import { evalAiNormal, flatten, processed, vqaNormal } from "./vqa_normal.ts";

/** A prediction and people's answers, as one evaluator compares them. */
export interface ComparedAnswers {
  /** The prediction. */
  readonly prediction: string;
  /** The people's answers, in their order. */
  readonly people: readonly string[];
}

/** How one evaluator prepares a prediction and people's answers before it compares them as texts. */
export type CompareAnswers = (prediction: string, people: readonly string[]) => ComparedAnswers;

/** How one evaluator compares a prediction with people's answers. */
export interface VqaRules {
  /** Its name. */
  readonly name: string;
  /** What both sides become. */
  readonly compared: CompareAnswers;
  /** Whether each person's answer is left out once and the results averaged. */
  readonly leaveOneOut: boolean;
}

/**
 * VQAv2 and OK-VQA (GT-Vision-Lab/VQA, vqaEval.py since March 2021): line ends and tabs become spaces and the ends are
 * cut on both sides. Where people's answers then differ, theirs and the prediction lose marks, case, articles and number
 * words; where all are the same, neither side does.
 */
export const vqaRules: VqaRules = {
  name: "vqa",
  compared: (prediction, people) => {
    const predicted = flatten(prediction), given = people.map(flatten);
    return new Set(given).size > 1
      ? { prediction: processed(predicted), people: given.map(processed) }
      : { prediction: predicted, people: given };
  },
  leaveOneOut: true,
};

/** VizWiz (its API's vqaEval.py): the prediction is always normalised, people's answers never. */
export const vizWizRules: VqaRules = {
  name: "vizwiz",
  compared: (prediction, people) => ({ prediction: vqaNormal(prediction), people }),
  leaveOneOut: true,
};

/** TextVQA (m4c_evaluator.py of LLaVA, m4c_evaluators.py of MMF): both sides are always normalised. */
export const evalAiRules: VqaRules = {
  name: "evalai",
  compared: (prediction, people) => ({
    prediction: evalAiNormal(prediction),
    people: people.map(evalAiNormal),
  }),
  leaveOneOut: true,
};

/** A-OKVQA's direct answers (allenai/aokvqa, eval_predictions.py): equal texts count, three of them are enough. */
export const aokVqaRules: VqaRules = {
  name: "a-okvqa",
  compared: (prediction, people) => ({ prediction, people }),
  leaveOneOut: false,
};

/**
 * Accuracy of one answer, 0 to 1. With ten people and `k` matches: 0, 0.3, 0.6, 0.9, then 1. A question without people's
 * answers gives 0; an empty prediction matches only an answer that is empty, or becomes so.
 */
export const vqaAccuracy = (rules: VqaRules): Credit<OpenRecord> => (record, answer) => {
  const { prediction: predicted, people } = rules.compared(answer, record.answers);
  const matches = people.filter((text) => text === predicted).length;
  if (!rules.leaveOneOut) return Math.min(1, matches / 3);
  return mean(people.map((text) => Math.min(1, (matches - (text === predicted ? 1 : 0)) / 3)));
};

/** Overall accuracy, by `answer_type` and by question type. */
export const scoreVqa = (rules: VqaRules): Scores<OpenRecord> => (answered) => {
  const scored = answered.map(({ record, answer }) => ({
    record,
    value: vqaAccuracy(rules)(record, answer),
  }));
  return {
    n: answered.length,
    main: "accuracy",
    values: {
      accuracy: mean(scored.map(({ value }) => value)),
      ...meansBy("accuracy", scored, ({ record }) => record.answerType, ({ value }) => value),
    },
  };
};

/** What a model writes where nothing can be answered. */
const UNANSWERABLE = "unanswerable";

/** Whether an answer says that the question cannot be answered. */
export const saysUnanswerable = (answer: string): boolean => vqaNormal(answer) === UNANSWERABLE;
