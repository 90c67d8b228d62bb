/** GQA (Hudson and Manning, arXiv 1902.09506), after the official eval.py on the balanced questions. */
import type { Answered, ExactRecord } from "../records/records.ts";
import { mean, meansBy, ratio, type ScoreReport } from "./report.ts";

/** The text that is compared: points at the end are cut and case is lowered (LLaVA's convert_gqa_for_eval.py). */
export const gqaAnswer = (text: string): string => text.replace(/\.+$/, "").toLowerCase();

/** 1 if the prediction is the answer, letter for letter. */
export const gqaAccuracy = (record: ExactRecord, answer: string): number =>
  gqaAnswer(answer) === record.answer ? 1 : 0;

type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

const countBy = (pairs: readonly (readonly [string, string])[]): Counts => {
  const counts = new Map<string, Map<string, number>>();
  for (const [group, text] of pairs) {
    const inGroup = counts.get(group) ?? new Map<string, number>();
    inGroup.set(text, (inGroup.get(text) ?? 0) + 1);
    counts.set(group, inGroup);
  }
  return counts;
};

// Chi-square of predicted against true answers within each group, weighted by the group's size, over 100.
const distribution = (answered: readonly Answered<ExactRecord>[]): number => {
  const grouped = answered.filter(({ record }) => record.group !== undefined);
  const truth = countBy(grouped.map(({ record }) => [record.group!, record.answer]));
  const predicted = countBy(grouped.map(({ record, answer }) => [record.group!, gqaAnswer(answer)]));
  const parts = [...truth].map(([group, answers]) => {
    const size = [...answers.values()].reduce((a, b) => a + b, 0);
    const chi = [...answers].reduce(
      (sum, [text, expected]) => sum + ((predicted.get(group)?.get(text) ?? 0) - expected) ** 2 / expected,
      0,
    );
    return { size, chi };
  });
  const overall = parts.reduce((sum, { size }) => sum + size, 0);
  return ratio(parts.reduce((sum, { size, chi }) => sum + size * chi, 0), overall) / 100;
};

// Of each right question, the share of right answers among those it entails; entailed questions that were not asked
// are left out. The mean over questions that have any.
const consistency = (answered: readonly Answered<ExactRecord>[]): number => {
  const right = new Map(
    answered.map(({ record, answer }) => [record.id, gqaAccuracy(record, answer)] as const),
  );
  return mean(answered.flatMap(({ record }) => {
    const follow = (record.entailed ?? []).filter((id) => id !== record.id && right.has(id));
    return right.get(record.id) === 1 && follow.length > 0 ? [mean(follow.map((id) => right.get(id)!))] : [];
  }));
};

/**
 * Accuracy, of open (`query`) and binary questions, by structure, meaning and steps; consistency over entailed
 * questions that were asked; the distance of distributions (lower is better). Validity and plausibility need the
 * choices file and grounding needs attention maps: they are not computed.
 */
export const scoreGqa = (answered: readonly Answered<ExactRecord>[]): ScoreReport => {
  const value = ({ record, answer }: Answered<ExactRecord>): number => gqaAccuracy(record, answer);
  const form = ({ record: { structural: s } }: Answered<ExactRecord>): string | undefined =>
    s === undefined ? undefined : s === "query" ? "open" : "binary";
  return {
    n: answered.length,
    main: "accuracy",
    values: {
      accuracy: mean(answered.map(value)),
      ...meansBy("accuracy", answered, form, value),
      ...meansBy("structural", answered, ({ record }) => record.structural, value),
      ...meansBy("semantic", answered, ({ record }) => record.semantic, value),
      ...meansBy("steps", answered, ({ record }) => record.steps?.toString(), value),
      consistency: consistency(answered),
      distribution: distribution(answered),
    },
  };
};
