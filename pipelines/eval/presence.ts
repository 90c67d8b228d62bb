/** Presence scores after POPE (Li et al., arXiv 2305.10355). */
import { type NegativeKind, negativeKinds } from "../data/tasks.ts";

/** One presence question and what the model wrote. */
export interface PresenceItem {
  /** The POPE setting that the question belongs to. */
  readonly negative: NegativeKind;
  /** Whether the concept is there. */
  readonly truth: boolean;
  /** The model's answer. */
  readonly answer: string;
}

/** Scores of a list of yes/no questions, each 0 to 1; a ratio without cases is 0. */
export interface PresenceScore {
  /** Number of questions. */
  readonly n: number;
  /** Share of right answers. */
  readonly accuracy: number;
  /** Of the answers `yes`, the share that is right. */
  readonly precision: number;
  /** Of the concepts that are there, the share that is said to be. */
  readonly recall: number;
  /** Harmonic mean of precision and recall. */
  readonly f1: number;
  /** Share of answers `yes`. */
  readonly yesRate: number;
}

/** Scores over all questions and in every setting. */
export interface PresenceReport extends PresenceScore {
  /** Scores by setting. */
  readonly byKind: Readonly<Record<NegativeKind, PresenceScore>>;
}

/**
 * Reads an answer by POPE's rule: only the first sentence counts, commas are dropped, and it means no if one of its
 * words is `no` or `not`; everything else, an empty answer included, means yes.
 */
export const saysYes = (answer: string): boolean => {
  const first = answer.split(".")[0]!.replaceAll(",", "").toLowerCase();
  return !first.split(/\s+/).some((word) => word === "no" || word === "not");
};

const ratio = (a: number, b: number): number => b === 0 ? 0 : a / b;

const score = (items: readonly PresenceItem[]): PresenceScore => {
  const judged = items.map((item) => ({ said: saysYes(item.answer), truth: item.truth }));
  const number = (said: boolean, truth: boolean): number =>
    judged.filter((j) => j.said === said && j.truth === truth).length;
  const tp = number(true, true),
    fp = number(true, false),
    tn = number(false, false),
    fn = number(false, true);
  const precision = ratio(tp, tp + fp), recall = ratio(tp, tp + fn), n = items.length;
  return {
    n,
    accuracy: ratio(tp + tn, n),
    precision,
    recall,
    f1: ratio(2 * precision * recall, precision + recall),
    yesRate: ratio(tp + fp, n),
  };
};

/** Scores answers to presence questions. */
export const scorePresence = (items: readonly PresenceItem[]): PresenceReport => ({
  ...score(items),
  byKind: Object.fromEntries(
    negativeKinds.map((kind) => [kind, score(items.filter((item) => item.negative === kind))]),
  ) as Record<NegativeKind, PresenceScore>,
});

/** Whether one answer is right, for intervals over items. */
export const presenceRight = (item: PresenceItem): boolean => saysYes(item.answer) === item.truth;
