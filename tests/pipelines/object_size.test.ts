/** The experiment on sizes: its jobs, its world, and accuracy by size, which rewards neither yes nor no. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bridgeAfter, jobGraph, jobsOf } from "../../pipelines/engine/jobs.ts";
import { sizesWorld } from "../../pipelines/ablations/object_size.ts";
import { type SceneRows, trainsOf } from "../../pipelines/engine/experiment.ts";
import { ablation, armIn, experimentsIn } from "../support/ablations.ts";
import {
  type ArmSizes,
  sizeAccuracy,
  sizeGain,
  sizeSampleScoresOf,
  type SizeSetName,
  sizeSets,
} from "../../pipelines/ablations/size_scores.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { sceneSizes } from "../../pipelines/eval/slices.ts";
import { questionsFor } from "../../pipelines/stages/evaluate.ts";
import type { Answered } from "../../pipelines/stages/scores.ts";
import { property } from "../support/property.ts";
import { madeBy } from "../support/made_by.ts";

const test = suite("object size");
const config = ablation("object-size", "small", { seeds: [1] });
const text = trainsOf(config.base).at(-1)!.data as SceneRows;

test("four arms share one pre-training; either resolution has its images, and the control is evaluated", () => {
  const jobs = jobGraph(experimentsIn(config), madeBy("a device"));
  const count = (stage: string): number => jobs.filter((job) => job.name === stage).length;
  assert.equal(["pretrain", "expand", "finetune", "evaluate"].map(count), [1, 4, 4, 4]);
  const seen = jobs.flatMap(({ kind, images: p }) => kind === "features" ? [`${p!.split} ${p!.side}`] : []);
  assert.equal(
    seen.toSorted(),
    ["eval 224", "eval 448", "finetune 224", "finetune 448", "large-objects 224", "large-objects 448"]
      .concat("pretrain 112").toSorted(),
  );
  for (const { needs } of jobs.filter(({ name }) => name === "evaluate")) {
    assert.is(needs.filter(({ kind }) => kind === "features").length, 3);
  }
});

test("what is set decides artefacts, and nothing is said of what is not", () => {
  const keyOf = (settings: readonly string[], name: string): string => {
    const one = ablation("object-size", "small", { settings });
    return jobsOf(armIn(one, one.baseline), madeBy("a device")).find((job) => job.name === name)!.key;
  };
  for (
    const setting of ["model.resolution=224", "pretrain.data.data.seed=2", "evaluate.controls.0.count=9"]
  ) {
    const asked = setting.startsWith("evaluate");
    assert.is(keyOf([setting], "pretrain") === keyOf([], "pretrain"), asked, setting);
    assert.not.equal(keyOf([setting], "evaluate"), keyOf([], "evaluate"));
  }
});

test("a resolution of pre-training is doubled as that of the encoder is", () => {
  const [small, large] = ["cos-20-20-at-112", "cos-20-20"].map((name) => [
    ...new Set([[], ["model.resolution=224"]].flatMap((settings) => {
      const at = armIn(ablation("token-scaling", "small", { settings }), name);
      return [bridgeAfter(at, 0), bridgeAfter(at, 2)].map((bridge) => bridge.resolution);
    })),
  ]);
  assert.equal([small, large], [[112, 224], [112, 224, 448]]);
});

test("objects have every size and are alone of their kind; those of the control are large", () => {
  const drawn = sampleScenes(sizesWorld, "eval", 60), large = sampleScenes(sizesWorld, "large-objects", 60);
  const sizes = drawn.flatMap(({ objects }) => objects.map(({ size }) => size * sizesWorld.master));
  for (const [i, { below }] of sceneSizes.edges.entries()) {
    const from = sceneSizes.edges[i - 1]?.below ?? 0;
    assert.ok(sizes.filter((size) => size >= from && size < below).length > 20, String(below));
  }
  for (const { objects } of [...drawn, ...large]) {
    assert.is(new Set(objects.map(({ concept }) => concept)).size, objects.length);
  }
  assert.ok(large.every(({ objects }) => objects.every(({ size }) => size * sizesWorld.master > 99)));
});

const questions = Object.fromEntries(sizeSets.map((set) => [
  set,
  questionsFor({ scenes: sampleScenes(sizesWorld, set, 24), data: sizesWorld, text }),
])) as Record<SizeSetName, ReturnType<typeof questionsFor>>;

test("what is asked about comes last, and every object has its size in pixels of the master", () => {
  for (const { question: q, scene } of questions.eval) {
    assert.ok(q.kind === "presence" && q.prompt.startsWith("is there ") && !q.prompt.endsWith("?"));
    const objects = sampleScenes(sizesWorld, "eval", scene + 1)[scene]!.objects;
    const found = objects.find(({ concept }) => q.kind === "presence" && concept === q.concept);
    assert.is(found === undefined ? undefined : found.size * sizesWorld.master, q.size);
  }
});

/** An arm of one seed whose answers follow from the question and its place. */
const armOf = (says: (truth: boolean, size: number, place: number) => boolean): ArmSizes => ({
  name: "arm",
  bySeed: [
    Object.fromEntries(sizeSets.map((set) => [
      set,
      sizeSampleScoresOf(questions[set].map((asked, i): Answered => {
        const { question: q } = asked;
        const yes = q.kind === "presence" && says(q.truth, q.size ?? 0, i);
        return { ...asked, answer: yes ? "yes" : "no" };
      })),
    ])) as ArmSizes["bySeed"][number],
  ],
  runs: [],
});

test("who sees everything has it all, who says the same to everything has half, at every size", () => {
  for (const [says, value] of [[(t: boolean) => t, 1], [() => true, 0.5], [() => false, 0.5]] as const) {
    const scores = sizeAccuracy(armOf(says));
    assert.ok(scores.length >= 6);
    for (const score of scores) assert.equal([score.value, score.low, score.high], [value, value, value]);
  }
});

test("who sees only large things gains by seeing small ones where they are small", () => {
  const far = armOf((truth, size) => truth && size >= 40), near = armOf((truth) => truth);
  for (const { size, set, value, n } of sizeGain(near, far)) {
    assert.is(
      value,
      ["under 16 px", "16 to 24 px", "24 to 40 px"].includes(size) ? 0.5 : 0,
      `${set} ${size}`,
    );
    assert.ok(n > 5);
  }
});

property(test, "a gain is the difference of two accuracies and is in its interval", [
  fc.integer({ min: 2, max: 6 }),
  fc.integer({ min: 2, max: 6 }),
], (p, q) => {
  const a = armOf((truth, _, i) => i % p === 0 ? !truth : truth),
    b = armOf((truth, _, i) => i % q > 0 && truth);
  const [of, over] = [sizeAccuracy(a), sizeAccuracy(b)];
  sizeGain(a, b).forEach(({ value, low, high }, i) => {
    assert.ok(Math.abs(value - (of[i]!.value - over[i]!.value)) < 1e-12);
    assert.ok(low <= value + 1e-12 && value <= high + 1e-12);
  });
}, { runs: 8 });

test.run();
