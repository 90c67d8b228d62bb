/** Stages: expansion, answers, scores and controls, region contrast, and the order in which stages run. */
import {
  type Expansion,
  f32,
  i32,
  input,
  type NdArray,
  ndarray,
  placeholders,
  sizeOf,
  specTrees,
  type Tensor,
  type Tree,
} from "@chain-of-sight/core";
import { evaluate as onDevice, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultData } from "../../pipelines/scenes/config.ts";
import { coordinateWords } from "../../pipelines/records/grid.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { corpusOf, questionsOf } from "../../pipelines/scenes/tasks.ts";
import { by, cos } from "../../pipelines/configs/entry.ts";
import { openAnswerer } from "../../pipelines/stages/answer.ts";
import { answerAll, evaluationCodec, judged, questionsFor } from "../../pipelines/stages/evaluate.ts";
import { expanded } from "../../pipelines/stages/expand.ts";
import { type LanguageData, vocabularyOf } from "../../pipelines/stages/scene_source.ts";
import { bridgeAt, modelOf, partsOf, smallBridge, viewsRead } from "../../pipelines/stages/model.ts";
import { freshArm, type Growing, grownArm } from "../support/fresh_arm.ts";
import { type RegionHead, regionHeadSpecs, regionScore } from "../../pipelines/stages/region_contrast.ts";
import { followedBy, type Stage } from "../../pipelines/stages/stage.ts";
import { trainBpe } from "../../pipelines/text/bpe.ts";
import { tokenizerOf } from "../../pipelines/text/tokenizer.ts";
import { type FeatureSet, gatherFeatures, meanFeatures } from "../../pipelines/train/features.ts";
import { trainingRow, turnsOf } from "../../pipelines/train/rows.ts";
import { cellsOf } from "../../pipelines/vision/tower.ts";
import { type LazyArray, lazyArray, lazyTrees, readLazies } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("stages");
const data = { ...defaultData, concepts: 8 };
const scenes = sampleScenes(data, "eval", 12), learned = sampleScenes(data, "pretrain", 12);
const tokenizer = tokenizerOf(trainBpe(corpusOf(data, learned), 256, coordinateWords(data.grid)));
const text = { length: 48, turns: { caption: 0, presence: 4, count: 1, refer: 1 } };
const small = { width: 16, layers: 1, heads: 2, ff: 32, bridgeHeads: 2, init: 0.06 };
const parts = partsOf(small, 64);

const featuresFor = (count: number, cells: number, width: number): FeatureSet => ({
  levels: [0, 1].map((level) =>
    f32(
      [count, cells, width],
      Array.from({ length: count * cells * width }, (_, i) => Math.sin(i * 0.7 + level)),
    )
  ),
  count,
  cells,
  width,
  key: "test",
});
const held = (features: FeatureSet): LanguageData => ({ scenes, features, data, text, tokenizer });

const arms = [
  {
    bridge: { kind: "resampler", queries: 84, levels: 2 },
    expansion: by({ resolution: 2, global: 1, local: 1 }),
  },
  { bridge: cos([8, 2], [4, 1]), expansion: by({ resolution: 2, global: 2, local: 2 }) },
  { bridge: cos([8, 4], [4, 1]), expansion: by({ resolution: 2, global: 4, local: 4 }) },
] as const;

test("the arms of the quickstart have a quarter of the paper's tokens", () => {
  const grown = arms.map((arm) => grownArm(arm, small));
  const counts = arms.map((arm, i) => [
    bridgeAt(parts, smallBridge(arm.bridge, parts)).tokens,
    bridgeAt(parts, grown[i]!).tokens,
  ]);
  assert.equal(counts, [[84, 84], [20, 84], [8, 132]]);
  assert.ok(grown.every(({ resolution }) => resolution === 224));
  assert.equal(grown.slice(1).map(({ description }) => description), [
    cos([16, 8, 2], [4, 4, 1]),
    cos([16, 4, 2], [4, 4, 1]),
  ]);
});

