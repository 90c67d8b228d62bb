/** VizWiz (Gurari et al., arXiv 1802.08218): accuracy, and whether unanswerable questions are found. */
import { ratio, type ScoreReport, share } from "./report.ts";
import type { Answered, OpenRecord } from "../records/records.ts";
import { saysUnanswerable, scoreVqa, vizWizRules } from "./vqa.ts";

/**
 * Accuracy with parts by answer type, and F1 and average precision of `unanswerable`. The official script takes a score
 * of answerability from the model; an answer in words is taken as 0 or 1, so that average precision is that of
 * scikit-learn with two thresholds: precision times recall of those called unanswerable, and the base rate for the
 * rest. A question is unanswerable if its `answerType` says so.
 */
export const scoreVizWiz = (answered: readonly Answered<OpenRecord>[]): ScoreReport => {
  const { n, main, values } = scoreVqa(vizWizRules)(answered);
  const judged = answered.map(({ record, answer }) => ({
    truth: record.answerType === "unanswerable",
    predicted: saysUnanswerable(answer),
  }));
  const predicted = judged.filter((j) => j.predicted), truth = judged.filter((j) => j.truth);
  const precision = share(predicted, (j) => j.truth), recall = share(truth, (j) => j.predicted);
  const base = ratio(truth.length, judged.length);
  return {
    n,
    main,
    values: {
      ...values,
      "unanswerable/f1": ratio(2 * precision * recall, precision + recall),
      "unanswerable/average_precision": truth.length === 0 ? 0 : precision * recall + base * (1 - recall),
    },
  };
};
