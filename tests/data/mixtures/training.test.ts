/** A model trained end to end from annotation files and real images: killed, resumed, expanded, evaluated. */
import type { Tree } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mixtureUnder } from "../../../pipelines/mixtures/mixture_config.ts";
import { openMixture } from "../../../pipelines/mixtures/mixture_open.ts";
import { benchmarkNamed } from "../../../pipelines/eval/registry.ts";
import { answerRecords, partQuestions } from "../../../pipelines/stages/answer_records.ts";
import { apart, withEncoder } from "../../../pipelines/stages/encoder.ts";
import { expand } from "../../../pipelines/stages/expand.ts";
import type { LanguageConfig } from "../../../pipelines/stages/language_config.ts";
import { openMixtureFeatures, openMixtureImages } from "../../../pipelines/stages/mixture_source.ts";
import { type ModelState, partsOf, viewsRead } from "../../../pipelines/stages/model.ts";
import { freshArm, type Growing } from "../../support/fresh_arm.ts";
import { languageStage } from "../../../pipelines/stages/train.ts";
import type { LanguageSource } from "../../../pipelines/stages/source.ts";
import { followedBy, type StageRun } from "../../../pipelines/stages/stage.ts";
import type { RunDirectory } from "../../../pipelines/runs/run_directory.ts";
import { loadVision, shippedWeights } from "../../../pipelines/vision/weights.ts";
import { closeCpu, cpuServices } from "../../support/cpu.ts";
import { type Shape, shapes, writeValue, writeWorld } from "./world.ts";
import { recordsIn } from "../../support/metrics.ts";
import { right } from "../../support/either.ts";
import { type LazyArray, readLazies } from "../../../pipelines/weights/lazy.ts";

const test = suite("training on mixtures");
const folder = await Deno.makeTempDir({ prefix: "training" }), cache = `${folder}/cache`;
const config = mixtureUnder(folder, await writeWorld(folder, 12));
const weights = await Effect.runPromise(loadVision(shippedWeights()));
const services = await cpuServices();
const run = <A, E>(effect: Effect.Effect<A, E, Device | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), services));

const model = { width: 32, layers: 1, heads: 2, ff: 64, bridgeHeads: 2, init: 0.09 };
const arm: Growing = {
  bridge: { kind: "resampler", queries: 8, levels: 2 },
  expansion: { kind: "tile", tiles: 2 },
};
const training: LanguageConfig = {
  steps: 10,
  batch: 4,
  learningRate: 3e-3,
  warmup: 2,
  weightDecay: 0,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 3,
};
const runIn = (name: string): StageRun => {
  const path = `${folder}/${name}`;
  Deno.mkdirSync(path, { recursive: true });
  const directory = {
    path,
    checkpoints: path,
    metrics: path,
    samples: path,
    figures: path,
    manifest: `${path}/manifest.json`,
  } as unknown as RunDirectory;
  return { directory, manifest: { stages: [] } as never };
};
const checkpoint = (name: string, stage: string): Uint8Array =>
  Deno.readFileSync(
    [...Deno.readDirSync(`${folder}/${name}`)]
      .map((entry) => `${folder}/${name}/${entry.name}`)
      .find((path) => path.endsWith(`${stage}.safetensors`))!,
  );
const options = { batch: 4, workers: 2, label: "features" };

/** The source until a step, where the power goes. */
const cut = <E, R>(source: LanguageSource<E, R>, at: number): LanguageSource<E | "power cut", R> => ({
  ...source,
  batches: (seed, size) => {
    const batchAt = source.batches(seed, size);
    return (step) => step >= at ? Effect.fail("power cut" as const) : batchAt(step);
  },
});

const by = { folder: cache, device: "CPU", code: "code" };
const mixtureAt = (side: number, tiles = 1) =>
  Effect.gen(function* () {
    const mixture = yield* openMixture(config, cache);
    return yield* openMixtureFeatures(mixture, weights, { side, tiles }, by, options);
  });

const first = (name: string, source: LanguageSource<unknown>, steps = training.steps) => {
  const fresh = freshArm(arm, model, source.vocabulary, 1);
  const parts = partsOf(model, source.vocabulary);
  const stage = { name: "pretrain", config: { ...training, steps }, model: parts, source, seed: 5 };
  return languageStage(runIn(name), stage)(fresh);
};