test("arms of one seed start with the same decoder", async () => {
  const decoder = (arm: number, seed: number) =>
    arraysOf(
      (freshArm(arms[arm]!, small, 64, seed).params as { readonly model: Tree<LazyArray> }).model,
    );
  const first = await decoder(0, 7);
  assert.equal(await decoder(1, 7), first);
  assert.not.equal(await decoder(0, 8), first);
});

test("expansion copies weights and gives each child window its parent's queries", async () => {
  const arm = arms[1]!, model = freshArm(arm, small, 64, 1);
  const stage = { expansion: arm.expansion, model: parts, seed: 1 };
  const [before, after] = (await Effect.runPromise(Effect.gen(function* () {
    return [yield* readLazies(model.params), yield* readLazies(yield* expanded(stage, model))];
    // deno-lint-ignore no-explicit-any
  }))).map((params: any) => params.bridge.scales);
  assert.is(after.length, 3);
  assert.equal(after[1].blocks, before[0].blocks);
  assert.equal(after[2].blocks, before[1].blocks);
  assert.equal(after[2].queries.shape, [1, 64, 128]);
  const row = (a: NdArray, i: number) => [...a.data.subarray(i * 128, (i + 1) * 128)];
  assert.equal(row(after[2].queries, 9), row(before[1].queries, 0), "window (1, 1) comes from window (0, 0)");
  assert.equal(row(after[2].queries, 63), row(before[1].queries, 15));
});

test("an arm may have any bridge, in each growth that it has", () => {
  const features = [0, 1].map((l) => input(`f${l}`, [2, 256, 128]));
  const growing = [
    { bridge: { kind: "average-pool", side: 4 }, expansion: by({ resolution: 2, global: 1, local: 4 }) },
    {
      bridge: { kind: "resampler", queries: 8, levels: 1 },
      expansion: by({ resolution: 2, global: 1, local: 1 }),
    },
    {
      bridge: { kind: "nested-pool", sides: [2, 4] },
      expansion: by({ resolution: 2, global: 1, local: 2 }),
    },
    { bridge: cos([8, 2], [4, 1]), expansion: by({ resolution: 2, global: 2, local: 2 }, "fresh") },
  ] as const;
  const tokens = growing.map(({ bridge, expansion }): number => {
    const arm = { name: "baseline", bridge, expansion }, given = freshArm(arm, small, 64, 1);
    const params = Effect.runSync(expanded({ expansion, model: parts, seed: 1 }, given)),
      grown = grownArm(arm, small);
    const model = modelOf(parts, grown), held = placeholders("w", model.specs) as Tree<Tensor>;
    assert.equal(
      lazyTrees.entries(params).map(([path]) => path),
      specTrees.entries(model.specs).map(([path]) => path),
    );
    assert.equal(model.visual(held, { features }).shape, [2, model.visualTokens, 16]);
    return model.visualTokens;
  });
  assert.equal(tokens, [256, 8, 64, 84]);
});

test("a tiled bridge reads a thumbnail and its tiles; an arm without expansion stays as it is", async () => {
  const resampler = { kind: "resampler", queries: 20, levels: 1 } as const;
  const tiled = { name: "tiled", bridge: resampler, expansion: { kind: "tile", tiles: 2 } } as const;
  const given = freshArm(tiled, small, 64, 1), grown = grownArm(tiled, small);
  assert.equal(viewsRead(smallBridge(tiled.bridge, parts)), { side: 112, tiles: 1 });
  assert.equal(viewsRead(grown), { side: 224, tiles: 2 });
  const model = modelOf(parts, grown), held = placeholders("w", model.specs) as Tree<Tensor>;
  const features = [0, 1].map((l) => input(`f${l}`, [2, cellsOf(parts.tower, viewsRead(grown)), 128]));
  assert.equal(model.visual(held, { features }).shape, [2, 100, 16]);
  const stays = async (expansion: Expansion | null) => {
    const after = await Effect.runPromise(expanded({ expansion, model: parts, seed: 1 }, given));
    assert.equal(await arraysOf(after), await arraysOf(given.params));
  };
  await stays(tiled.expansion);

  const still = { name: "still", bridge: resampler, expansion: null };
  assert.equal(grownArm(still, small), smallBridge(still.bridge, parts));
  await stays(still.expansion);
});

