/** Trainings whose batches have several shapes: programs over one state, resumed exactly, equal to padding everything. */
import {
  add,
  constantLearningRate,
  f32,
  i32,
  input,
  meanSquaredError,
  mul,
  type NdArray,
  onesInit,
  parameter,
  sgd,
  type Tensor,
} from "@chain-of-sight/core";
import { compile, type Device, theDevice, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rngOf } from "../../pipelines/base/rng.ts";
import type { MetricRecord } from "../../pipelines/runs/metrics.ts";
import { languageIdentity, languageTraining } from "../../pipelines/stages/language.ts";
import { languageCodec } from "../../pipelines/stages/language_config.ts";
import { partsOf } from "../../pipelines/stages/model.ts";
import { freshArm } from "../support/fresh_arm.ts";
import { type LanguageSource, textPaths } from "../../pipelines/stages/source.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";
import { IGNORED } from "../../pipelines/text/prompt.ts";
import { train, type Trained } from "../../pipelines/train/trainer.ts";
import { stepSource } from "../../pipelines/train/step_source.ts";
import type { Bindings, Training } from "../../pipelines/train/training.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { recordsIn } from "../support/metrics.ts";
import { lazyArrays } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("buckets");
const quiet: ProgressSink = { isTerminal: () => false, width: () => 80, write: () => {}, now: () => 0 };
const temp = (): string => Deno.makeTempDirSync({ prefix: "buckets" });
const onCpu = async <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  await Effect.runPromise(Effect.provide(effect, await cpuServices()));
const onGpu = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, webGpu()));

const LENGTH = 24, BUCKETS = [6, 12], SIZE = 3, CELLS = 64, WIDTH = 128, WORDS = 40;
const lengthAt = (step: number): number => rngOf("length", step).pick([...BUCKETS, LENGTH]);

/** Rows of random words, some learned, in this many tokens; what is behind them is padding. */
const textAt = (step: number, tokens: number) => {
  const rng = rngOf("text", step), used = lengthAt(step);
  const ids = new Int32Array(SIZE * tokens), labels = new Int32Array(SIZE * tokens).fill(IGNORED);
  for (let row = 0; row < SIZE; row++) {
    for (let t = 0; t < used; t++) {
      const word = 1 + rng.below(WORDS - 1);
      ids[row * tokens + t] = word;
      if (t > 0 && rng.chance(0.4) || t === used - 1) labels[row * tokens + t] = word;
    }
  }
  return { ids: i32([SIZE, tokens], ids), labels: i32([SIZE, tokens], labels) };
};

const featuresAt = (step: number): Bindings => {
  const rng = rngOf("features", step);
  const level = (): NdArray =>
    f32([SIZE, CELLS, WIDTH], Array.from({ length: SIZE * CELLS * WIDTH }, () => rng.range(-1, 1)));
  return { "features.0": level(), "features.1": level() };
};

/** Steps of one length each: in rows of that length, or all padded to the longest. */
const sourceWith = <E = never>(
  buckets: readonly number[],
  stopAt = Infinity,
  stop?: E,
): LanguageSource<E> => ({
  identity: { rows: "random" },
  visionInput: { kind: "features", levels: 2, cells: CELLS, width: WIDTH },
  length: LENGTH,
  ...(buckets.length === 0 ? {} : { buckets }),
  vocabulary: WORDS,
  words: { yes: 1, no: 2 },
  batches: () => (step) => {
    if (step >= stopAt) return Effect.fail(stop!);
    const tokens = buckets.length === 0 ? LENGTH : lengthAt(step), text = textAt(step, tokens);
    const paths = textPaths({ length: LENGTH }, tokens);
    return Effect.succeed({ ...featuresAt(step), [paths.ids]: text.ids, [paths.labels]: text.labels });
  },
});

