/** The language stage: descriptions in words, the shipped decoder, and what starts from it. */
import { type Layout, layoutOf, type ParameterSpec, type Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rngOf } from "../../pipelines/base/rng.ts";
import { shippedHash, shippedTokenizer } from "../../pipelines/decoder/shipped.ts";
import { experimentCodec, trainsOf } from "../../pipelines/engine/experiment.ts";
import { bridgeAfter, jobsOf } from "../../pipelines/engine/jobs.ts";
import type { Resolved } from "../../pipelines/engine/resolve.ts";
import { ablationOf } from "../../pipelines/ablations/ablation.ts";
import { ablation, armIn, drawn } from "../support/ablations.ts";
import { left } from "../support/either.ts";
import { startingModel } from "../../pipelines/engine/models.ts";
import { quantise } from "../../pipelines/records/grid.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { questionsOf } from "../../pipelines/scenes/tasks.ts";
import { decoderTraining, defaultDecoder } from "../../pipelines/stages/decoder.ts";
import { described, wordChannels } from "../../pipelines/stages/description.ts";
import { tokenizerFor } from "../../pipelines/stages/encoding.ts";
import { optimiserOf, trainedBy } from "../../pipelines/stages/language_config.ts";
import { modelOf } from "../../pipelines/stages/model.ts";
import { arraysOf } from "../support/lazy.ts";

const quick = ablation("quickstart", "small"), { world } = quick.base, { data } = world!;
const few = (kind?: "fresh" | "frozen", seed = 3) =>
  armIn(quick, ["cos-20-84", kind].filter((part) => part !== undefined).join("-"), seed);
const layouts: readonly (readonly [Layout, number])[] = [
  [layoutOf(112, 14, [8, 2], [4, 1]), 20],
  [layoutOf(224, 14, [16, 8, 2], [4, 4, 1]), 84],
  [layoutOf(112, 14, [8], [84]), 84],
];

test("a description names every object where it is, and marks the window of its middle", () => {
  const scenes = sampleScenes(data, "pretrain", 40), channels = wordChannels(data);
  for (const [layout, places] of layouts) {
    const { shape, data: words } = described(scenes, layout, data, 0, (row) => rngOf("test", row));
    assert.equal(shape, [scenes.length, places, channels]);
    scenes.forEach(({ objects }, row) => {
      let place = 0;
      for (const { window, queries } of layout.scales) {
        const side = layout.resolution / layout.patch / window, alone = layout.scales.length === 1;
        let marks = 0;
        for (const last = place + side * side * queries, first = place; place < last; place++) {
          const at = (row * places + place) * channels, here = words.slice(at, at + channels);
          const names = here.slice(0, data.concepts), [mark, nothing] = here.slice(-2);
          assert.is(nothing === 1, names.every((weight) => weight === 0));
          marks += mark!;
          const at_ = Math.floor((place - first) / queries), y = Math.floor(at_ / side), x = at_ % side;
          const covering = objects.filter(({ box: [x1, y1, x2, y2] }) =>
            x1 * side < x + 1 && x2 * side > x && y1 * side < y + 1 && y2 * side > y
          );
          names.forEach((weight, concept) =>
            assert.ok(weight === 0 || covering.some((object) => object.concept === concept))
          );
          const middles = objects.filter(({ box: [x1, y1, x2, y2] }) =>
            Math.floor((x1 + x2) / 2 * side) === x && Math.floor((y1 + y2) / 2 * side) === y
          );
          if (mark! > 0 && side > 1) assert.ok(middles.length >= mark!);
          if (mark! === middles.length && queries === 1) {
            for (const { concept, box } of middles) {
              assert.ok(names[concept]! >= 1);
              quantise(box, data.grid).forEach((cell, edge) =>
                assert.ok(here[data.concepts + edge * data.grid + cell]! >= 1)
              );
            }
          }
        }
        if (side > 1 || alone) assert.is(marks, objects.length);
      }
    });
  }
});