test("stages compose from left to right", async () => {
  const say = (word: string): Stage<string, string> => (given) => Effect.succeed(`${given} ${word}`);
  const all = pipe(say("pretrain"), followedBy(say("expand")), followedBy(say("finetune")));
  assert.is(await Effect.runPromise(all("fresh")), "fresh pretrain expand finetune");
});

test("rows ask so many questions of each kind, and others at the next pass", () => {
  const turns = turnsOf(learned[0]!, data, text.turns, 0);
  assert.ok(turns.every((q) => q.kind !== "caption"));
  assert.is(turns.filter((q) => q.kind === "presence").length, 4);
  assert.equal(turnsOf(learned[0]!, data, text.turns, 0), turns);
  assert.not.equal(turnsOf(learned[0]!, data, text.turns, 1), turns);
  assert.ok(trainingRow(tokenizer, learned[0]!, data, text, 0).labels.some((l) => l >= 0));
});

test("a perfect answerer scores 1, beats both controls, and asks a blind question once", async () => {
  const features = featuresFor(scenes.length, 4, 2), all = held(features);
  const truth = new Map(
    questionsFor(all).map(({ scene, question }) => [`${scene} ${question.prompt}`, question.answer]),
  );
  let asked = 0;
  const perfect = (
    _: FeatureSet,
    requests: readonly { readonly imageIndex: number; readonly prompt: string }[],
  ) => {
    asked += requests.length;
    return Effect.succeed(requests.map((a) => truth.get(`${a.imageIndex} ${a.prompt}`) ?? "yes"));
  };
  const answers = (imageOf: (scene: number) => number) =>
    Effect.runPromise(answerAll(perfect, features, all, () => 4, imageOf));
  const seen = await answers((s) => s);
  asked = 0;
  const blind = await answers(() => 0);
  assert.ok(asked < questionsFor(all).length, "blind questions repeat");
  const shuffled = await answers((s) => (s + 1) % scenes.length);
  const result = judged("id", { seen, blind, shuffled }, data, { resamples: 200, seed: 1, samples: 2 });
  assert.is(result.scores.presenceF1.value, 1);
  assert.is(result.scores.countAccuracy.value, 1);
  assert.ok(result.scores.referAccuracy.value > 0.8, "boxes lose only what the grid takes");
  assert.ok(result.gainOverBlind.low > 0 && result.gainOverShuffled.low > 0);
  assert.is(result.answers.length, questionsFor(all).filter((q) => q.scene < 2).length);
  assert.is(result.scores.questions.presence, scenes.length * 6);
  assert.equal(Object.keys(result.kinds).toSorted(), ["count", "presence", "refer"]);
  const { presence, count } = result.kinds;
  assert.is(count!.credit.value, 1);
  assert.equal(presence!.controls.blind.credit.value, result.blind.presenceAccuracy.value);
  assert.ok(presence!.controls.majority.gain.low > 0);
  assert.equal(evaluationCodec.decode(JSON.parse(JSON.stringify(result))), E.right(result));
});

test("the average image", () => {
  const set = {
    ...featuresFor(2, 1, 2),
    levels: [f32([2, 1, 2], [1, 2, 3, 6]), f32([2, 1, 2], [0, 0, 1, 1])],
  };
  assert.equal([...meanFeatures(set).levels[0]!.data], [2, 4]);
  assert.equal([...gatherFeatures(set, [1, 0, 1])[0]!.data], [3, 6, 1, 2, 3, 6]);
});

const run = <A, E>(effect: Effect.Effect<A, E, import("@chain-of-sight/kernels").Device>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(webGpu())));

const oneLevel: Growing = {
  bridge: { kind: "resampler", queries: 8, levels: 1 },
  expansion: by({ resolution: 2, global: 1, local: 1 }),
};