test("a batch is a function of seed and step alone, whatever was asked before", async () => {
  const batches = await run(Effect.gen(function* () {
    const { source } = yield* mixtureAt(112);
    const [a, b, other] = [source.batches(5, 4), source.batches(5, 4), source.batches(6, 4)];
    const forth = yield* Effect.forEach([0, 1, 2, 7], (step) => a(step));
    const back = yield* Effect.forEach([7, 2, 1, 0], (step) => b(step));
    assert.equal(back.toReversed(), forth);
    const [, differs] = [forth[0]!, (yield* other(0)).ids!];
    assert.not.equal(differs.data, forth[0]!.ids!.data);
    return forth;
  }));
  for (const { ids, labels, "features.0": shallow, "features.1": deep } of batches) {
    assert.equal([ids!.shape, labels!.shape], [[4, 48], [4, 48]]);
    assert.equal([shallow!.shape, deep!.shape], [[4, 64, 128], [4, 64, 128]]);
    for (let row = 0; row < 4; row++) {
      assert.ok([...labels!.data.subarray(row * 48, (row + 1) * 48)].some((label) => label >= 0));
    }
  }
});

test("an epoch of a part meets every example once, with its own image", async () => {
  await run(Effect.gen(function* () {
    const mixture = yield* openMixture({ ...config, parts: [config.parts[0]!] }, cache);
    const { source, store } = yield* openMixtureFeatures(
      mixture,
      weights,
      { side: 112, tiles: 1 },
      by,
      options,
    );
    const batchAt = source.batches(3, 4), size = 64 * 128, part = mixture.parts[0]!;
    const met: string[] = [];
    // twelve images and a text
    for (let step = 0; step < 4; step++) {
      const batch = yield* batchAt(step);
      for (let row = 0; row < (step < 3 ? 4 : 1); row++) {
        const seen = batch["features.1"]!.data.subarray(row * size, (row + 1) * size);
        const text = mixture.language.decode([...batch.ids!.data.subarray(row * 48, (row + 1) * 48)]);
        for (const shape of shapes(12)) {
          const { content } = part.data.imageFiles.find(({ name }) => name.endsWith(shape.file))!;
          const own = (yield* store.read([content]))[1]!.data;
          if (!seen.every((v, i) => v === own[i])) continue;
          met.push(shape.file);
          assert.ok(text.includes(shape.colour) && text.includes(shape.kind), `${shape.file}: ${text}`);
        }
      }
    }
    assert.equal(met.toSorted(), shapes(12).map(({ file }) => file).toSorted());
  }));
});

test("stopped anywhere and resumed, a training on a mixture is the uninterrupted one, bit for bit", async () => {
  const whole = await run(Effect.flatMap(mixtureAt(112), ({ source }) => first("whole", source)));
  const stopped = await run(
    Effect.flip(Effect.flatMap(mixtureAt(112), ({ source }) => first("cut", cut(source, 7)))),
  );
  assert.is(stopped, "power cut");
  const resumed = await run(Effect.flatMap(mixtureAt(112), ({ source }) => first("cut", source)));
  assert.equal(checkpoint("cut", "pretrain"), checkpoint("whole", "pretrain"));
  assert.is(resumed.identity, whole.identity);
  const losses = (state: typeof whole) => recordsIn(state).map(({ step, loss }) => [step, loss]);
  assert.equal(losses(resumed), losses(whole));
  // a checkpoint of other annotations is refused
  const fewer = { ...config, parts: config.parts.slice(0, 2) };
  const other = await run(Effect.flip(Effect.flatMap(
    Effect.flatMap(
      openMixture(fewer, cache),
      (m) => openMixtureFeatures(m, weights, { side: 112, tiles: 1 }, by, options),
    ),
    ({ source }) => first("cut", source),
  )));
  assert.match(String(other), "resume pretrain");
});

test("in buckets of rows a killed training is the uninterrupted one too, and meets every example", async () => {
  const buckets = { ...config, text: { ...config.text, buckets: [12, 16] } };
  const source = Effect.gen(function* () {
    const mixture = yield* openMixture(buckets, cache);
    return (yield* openMixtureFeatures(mixture, weights, { side: 112, tiles: 1 }, by, options)).source;
  });
  const whole = await run(Effect.flatMap(source, (of) => first("buckets", of)));
  const stopped = Effect.flatMap(source, (of) => Effect.flip(first("cut-buckets", cut(of, 7))));
  assert.is(await run(stopped), "power cut");
  const resumed = await run(Effect.flatMap(source, (of) => first("cut-buckets", of)));
  assert.equal(checkpoint("cut-buckets", "pretrain"), checkpoint("buckets", "pretrain"));
  const known = (state: typeof whole) =>
    recordsIn(state).map(({ step, loss, length }) => [step, loss, length]);
  assert.equal(known(resumed), known(whole));
  assert.equal([...new Set(recordsIn(whole).map(({ length }) => length))].toSorted(), [12, 16, 48]);
  // as without buckets, 64 steps together
  const met = (of: typeof source) =>
    run(Effect.gen(function* () {
      const all = yield* of, batchAt = all.batches(5, 4), pad = all.length;
      const rows: string[] = [];
      for (let step = 0; step < 64; step++) {
        const batch = yield* batchAt(step);
        const [, ids] = Object.entries(batch).find(([path]) => path.startsWith("ids"))!;
        const tokens = ids.shape[1]!;
        for (let row = 0; row < 4; row++) {
          const padded = new Int32Array(pad).fill(0);
          padded.set(ids.data.subarray(row * tokens, (row + 1) * tokens));
          rows.push(padded.join());
        }
      }
      return rows.toSorted();
    }));
  const plain = Effect.map(mixtureAt(112), (of) => of.source);
  assert.equal(await met(source), await met(plain));
});