test("edges deviate where descriptions are inexact", () => {
  const scenes = sampleScenes(data, "pretrain", 40), [layout] = layouts[0]!, channels = wordChannels(data);
  const at = (edges: number) => described(scenes, layout, data, edges, (row) => rngOf("test", row)).data;
  const sumOf = (words: ArrayLike<number>, from: number, to: number) => {
    let sum = 0;
    for (let i = 0; i < words.length; i++) if (i % channels >= from && i % channels < to) sum += words[i]!;
    return Math.round(sum * 1e3);
  };
  for (const words of [at(0), at(0.1)]) {
    assert.ok(Math.abs(sumOf(words, data.concepts, channels - 2) - 4 * sumOf(words, 0, data.concepts)) < 9);
  }
  assert.not.equal(at(0), at(0.1));
});

test("batches of the language stage are functions of the step, in every layout", async () => {
  const places = { checkpoint: "", metrics: "", every: 1 },
    tokenizer = tokenizerFor(defaultDecoder);
  const training = decoderTraining(defaultDecoder, tokenizer, places), seen = new Set<string>();
  for (let step = 0; step < 30; step++) {
    const [a, b] = await Promise.all([0, 1].map(() => Effect.runPromise(training.batchAt(step))));
    assert.equal(a, b);
    Object.keys(a!).filter((path) => path.startsWith("features")).forEach((path) => seen.add(path));
  }
  assert.ok(seen.size > 1);
  assert.is(training.others!.length, defaultDecoder.layouts.length - 1);
});

const started = (resolved: Resolved) => Effect.runPromise(startingModel(resolved));

test("models start from the shipped decoder, whose encoding is theirs; arms may start from nothing", async () => {
  assert.is(tokenizerFor(world!).size, shippedTokenizer.size);
  const [shipped, nothing] = await Promise.all([
    started(few()),
    started(few("fresh")),
  ]);
  assert.not.equal(shipped!.identity, nothing!.identity);
  const fresh = await arraysOf(nothing!.params);
  for (const [path, array] of Object.entries(await arraysOf(shipped!.params))) {
    const same = String(array.data) === String(fresh[path]!.data);
    assert.equal(array.shape, fresh[path]!.shape);
    assert.is(same, path.startsWith("bridge."), path);
  }
});

test("sizes of the shipped decoder are not chosen", () => {
  const { message } = left(ablationOf("quickstart", "small", { settings: ["model.decoder.layers=3"] }));
  assert.match(message, /model\.decoder\.layers/);
});

test("an experiment from the shipped decoder has its vocabulary", () => {
  const { experiment } = few();
  assert.ok(E.isRight(experimentCodec().decode(experiment)));
  const other = { ...experiment, world: { ...world, vocabulary: 512 } };
  assert.ok(E.isLeft(experimentCodec().decode(other)));
});

test("a frozen decoder is not trained, and groups that name it go with it", () => {
  const resolved = few("frozen");
  for (const [stage, { name: _, data: __, ...config }] of trainsOf(resolved.experiment).entries()) {
    const bridge = bridgeAfter(resolved, stage * 2), specs = modelOf(resolved.parts, bridge).specs;
    optimiserOf(config, specs as Tree<ParameterSpec>);
    assert.ok(trainedBy(config)("bridge.proj.weight"));
    assert.not(trainedBy(config)("model.norm.weight"));
    assert.not(trainedBy(config)("lm_head.weight"));
  }
});

test("what the decoder starts from and whether it is frozen are part of the keys of trainings", () => {
  const code = { scenes: "", vision: "", features: "", train: "", expand: "", evaluate: "", store: "" };
  const jobOf = (resolved: Resolved) =>
    jobsOf(resolved, { device: "cpu", code: code as never }).find(({ name }) => name === "pretrain")!;
  const { experiment } = few("fresh", 1);
  const jobs = [
    jobOf(few(undefined, 1)),
    jobOf(few("fresh", 1)),
    jobOf(few("frozen", 1)),
    jobOf(drawn({ ...experiment, world: { ...world!, vocabulary: 512 } })),
  ];
  assert.is(new Set(jobs.map(({ key }) => key)).size, 4);
  assert.match(JSON.stringify(jobs[0]!.config), shippedHash);
});

test("counts that plain questions ask for come alike, so that no answer is right in more than a third", () => {
  const answers = sampleScenes(data, "eval", 800).flatMap((scene) =>
    questionsOf(scene, data).flatMap((q) => q.kind === "count" ? [q.answer] : [])
  );
  for (const answer of new Set(answers)) {
    assert.ok(answers.filter((a) => a === answer).length / answers.length < 0.34, answer);
  }
});

test.run();
