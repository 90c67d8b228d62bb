/**
 * What a model got right, scene by scene, as sums from which every score follows: scores of scenes that are drawn again
 * need no answers, only their sums.
 */
import * as t from "io-ts";
import type { Box } from "../records/box.ts";
import type { DataConfig } from "../scenes/config.ts";
import { boxFormatOf } from "../scenes/questions/box_format.ts";
import type { QuestionKind } from "../scenes/tasks.ts";
import { pairIou } from "../eval/boxes_found.ts";
import { sceneBenchmarks } from "../eval/scene_benchmarks.ts";
import { sceneRecord } from "../eval/scene_records.ts";
import { saysYes } from "../eval/yes_no.ts";
import type { Evaluation } from "../stages/evaluate.ts";
import { type Answered, byScene } from "../stages/scores.ts";

/** A score. */
export interface MetricInfo {
  /** Its key in scores. */
  readonly name: string;
  /** Its kind, for people. */
  readonly label: string;
}

/** How a score follows from sums: `mean` of `[sum, number]`, `f1` of `[true positives, false positives, false negatives]`. */
export type Form = "mean" | "f1";

/** One metric of a model. */
export interface SampleScore {
  /** How the score follows. */
  readonly form: Form;
  /** Sums of every scene, in the order of the scenes. */
  readonly sums: readonly (readonly number[])[];
}

/** All metrics of a model by name. */
export type SampleScores = Readonly<Record<string, SampleScore>>;

const sampleScoresType = t.record(
  t.string,
  t.strict({
    form: t.keyof({ mean: null, f1: null }),
    sums: t.readonlyArray(t.readonlyArray(t.number)),
  }),
);

/** Codec of {@link SampleScores}. */
export const sampleScoresCodec = (): t.Type<SampleScores, unknown, unknown> => sampleScoresType;

/** Credits of single answers, summed by image, as an outcome: their mean. */
export const creditScore = (
  credits: readonly { readonly sum: number; readonly n: number }[],
): SampleScore => ({ form: "mean", sums: credits.map(({ sum, n }) => [sum, n]) });

/** The score of some sums, from 0 to 1; a mean of nothing is NaN. */
export const scoreOf = (form: Form, [a = 0, b = 0, c = 0]: readonly number[]): number =>
  form === "mean" ? a / b : a === 0 ? 0 : 2 * a / (2 * a + b + c);

/** Sums of sums. */
export const added = (sums: readonly (readonly number[])[]): readonly number[] => {
  const total = [0, 0, 0];
  for (const one of sums) for (let i = 0; i < one.length; i++) total[i]! += one[i]!;
  return total;
};

/** The score of all scenes. */
export const scoreOfAll = ({ form, sums }: SampleScore): number => scoreOf(form, added(sums));

interface Metric extends MetricInfo {
  readonly form: Form;
  /** The kind whose mean credit it is, of those that are one. */
  readonly creditOf?: QuestionKind;
  /** Sums of one answer; nothing where the question is of another kind. */
  readonly of: (answered: Answered, judge: Judge) => readonly number[] | undefined;
}

/** How answers are judged in a world. */
interface Judge {
  /** Credit of an answer from 0 to 1, by the benchmark of its kind. */
  readonly credit: (answered: Answered) => number;
  /** Intersection over union of a spoken box with the truth. */
  readonly iou: (truth: Box, answer: string) => number;
}

const judgeOf = (data: DataConfig): Judge => {
  const benchmarks = sceneBenchmarks(data), { parse } = boxFormatOf(data);
  return {
    credit: ({ question, scene, answer }) =>
      benchmarks[question.kind].credit(sceneRecord(question, data, String(scene), question.prompt), answer),
    iou: (truth, answer) => pairIou({ truth, predicted: parse(answer) }),
  };
};

/** Names of the mean credit of every kind of question. A kind without one does not compile. */
const credits: Readonly<Record<QuestionKind, readonly [name: string, label: string]>> = {
  presence: ["presenceAccuracy", "presence acc."],
  count: ["countAccuracy", "count acc."],
  refer: ["referAccuracy", "refer acc@0.5"],
  reading: ["readingAnls", "reading ANLS"],
  attribute: ["attributeAccuracy", "colour acc."],
  relation: ["relationAccuracy", "relation acc."],
  neighbour: ["neighbourAccuracy", "neighbour acc."],
  compare: ["compareAccuracy", "more acc."],
  larger: ["largerAccuracy", "larger acc."],
  name: ["nameAccuracy", "naming acc."],
  "kind-of": ["kindOfAccuracy", "kind acc."],
  translate: ["translateAccuracy", "translation acc."],
  caption: ["captionRougeL", "caption ROUGE-L"],
  dense: ["denseRougeL", "dense ROUGE-L"],
};

const presenceF1: Metric = {
  name: "presenceF1",
  label: "presence F1",
  form: "f1",
  of: ({ question: q, answer }) => {
    if (q.kind !== "presence") return undefined;
    const predicted = saysYes(answer);
    return [Number(predicted && q.truth), Number(predicted && !q.truth), Number(!predicted && q.truth)];
  },
};

const referIou: Metric = {
  name: "referIou",
  label: "refer IoU",
  form: "mean",
  of: ({ question: q, answer }, { iou }) => q.kind === "refer" ? [iou(q.truth, answer), 1] : undefined,
};

const metrics: readonly Metric[] = [
  presenceF1,
  ...(Object.entries(credits) as [QuestionKind, readonly [string, string]][]).flatMap((
    [kind, [name, label]],
  ): readonly Metric[] => [
    {
      name,
      label,
      form: "mean",
      creditOf: kind,
      of: (answered, { credit }) => answered.question.kind === kind ? [credit(answered), 1] : undefined,
    },
    ...(kind === "refer" ? [referIou] : []),
  ]),
];

/** Every metric, in the order of tables. */
export const metricInfos: readonly MetricInfo[] = metrics.map(({ name, label }) => ({ name, label }));

/** Sample scores of answers about scenes of a world, scene by scene; metrics that no question belongs to are left out. */
export const sampleScoresOf = (answered: readonly Answered[], data: DataConfig): SampleScores => {
  const scenes = byScene(answered), judge = judgeOf(data);
  return Object.fromEntries(metrics.flatMap(({ name, form, of }) => {
    const width = form === "mean" ? 2 : 3;
    const judged = scenes.map((scene) => scene.flatMap((one) => [of(one, judge) ?? []]));
    return judged.some((scene) => scene.some(({ length }) => length > 0))
      ? [[name, { form, sums: judged.map((sums) => added(sums).slice(0, width)) }] as const]
      : [];
  }));
};

const valueOf = (score: unknown): number | undefined =>
  typeof score === "number" ? score : (score as { readonly value?: number } | undefined)?.value;

/**
 * What a control scores in the metrics of a model's outcomes. Every metric is either among the scores of the control or
 * the credit of a kind, so that none is without one.
 */
export const controlScores = (
  seen: SampleScores,
  { kinds, ...scores }: Pick<Evaluation, "blind" | "shuffled" | "kinds">,
  control: "blind" | "shuffled",
): Readonly<Record<string, number>> =>
  Object.fromEntries(
    metrics.filter(({ name }) => name in seen).flatMap(({ name, creditOf }) => {
      const own = valueOf((scores[control] as unknown as Readonly<Record<string, unknown>>)[name]);
      const value = own ?? (creditOf && kinds[creditOf]?.controls[control].credit.value);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

/** Scores by metric. */
export const scoresOfSamples = (outcomes: SampleScores): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(outcomes).map(([name, outcome]) => [name, scoreOfAll(outcome)]));