test("rows of two images, one or none, packed: killed and resumed bit for bit, and the loss falls", async () => {
  const [a, b, c] = shapes(12) as [Shape, Shape, Shape];
  const said = (human: string, gpt: string) => [{ from: "human", value: human }, { from: "gpt", value: gpt }];
  await writeValue(`${folder}/pairs.json`, [
    { id: 1, image: [a.file, b.file], conversations: said("<image> one <image> kind?", a.kind) },
    { id: 2, image: [b.file, c.file], conversations: said("What is <image>, <image>?", c.colour) },
    { id: 3, conversations: said("say one", "yes") },
  ]);
  const pairs = {
    name: "pairs",
    format: "llava",
    files: [`${folder}/pairs.json`],
    images: { folder: `${folder}/images` },
    weight: 2,
  };
  const many = {
    ...config,
    parts: [...config.parts, pairs],
    text: { ...config.text, length: 96, images: 4, buckets: [64], pack: true },
  };
  const source = Effect.gen(function* () {
    const mixture = yield* openMixture(many, cache);
    return (yield* openMixtureFeatures(mixture, weights, { side: 112, tiles: 1 }, by, options)).source;
  });
  await run(Effect.gen(function* () {
    const batchAt = (yield* source).batches(5, 4), size = 64 * 128;
    let most = 0, twice = 0, texts = 0;
    for (let step = 0; step < 6; step++) {
      const batch = yield* batchAt(step);
      const word = (name: string) => Object.entries(batch).find(([path]) => path.startsWith(name))![1].data;
      const after = word("rows.after"), owners = word("rows.imageSegments"), deep = batch["features.1"]!;
      assert.equal(deep.shape, [16, 64, 128]);
      owners.forEach((owner, place) => {
        const seen = deep.data.subarray(place * size, (place + 1) * size).some((x) => x !== 0);
        assert.is(seen, owner > 0, "features at the places of images alone");
        if (place % 4 > 0 && owner > 0 && owner === owners[place - 1]) {
          twice++;
          assert.ok(after[place]! > after[place - 1]!, "text between two images");
        }
      });
      const segments = word("rows.segments"), length = segments.length / 4;
      for (let row = 0; row < 4; row++) {
        const ids = new Set(segments.subarray(row * length, (row + 1) * length));
        most = Math.max(most, ...ids);
        texts += [...ids].filter((id) =>
          id > 0 && !owners.subarray(4 * row, 4 * row + 4).includes(id)
        ).length;
      }
    }
    assert.ok(most > 1 && twice > 0 && texts > 0, `${most} segments, ${twice} pairs, ${texts} texts`);
  }));
  const steps = 24;
  const whole = await run(Effect.flatMap(source, (of) => first("packed", of, steps)));
  const stopped = Effect.flatMap(source, (of) => Effect.flip(first("cut-packed", cut(of, 7), steps)));
  assert.is(await run(stopped), "power cut");
  await run(Effect.flatMap(source, (of) => first("cut-packed", of, steps)));
  assert.equal(checkpoint("cut-packed", "pretrain"), checkpoint("packed", "pretrain"));
  const losses = recordsIn(whole).map(({ loss }) => loss as number);
  assert.ok(losses.at(-1)! < 0.7 * losses[0]!, losses.join());
});