const model = { width: 16, layers: 1, heads: 2, ff: 32, bridgeHeads: 2, init: 0.09 };
const arm = { name: "a", bridge: { kind: "resampler", queries: 4, levels: 2 }, expansion: null } as const;
const given = freshArm(arm, model, WORDS, 1);
const stageOn = <E>(source: LanguageSource<E>) => ({
  name: "pretrain",
  config: {
    steps: 14,
    batch: SIZE,
    learningRate: 1e-2,
    warmup: 2,
    weightDecay: 0.01,
    maxNorm: 1,
    trainable: ["bridge", "model", "lm_head"],
    every: 4,
  },
  model: partsOf(model, WORDS),
  source,
  seed: 3,
});
const trainingOn = <E>(folder: string, source: LanguageSource<E>) =>
  languageTraining(stageOn(source), given, {
    checkpoint: `${folder}/c.safetensors`,
    metrics: `${folder}/m.jsonl`,
    every: 4,
    sink: quiet,
  });
const bits = (folder: string): Uint8Array => Deno.readFileSync(`${folder}/c.safetensors`);
const numbers = (records: readonly MetricRecord[]): unknown[] =>
  records.map((
    { step, loss, gradNorm, lr, accuracy, length },
  ) => [step, loss, gradNorm, lr, accuracy, length]);
const near = (a: unknown, b: unknown, most: number): boolean =>
  Math.abs((a as number) - (b as number)) <= most * Math.max(1, Math.abs(b as number));

const whole = temp();
const bucketed: Trained = await onCpu(train(trainingOn(whole, sourceWith(BUCKETS))));

const likePadding = (some: Trained, all: Trained): void => {
  const others = recordsIn(all);
  assert.is(recordsIn(some).length, 14);
  recordsIn(some).forEach((row, i) => {
    const other = others[i]!;
    assert.is(row.length, lengthAt(i));
    assert.is(row.tokens, other.tokens, "as many labels");
    // state and temporaries of shorter programs are in the longest one's
    const [bytes, one] = [row.deviceBytes as number, other.deviceBytes as number];
    assert.ok(bytes > one && bytes < 1.03 * one, `${bytes} bytes for three lengths, ${one} for one`);
    assert.ok(near(row.loss, other.loss, 1e-4), `loss ${row.loss}, padded ${other.loss} at ${i}`);
    assert.ok(
      near(row.gradNorm, other.gradNorm, 1e-3),
      `norm ${row.gradNorm}, padded ${other.gradNorm} at ${i}`,
    );
  });
};

test("every length of row is met", () => {
  assert.equal([...new Set(recordsIn(bucketed).map(({ length }) => length))].toSorted(), [12, 24, 6]);
});

test("losses are those of one program of the longest length on the same rows, padded", async () => {
  const padded = await onCpu(train(trainingOn(temp(), sourceWith([]))));
  assert.not("length" in recordsIn(padded)[0]!);
  likePadding(bucketed, padded);
});

test("the same on a GPU", async () => {
  const some = await onGpu(train(trainingOn(temp(), sourceWith(BUCKETS))));
  const padded = await onGpu(train(trainingOn(temp(), sourceWith([]))));
  likePadding(some, padded);
});

test("stopped anywhere and resumed, it is the uninterrupted one, bit for bit", async () => {
  for (const at of [1, 11]) {
    const folder = temp();
    const cut = sourceWith(BUCKETS, at, "power cut" as const);
    assert.is(await onCpu(Effect.flip(train(trainingOn(folder, cut)))), "power cut");
    const resumed = await onCpu(train(trainingOn(folder, sourceWith(BUCKETS))));
    assert.equal(bits(folder), bits(whole));
    assert.equal(numbers(recordsIn(resumed)), numbers(recordsIn(bucketed)));
  }
});

test("micro-batches of every length add up to the batches' steps", async () => {
  const stage = stageOn(sourceWith(BUCKETS)), micro = { ...stage, config: { ...stage.config, micro: SIZE } };
  const folder = temp(),
    training = languageTraining(micro, given, {
      checkpoint: `${folder}/c.safetensors`,
      metrics: `${folder}/m.jsonl`,
      every: 4,
      sink: quiet,
    });
  const records = recordsIn(await onCpu(train(training)));
  records.forEach((row, i) => {
    const other = recordsIn(bucketed)[i]!;
    assert.is(row.length, lengthAt(i));
    assert.is(row.tokens, other.tokens, "as many labels");
    assert.ok(near(row.loss, other.loss, 1e-4), `loss ${row.loss}, whole ${other.loss} at ${i}`);
    assert.ok(
      near(row.gradNorm, other.gradNorm, 1e-3),
      `norm ${row.gradNorm}, whole ${other.gradNorm} at ${i}`,
    );
  });
  assert.is.not(languageIdentity(micro, given), languageIdentity(stage, given));
});

