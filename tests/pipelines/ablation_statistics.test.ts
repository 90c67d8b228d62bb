/** Scores of ablations: sums of answers, controls, and intervals over seeds and scenes. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  controlScores,
  type SampleScore,
  sampleScoresOf,
  scoresOfSamples,
} from "../../pipelines/engine/sample_scores.ts";
import { type SceneRows, trainsOf } from "../../pipelines/engine/experiment.ts";
import { presets } from "../../pipelines/ablations/presets.ts";
import { differenceWithInterval, drawsOf, meanWithInterval } from "../../pipelines/ablations/statistics.ts";
import { defaultData } from "../../pipelines/scenes/config.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { questionKinds, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { judged } from "../../pipelines/stages/evaluate.ts";
import { evalQuestions, scoresOf } from "../../pipelines/stages/scores.ts";
import { property } from "../support/property.ts";

const statistics = suite("statistics");

const mean = (rows: readonly (readonly [number, number])[]): SampleScore => ({ form: "mean", sums: rows });

const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constant(5)), {
  minLength: 4,
  maxLength: 4,
});

property(statistics, "intervals hold the mean, and are a point where nothing varies", [
  fc.array(rows, { minLength: 1, maxLength: 3 }),
], (seeds) => {
  const outcomes = seeds.map(mean), draws = drawsOf(seeds.length, 4, 200, 1);
  const { value, low, high } = meanWithInterval(outcomes, draws);
  const all = seeds.flat();
  assert.ok(Math.abs(value - all.reduce((s, [x]) => s + x, 0) / (5 * all.length)) < 1e-12);
  assert.ok(low <= value + 1e-12 && value <= high + 1e-12);
  const same = differenceWithInterval(outcomes, outcomes, draws);
  assert.equal([same.value, same.low, same.high], [0, 0, 0], "a difference to itself is exactly none");
});

statistics("differences are paired: what all scenes share does not widen them", () => {
  const hard = [0, 5, 1, 4, 0, 5, 2, 3], seeds = [0, 1, 2];
  const arm = (more: number): readonly SampleScore[] =>
    seeds.map((s) => mean(hard.map((h) => [h + more + (s === 1 ? 1 : 0), 10])));
  const draws = drawsOf(3, hard.length, 500, 1);
  const alone = meanWithInterval(arm(1), draws), apart = differenceWithInterval(arm(1), arm(0), draws);
  assert.ok(alone.high - alone.low > 0.1);
  assert.ok(Math.abs(apart.low - 0.1) < 1e-9 && Math.abs(apart.high - 0.1) < 1e-9);
});

statistics("both seeds and scenes are drawn", () => {
  const scene = (x: number): readonly SampleScore[] => [0, 1].map(() => mean([[x, 1], [1 - x, 1]]));
  const seed = [mean([[1, 1], [1, 1]]), mean([[0, 1], [0, 1]])], draws = drawsOf(2, 2, 500, 1);
  assert.equal(meanWithInterval(scene(1), draws), { value: 0.5, low: 0, high: 1 });
  assert.equal(meanWithInterval(seed, draws), { value: 0.5, low: 0, high: 1 });
});

statistics("sums of answers give the scores of answers", () => {
  const scenes = sampleScenes(defaultData, "eval", 12);
  const answered = scenes.flatMap((scene, i) =>
    questionsOf(scene, defaultData).filter((q) => q.kind !== "caption").map((question, j) => ({
      scene: i,
      question,
      answer: (i * 7 + j) % 3 === 0 ? "yes" : question.answer,
    }))
  );
  const mine = scoresOfSamples(sampleScoresOf(answered, defaultData));
  const theirs = scoresOf(answered, { grid: defaultData.grid, resamples: 10, seed: 1 });
  const near = (a: number | undefined, b: number): void => assert.ok(Math.abs(a! - b) < 1e-12, `${a} ${b}`);
  near(mine.presenceF1, theirs.presenceF1.value);
  near(mine.presenceAccuracy, theirs.presenceAccuracy.value);
  near(mine.countAccuracy, theirs.countAccuracy.value);
  near(mine.referAccuracy, theirs.referAccuracy.value);
  near(mine.referIou, theirs.referIou);
});

statistics("every metric of a model has its controls, and they are the controls' own scores", () => {
  const { base } = presets.gpu, { data } = base.world!, { turns } = trainsOf(base).at(-1)!.data as SceneRows;
  const kinds = questionKinds.filter((k) => turns[k]);
  const questions = evalQuestions(
    sampleScenes(data, "eval", 16),
    (scene) => questionsOf(scene, data, 0, kinds),
  );
  const answered = (answerOf: (i: number) => string) =>
    questions.map((asked, i) => ({ ...asked, answer: answerOf(i) }));
  const truth = answered((i) => questions[i]!.question.answer);
  const blind = answered((i) => ["yes", "3", "red", questions[i]!.question.answer][i % 4]!);
  const shuffled = answered((i) => questions[(i + 7) % questions.length]!.question.answer);
  const evaluation = judged("id", { seen: truth, blind, shuffled }, data, {
    resamples: 3,
    seed: 1,
    samples: 1,
  });
  const seen = sampleScoresOf(truth, data);
  assert.ok("readingAnls" in seen && "attributeAccuracy" in seen);
  for (const [name, of] of [["blind", blind], ["shuffled", shuffled]] as const) {
    const expected = scoresOfSamples(sampleScoresOf(of, data)), found = controlScores(seen, evaluation, name);
    assert.equal(Object.keys(found), Object.keys(seen));
    for (const metric of Object.keys(seen)) {
      assert.ok(Math.abs(found[metric]! - expected[metric]!) < 1e-12, metric);
    }
  }
});

statistics.run();
