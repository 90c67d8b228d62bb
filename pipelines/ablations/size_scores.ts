/**
 * Presence by size of the object in question. A model that says yes more often is right about more that is there, of
 * whatever size, so the accuracy of a size is balanced: the mean of the share of objects of that size that are found and
 * of the share of absent ones that are denied, of the same set of scenes. Without eyes it is one half.
 */
import * as Effect from "effect/Effect";
import { sampleScenes } from "../scenes/scene.ts";
import type { Interval } from "../base/bootstrap.ts";
import { sceneSizes, sizeName } from "../eval/slices.ts";
import { saysYes } from "../eval/yes_no.ts";
import { readJson } from "../runs/run_directory.ts";
import { evaluationCodec, questionsFor } from "../stages/evaluate.ts";
import { type Answered, byScene } from "../stages/scores.ts";
import { type SceneRows, trainsOf } from "../engine/experiment.ts";
import type { AblationConfig } from "./config.ts";
import type { SampleScore } from "../engine/sample_scores.ts";
import { contrastWithInterval, type Draws, drawsOf, type Term } from "./statistics.ts";
import { readAblation, type StoredError } from "./summary.ts";

/** Sets of scenes that models are asked about: objects of every size, and large ones alone as the control. */
export const sizeSets = ["eval", "large-objects"] as const;

/** One of {@link sizeSets}. */
export type SizeSetName = typeof sizeSets[number];

/** What a model is right about in one set, scene by scene. */
export interface SizeSampleScores {
  /** Objects that are there and found, by name of their size in the order of sizes; sizes without any are left out. */
  readonly found: Readonly<Record<string, SampleScore>>;
  /** What is asked about without being there, and denied. */
  readonly denied: SampleScore;
}

/** How many of the questions of every scene were answered right, of those that are asked for. */
const rightOf = (
  scenes: readonly (readonly Answered[])[],
  wanted: (size: string) => boolean,
): SampleScore => ({
  form: "mean",
  sums: scenes.map((answered) => {
    const asked = answered.flatMap(({ question: q, answer }) =>
      q.kind === "presence" && wanted(q.truth ? sizeName(sceneSizes, q.size) : "absent")
        ? [Number(saysYes(answer) === q.truth)]
        : []
    );
    return [asked.reduce((a, b) => a + b, 0), asked.length];
  }),
});

const askedIn = ({ sums }: SampleScore): number => sums.reduce((n, [, asked = 0]) => n + asked, 0);

/** Outcomes by size of some answers; questions of other kinds than presence are passed over. */
export const sizeSampleScoresOf = (answered: readonly Answered[]): SizeSampleScores => {
  const scenes = byScene(answered);
  const found = sceneSizes.edges.map(({ name }) => [name, rightOf(scenes, (size) => size === name)] as const);
  return {
    found: Object.fromEntries(found.filter(([, outcome]) => askedIn(outcome) > 0)),
    denied: rightOf(scenes, (size) => size === "absent"),
  };
};

/** An arm of an ablation by seed and set. */
export interface ArmSizes {
  /** Its name. */
  readonly name: string;
  /** Of every seed, what it is right about. */
  readonly bySeed: readonly Readonly<Record<SizeSetName, SizeSampleScores>>[];
  /** The evaluations that this comes from, as directories in the store. */
  readonly runs: readonly string[];
}

/** The questions of a set: every model is asked the same. */
const questionsIn = ({ base }: AblationConfig, set: SizeSetName): ReturnType<typeof questionsFor> => {
  const { data } = base.world!, text = trainsOf(base).at(-1)!.data as SceneRows;
  const asked = base.stages.flatMap((spec) =>
    "evaluate" in spec && "controls" in spec.evaluate
      ? [spec.evaluate.data, ...spec.evaluate.controls ?? []]
      : []
  );
  const count = asked.find(({ scenes }) => scenes === set)?.count ?? 0;
  return questionsFor({ scenes: sampleScenes(data, set, count), data, text });
};

const sampleScoresIn = (
  samples: string,
  questions: ReturnType<typeof questionsFor>,
): Effect.Effect<SizeSampleScores, StoredError> =>
  Effect.map(
    readJson(samples, evaluationCodec),
    ({ answers }) => sizeSampleScoresOf(questions.map((asked, i) => ({ ...asked, answer: answers[i]! }))),
  );

/** Presence by size of every arm whose seeds are all evaluated, from the directory of an ablation with a control set. */
export const readSizes = (directory: string): Effect.Effect<readonly ArmSizes[], StoredError> =>
  Effect.gen(function* () {
    const { config, record, store } = yield* readAblation(directory), arms: ArmSizes[] = [];
    const all = questionsIn(config, "eval"), large = questionsIn(config, "large-objects");
    for (const { name } of config.arms) {
      const bySeed = [], runs = record.runs.filter(({ arm }) => arm === name);
      for (const { artefacts: { evaluate } } of runs) {
        const samples = `${store}/${evaluate}/samples`;
        bySeed.push({
          eval: yield* sampleScoresIn(`${samples}/evaluate.json`, all),
          "large-objects": yield* sampleScoresIn(`${samples}/large-objects.json`, large),
        });
      }
      arms.push({ name, bySeed, runs: runs.map(({ artefacts }) => artefacts.evaluate!) });
    }
    return arms;
  });

/** A score of one size in one set of scenes. */
export interface SizeScore extends Interval {
  /** The set. */
  readonly set: SizeSetName;
  /** Name of the size. */
  readonly size: string;
  /** Objects of that size that were asked about, for each seed. */
  readonly n: number;
}

/** Half of what is found and half of what is denied, weighted. */
const balanced = (arm: ArmSizes, set: SizeSetName, size: string, weight: number): readonly Term[] => [
  { weight: weight / 2, bySeed: arm.bySeed.map((one) => one[set].found[size]!) },
  { weight: weight / 2, bySeed: arm.bySeed.map((one) => one[set].denied) },
];

const RESAMPLES = 2000;

const drawsFor = ({ bySeed }: ArmSizes, set: SizeSetName): Draws =>
  drawsOf(bySeed.length, bySeed[0]![set].denied.sums.length, RESAMPLES, 1);

const overSizes = (
  arm: ArmSizes,
  score: (set: SizeSetName, size: string, draws: Draws) => Interval,
): readonly SizeScore[] =>
  sizeSets.flatMap((set) => {
    const draws = drawsFor(arm, set);
    return Object.entries(arm.bySeed[0]![set].found).map(([size, outcome]) => ({
      set,
      size,
      n: askedIn(outcome),
      ...score(set, size, draws),
    }));
  });

/** Balanced accuracy of an arm by set and size, means over seeds with 95 % intervals over seeds and scenes. */
export const sizeAccuracy = (arm: ArmSizes): readonly SizeScore[] =>
  overSizes(arm, (set, size, draws) => contrastWithInterval(balanced(arm, set, size, 1), draws));

/** How much more balanced accuracy one arm has than another with the same seeds on the same scenes. */
export const sizeGain = (arm: ArmSizes, over: ArmSizes): readonly SizeScore[] =>
  overSizes(
    arm,
    (set, size, draws) =>
      contrastWithInterval([...balanced(arm, set, size, 1), ...balanced(over, set, size, -1)], draws),
  );