test("micro-batches divide the batch", () => {
  const { config } = stageOn(sourceWith([])), codec = languageCodec();
  assert.is(codec.decode({ ...config, micro: SIZE })._tag, "Right");
  for (const micro of [0, 2, 1.5, 2 * SIZE]) {
    assert.is(codec.decode({ ...config, micro })._tag, "Left", `${micro}`);
  }
});

test("a source of one length has an identity and a step that buckets do not change", async () => {
  const alone = stageOn(sourceWith([]));
  const training = trainingOn("nowhere", alone.source);
  assert.not("others" in training);
  assert.equal(training.work, { amount: SIZE * (4 + LENGTH), unit: "tokens" });
  assert.is(
    languageIdentity(alone, given),
    "5dc32f4fec6f6b3ba1ef114120029bae42e22b2bb5145dd4f953d8afa323c9b7",
  );
  await onCpu(Effect.gen(function* () {
    const { profile } = yield* theDevice(), { inputs } = compile(stepSource(training).source, profile);
    assert.equal([inputs.ids!.shape, inputs.labels!.shape], [[SIZE, LENGTH], [SIZE, LENGTH]]);
    assert.equal(Object.keys(inputs).filter((path) => path.startsWith("ids") || path.startsWith("labels")), [
      "ids",
      "labels",
    ]);
  }));
});

interface Rows {
  readonly x: Tensor;
}

test("a program in which some parameters have no gradient updates all of them, with the same result", async () => {
  const names = Array.from({ length: 6 }, (_, i) => `p${i}`), folder = temp(), rate = 0.1, momentum = 0.5;
  const start = (i: number): number => 1 + i / 4;
  const odd = (i: number): boolean => i % 2 === 1;
  const training: Training<Rows> = {
    stage: "some",
    identity: "some",
    specs: Object.fromEntries(names.map((name) => [name, parameter([8], onesInit)])),
    initial: lazyArrays(
      Object.fromEntries(names.map((name, i) => [name, f32([8], Array(8).fill(start(i)))])),
    ),
    batch: { x: input("x", [8]) },
    others: [{ batch: { x: input("x.short", [1]) }, amount: 1 }],
    loss: (params, { x }) => {
      const p = params as Readonly<Record<string, Tensor>>;
      // the short rows know nothing of every other parameter, whose update there is another one
      const some = names.filter((_, i) => x.shape[0] === 8 || !odd(i));
      const total = some.map((name) => mul(p[name]!, x)).reduce((a, b) => add(a, b));
      return [meanSquaredError(total, mul(total, 0)), {}];
    },
    batchAt: (step): Effect.Effect<Bindings> =>
      Effect.succeed(step % 2 === 0 ? { x: f32([8], Array(8).fill(0.5)) } : { "x.short": f32([1], [0.25]) }),
    trainable: () => true,
    optimiser: sgd({ momentum }),
    schedule: constantLearningRate(rate),
    maxNorm: 1e9,
    total: 4,
    work: { amount: 8, unit: "numbers" },
    places: { checkpoint: `${folder}/c.safetensors`, metrics: `${folder}/m.jsonl`, every: 4, sink: quiet },
  };
  const p = names.map((_, i) => start(i)), m = names.map(() => 0);
  for (let step = 0; step < 4; step++) {
    const x = step % 2 === 0 ? 0.5 : 0.25, used = names.map((_, i) => step % 2 === 0 || !odd(i));
    const total = p.reduce((sum, v, i) => used[i] ? sum + v * x : sum, 0);
    p.forEach((_, i) => {
      m[i] = momentum * m[i]! + (used[i] ? 2 / 8 * total * x : 0);
      p[i] = p[i]! - rate * m[i]!;
    });
  }
  for (const run of [onCpu, onGpu]) {
    const params = await arraysOf((await run(train(training))).params);
    names.forEach((name, i) => {
      for (const v of params[name]!.data) {
        assert.ok(near(v, p[i], 1e-5));
      }
    });
    await Deno.remove(folder, { recursive: true });
    await Deno.mkdir(folder);
  }
});

test.after(closeCpu);
test.run();