test("pre-trained on whole images, expanded to tiles, fine-tuned and scored by the official rules", async () => {
  const score = await run(Effect.gen(function* () {
    const at = runIn("tiles"), small = yield* mixtureAt(112), { vocabulary } = small.source;
    const parts = partsOf(model, vocabulary);
    const stages = pipe(
      languageStage(at, {
        name: "pretrain",
        config: { ...training, steps: 150, every: 100 },
        model: parts,
        source: small.source,
        seed: 1,
      }),
      followedBy(expand(at, { name: "expand", expansion: arm.expansion, model: parts, seed: 1 })),
    );
    const grown = yield* stages(freshArm(arm, model, vocabulary, 1));
    assert.equal(viewsRead(grown.bridge), { side: 224, tiles: 2 });
    const large = yield* mixtureAt(224, 2);
    assert.is(large.store.shape.cells, 320);
    const stage = {
      name: "finetune",
      config: { ...training, steps: 60, every: 100, learningRate: 1e-3 },
      model: parts,
      source: large.source,
      seed: 2,
    };
    const state = yield* languageStage(at, stage)(grown);
    const losses = recordsIn(state).map(({ loss }) => loss as number);
    assert.ok(Math.max(...losses.slice(-5)) < Math.max(...losses.slice(0, 5)) + 0.2, losses.join());
    const answering = {
      model: parts,
      state,
      mixture: large.mixture,
      store: large.store,
      batch: 8,
      tokens: 3,
    };
    const benchmark = right(benchmarkNamed("vqav2"));
    const own = yield* partQuestions(large.mixture.parts[2]!, benchmark);
    const answers = yield* answerRecords(answering, own);
    const answered = own.questions.map(({ record }, i) => ({ record, answer: answers[i]! }));
    const report = right(benchmark.score(answered));
    const perfect = right(benchmark.score(
      answered.map(({ record }) => ({ record, answer: record.kind === "open" ? record.answers[0]! : "" })),
    ));
    assert.is(perfect.values[perfect.main], 1);
    // two questions are about each image, and the next image always shows the other kind
    const other = own.questions.map(({ record }, i) => ({
      record,
      content: own.questions[(i + 2) % own.questions.length]!.content,
    }));
    const blind = yield* answerRecords(answering, { ...own, questions: other });
    const elsewhere = right(
      benchmark.score(own.questions.map(({ record }, i) => ({ record, answer: blind[i]! }))),
    );
    return {
      n: report.n,
      value: report.values[report.main]!,
      elsewhere: elsewhere.values[elsewhere.main]!,
      answers: answered.map(({ answer }) => answer),
    };
  }));
  assert.is(score.n, 24);
  assert.ok(
    score.value > score.elsewhere + 0.2,
    `${score.value}, of other images ${score.elsewhere}: ${score.answers.join(", ")}`,
  );
});

test("images themselves, where the encoder is trained; then its features are another store's", async () => {
  await run(Effect.gen(function* () {
    const mixture = yield* openMixture(config, cache);
    const { source } = yield* openMixtureImages(mixture, { side: 112, workers: 2 }, cache);
    const parts = partsOf(model, source.vocabulary);
    const fresh = withEncoder(freshArm(arm, model, source.vocabulary, 1), weights);
    const stage = {
      name: "see",
      config: { ...training, steps: 3, batch: 2, trainable: ["vision", "bridge"] },
      model: parts,
      source,
      seed: 1,
    };
    const trained: ModelState = yield* languageStage(runIn("images"), stage)(fresh);
    const vision = ({ params }: ModelState) =>
      readLazies((params as Readonly<Record<string, Tree<LazyArray>>>).vision!);
    assert.not.equal(yield* vision(trained), yield* vision(fresh));
    // an arm without expansion stays as it is, made and read back from its checkpoint
    const still = {
      name: "expand",
      expansion: null,
      model: parts,
      seed: 1,
    };
    const made = yield* expand(runIn("images"), still)(trained);
    const kept = yield* expand(runIn("images"), still)(trained);
    assert.equal([made.bridge, kept.identity], [trained.bridge, made.identity]);
    const was = yield* readLazies(trained.params);
    for (const { params } of [made, kept]) assert.equal(yield* readLazies(params), was);
    const parted = apart(trained, parts.tower);
    if (E.isLeft(parted)) return assert.unreachable(parted.left.message);
    const { encoder, model: bare } = parted.right;
    assert.ok(E.isLeft(apart(bare, parts.tower)));
    assert.is.not(encoder.hash, weights.hash);
    const { store, mixture: usable } = yield* openMixtureFeatures(
      mixture,
      encoder,
      { side: 112, tiles: 1 },
      by,
      options,
    );
    const questions = yield* partQuestions(usable.parts[2]!, right(benchmarkNamed("vqav2")));
    const answering = { model: parts, state: bare, mixture: usable, store, batch: 8, tokens: 2 };
    assert.is((yield* answerRecords(answering, questions)).length, 24);
  }));
});

test.after(async () => {
  await closeCpu();
  await Deno.remove(folder, { recursive: true });
});
test.run();
