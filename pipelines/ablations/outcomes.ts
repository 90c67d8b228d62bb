/**
 * What a model got right, scene by scene, as sums from which every score follows: scores of scenes that are drawn again
 * need no answers, only their sums.
 */
import * as t from "io-ts";
import { countRight } from "../eval/count.ts";
import { referIou, referRight } from "../eval/refer.ts";
import { saysYes } from "../eval/yes_no.ts";
import { type Answered, byScene } from "../stages/scores.ts";
import type { MetricInfo } from "./summary_types.ts";

/** How a score follows from sums: `mean` of `[sum, number]`, `f1` of `[true positives, false positives, false negatives]`. */
export type Form = "mean" | "f1";

/** One metric of a model. */
export interface Outcome {
  /** How the score follows. */
  readonly form: Form;
  /** Sums of every scene, in the order of the scenes. */
  readonly sums: readonly (readonly number[])[];
}

/** All metrics of a model by name. */
export type Outcomes = Readonly<Record<string, Outcome>>;

const outcomesType = t.record(
  t.string,
  t.strict({
    form: t.keyof({ mean: null, f1: null }),
    sums: t.readonlyArray(t.readonlyArray(t.number)),
  }),
);

/** Codec of {@link Outcomes}. */
export const outcomesCodec = (): t.Type<Outcomes, unknown, unknown> => outcomesType;

/** The score of some sums, from 0 to 1; 0 of nothing. */
export const scoreOf = (form: Form, [a = 0, b = 0, c = 0]: readonly number[]): number =>
  form === "mean" ? (b === 0 ? 0 : a / b) : a === 0 ? 0 : 2 * a / (2 * a + b + c);

/** Sums of sums. */
export const added = (sums: readonly (readonly number[])[]): readonly number[] => {
  const total = [0, 0, 0];
  for (const one of sums) for (let i = 0; i < one.length; i++) total[i]! += one[i]!;
  return total;
};

/** The score of all scenes. */
export const scoreOfAll = ({ form, sums }: Outcome): number => scoreOf(form, added(sums));

interface Metric extends MetricInfo {
  readonly form: Form;
  /** Sums of one answer; nothing where the question is of another kind. */
  readonly of: (answered: Answered, grid: number) => readonly number[] | undefined;
}

const mean = (
  name: string,
  label: string,
  of: (a: Answered, grid: number) => number | undefined,
): Metric => ({
  name,
  label,
  form: "mean",
  of: (answered, grid) => {
    const value = of(answered, grid);
    return value === undefined ? undefined : [value, 1];
  },
});

const metrics: readonly Metric[] = [
  {
    name: "presenceF1",
    label: "presence F1",
    form: "f1",
    of: ({ question: q, answer }) => {
      if (q.kind !== "presence") return undefined;
      const said = saysYes(answer);
      return [Number(said && q.truth), Number(said && !q.truth), Number(!said && q.truth)];
    },
  },
  mean(
    "presenceAccuracy",
    "presence acc.",
    ({ question: q, answer }) => q.kind === "presence" ? Number(saysYes(answer) === q.truth) : undefined,
  ),
  mean(
    "countAccuracy",
    "count acc.",
    ({ question: q, answer }) =>
      q.kind === "count" ? Number(countRight({ truth: q.truth, answer })) : undefined,
  ),
  mean(
    "referAccuracy",
    "refer acc@0.5",
    ({ question: q, answer }, grid) =>
      q.kind === "refer" ? Number(referRight(grid)({ truth: q.truth, answer })) : undefined,
  ),
  mean(
    "referIou",
    "refer IoU",
    ({ question: q, answer }, grid) =>
      q.kind === "refer" ? referIou(grid)({ truth: q.truth, answer }) : undefined,
  ),
];

/** Every metric, in the order of tables. */
export const metricInfos: readonly MetricInfo[] = metrics.map(({ name, label }) => ({ name, label }));

/** What answers come to, scene by scene; metrics that no question belongs to are left out. */
export const outcomesOf = (answered: readonly Answered[], grid: number): Outcomes => {
  const scenes = byScene(answered);
  return Object.fromEntries(metrics.flatMap(({ name, form, of }) => {
    const width = form === "mean" ? 2 : 3;
    const sums = scenes.map((scene) => added(scene.flatMap((one) => [of(one, grid) ?? []])).slice(0, width));
    return sums.some((s) => s.some((n) => n > 0)) || answered.some((a) => of(a, grid) !== undefined)
      ? [[name, { form, sums }] as const]
      : [];
  }));
};

/** Scores by metric. */
export const scoresOfOutcomes = (outcomes: Outcomes): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(outcomes).map(([name, outcome]) => [name, scoreOfAll(outcome)]));
