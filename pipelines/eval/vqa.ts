/** Accuracy against several people's answers (Antol et al., arXiv 1505.00468), with the rules of four evaluators. */
import { type Credit, mean, meansBy, type Scores } from "./report.ts";
import type { OpenRecord } from "./records.ts";
import { evalAiNormal, flatten, vqaNormal, withoutMarks } from "./vqa_normal.ts";

/** How one evaluator compares a prediction with people's answers. */
export interface VqaRules {
  /** Its name. */
  readonly name: string;
  /** What is done to the prediction. */
  readonly prediction: (text: string) => string;
  /** What is done to the people's answers, all of a question at once. */
  readonly answers: (texts: readonly string[]) => readonly string[];
  /** Whether each person's answer is left out once and the results averaged. */
  readonly leaveOneOut: boolean;
}

/**
 * VQAv2 and OK-VQA (GT-Vision-Lab/VQA, vqaEval.py): the prediction is always normalised, marks are removed from the
 * people's answers only if these are not all the same text; their case, digits and articles stay as they are.
 */
export const vqaRules: VqaRules = {
  name: "vqa",
  prediction: vqaNormal,
  answers: (texts) => new Set(texts).size > 1 ? texts.map(withoutMarks) : texts,
  leaveOneOut: true,
};

/** VizWiz (its API's vqaEval.py): as {@link vqaRules}, but people's answers are never touched. */
export const vizWizRules: VqaRules = { ...vqaRules, name: "vizwiz", answers: (texts) => texts };

/** TextVQA (LLaVA's m4c_evaluator.py, after MMF) and VizWiz in lmms-eval: both sides are always normalised. */
export const evalAiRules: VqaRules = {
  name: "evalai",
  prediction: evalAiNormal,
  answers: (texts) => texts.map(evalAiNormal),
  leaveOneOut: true,
};

/** A-OKVQA's direct answers (allenai/aokvqa, eval_predictions.py): equal texts count, three of them are enough. */
export const aokVqaRules: VqaRules = {
  name: "a-okvqa",
  prediction: (text) => text,
  answers: (texts) => texts,
  leaveOneOut: false,
};

/**
 * Accuracy of one answer, 0 to 1. With ten people and `k` matches: 0, 0.3, 0.6, 0.9, then 1. A question without people's
 * answers gives 0; an empty prediction matches only an empty answer.
 */
export const vqaAccuracy = (rules: VqaRules): Credit<OpenRecord> => (record, answer) => {
  const said = rules.prediction(answer), people = rules.answers(record.answers);
  const matches = people.filter((text) => text === said).length;
  if (!rules.leaveOneOut) return Math.min(1, matches / 3);
  return mean(people.map((text) => Math.min(1, (matches - (text === said ? 1 : 0)) / 3)));
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
export const saysUnanswerable = (answer: string): boolean => vqaNormal(flatten(answer)) === UNANSWERABLE;
