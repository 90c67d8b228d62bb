/** Presence scores of scenes after POPE (Li et al., arXiv 2305.10355). */
import { type NegativeKind, negativeKinds } from "../scenes/tasks.ts";
import { saysYes, scoreYesNo, type YesNoScore } from "./yes_no.ts";

/** One presence question and what the model wrote. */
export interface PresenceItem {
  /** The POPE setting that the question belongs to. */
  readonly negative: NegativeKind;
  /** Whether the concept is there. */
  readonly truth: boolean;
  /** The model's answer. */
  readonly answer: string;
}

/** Scores over all questions and in every setting. */
export interface PresenceReport extends YesNoScore {
  /** Scores by setting. */
  readonly byKind: Readonly<Record<NegativeKind, YesNoScore>>;
}

const score = (items: readonly PresenceItem[]): YesNoScore =>
  scoreYesNo(items.map(({ truth, answer }) => ({ truth, predicted: saysYes(answer) })));

/** Scores answers to presence questions. */
export const scorePresence = (items: readonly PresenceItem[]): PresenceReport => ({
  ...score(items),
  byKind: Object.fromEntries(
    negativeKinds.map((kind) => [kind, score(items.filter((item) => item.negative === kind))]),
  ) as Record<NegativeKind, YesNoScore>,
});

/** Whether one answer is right, for intervals over items. */
export const presenceRight = (item: PresenceItem): boolean => saysYes(item.answer) === item.truth;