const tiled: Growing & { readonly name: string } = {
  name: "tiled",
  bridge: cos([8, 4], [4, 1]),
  expansion: { kind: "tile", tiles: 2 },
};

for (
  const [arm, bridge] of [
    [arms[2]!, smallBridge(arms[2]!.bridge, parts)],
    [oneLevel, smallBridge(oneLevel.bridge, parts)],
    [tiled, grownArm(tiled, small)],
  ] as const
) {
  test(`answers of a ${arm.bridge.kind} at ${bridge.resolution} px on a device do not depend on how questions are grouped`, async () => {
    const vocabulary = vocabularyOf(tokenizer), cells = cellsOf(parts.tower, viewsRead(bridge));
    // Wide random output weights, so that answers differ from question to question.
    const params = lazyTrees.map(
      freshArm(arm, small, vocabulary, 3).params,
      (array, path): LazyArray =>
        path === "lm_head.weight"
          ? lazyArray(
            ndarray(
              "f32",
              array.shape,
              Float32Array.from({ length: sizeOf(array.shape) }, (_, i) => Math.sin(i * 12.9898) * 3),
            ),
          )
          : array,
    ) as Tree<LazyArray>;
    const features = featuresFor(4, cells, 128);
    const requests = ["is there a cow", "how many cars", "where is the apple"].flatMap((prompt, k) =>
      [0, 1, 2].map((imageIndex) => ({ imageIndex, prompt, tokens: k === 2 ? 4 : 1 }))
    );
    const answers = await run(Effect.scoped(Effect.gen(function* () {
      const open = (batch: number) =>
        openAnswerer({
          model: partsOf(small, vocabulary),
          bridge,
          params,
          tokenizer,
          batch,
          prompt: 10,
          tokens: 4,
        });
      return [
        yield* (yield* open(4))(features, requests),
        yield* (yield* open(1))(features, requests),
      ] as const;
    })));
    assert.is(modelOf(partsOf(small, vocabulary), bridge).visualTokens, arm === tiled ? 40 : 8);
    assert.equal(answers[0], answers[1]);
  });
}

test("region contrast: the right names win, empty regions do not count", async () => {
  const specs = regionHeadSpecs(2, 2, 2);
  const head = placeholders("h", specs) as RegionHead<Tensor>;
  const batch = {
    weights: input("w", [1, 3, 2]),
    concepts: input("c", [1, 3], "i32"),
    boxes: input("b", [1, 3, 4]),
  };
  const score = regionScore(head, input("f", [1, 2, 2]), batch);
  const values = await run(onDevice([score.contrast, score.right, score.count, score.place], {
    "h.project.weight": f32([2, 2], [1, 0, 0, 1]),
    "h.names": f32([2, 2], [0, 5, 5, 0]),
    "h.scale": f32([], [Math.log(10)]),
    "h.place.weight": f32([4, 2], Array.from({ length: 8 }, () => 0)),
    "h.place.bias": f32([4], [0.5, 0.5, 0.5, 0.5]),
    w: f32([1, 3, 2], [1, 0, 0, 1, 0, 0]),
    c: i32([1, 3], [1, 0, -1]),
    b: f32([1, 3, 4], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0, 0, 0, 0]),
    f: f32([1, 2, 2], [3, 0, 0, 2]),
  }));
  const [contrast, right, count, place] = values.map((v) => v.data[0]!);
  assert.ok(contrast! < 1e-3, `${contrast}`);
  assert.is(right, 2);
  assert.is(count, 2);
  assert.ok(Math.abs(place! - 0.16 / 8) < 1e-6);
});

test("questions of evaluation are all kinds but captions", () => {
  const kinds = new Set(questionsFor(held(featuresFor(12, 1, 1))).map((q) => q.question.kind));
  assert.equal([...kinds].toSorted(), ["count", "presence", "refer"]);
  assert.is(questionsOf(scenes[0]!, data)[0]!.kind, "caption");
});

test.run();
