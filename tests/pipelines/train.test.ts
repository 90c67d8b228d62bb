/** The trainer on a device: resumed = uninterrupted, interruption, checkpoints, losses that are no numbers. */
import {
  adamw,
  add,
  arrayTrees,
  f32,
  i32,
  initialise,
  input,
  linear,
  linearSpecs,
  meanSquaredError,
  type NdArray,
  type ParameterSpec,
  tanh,
  type Tensor,
  type Tree,
  under,
  warmupCosine,
} from "@chain-of-sight/core";
import { type Device, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { denoDisk, withDisk } from "../../pipelines/base/disk.ts";
import { parseMetrics, readMetrics } from "../../pipelines/runs/metrics.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";
import { TrainingError } from "../../pipelines/train/fault.ts";
import { digestMetrics } from "../../pipelines/train/digest.ts";
import { median } from "../../pipelines/base/quantile.ts";
import { recordsIn } from "../support/metrics.ts";
import { batchBytes, windowOf } from "../../pipelines/train/window.ts";
import { train } from "../../pipelines/train/trainer.ts";
import type { Bindings, Training } from "../../pipelines/train/training.ts";
import { CheckpointError, load } from "../../pipelines/weights/checkpoint.ts";
import { type LazyArray, lazyTrees, randomArrays } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("train");
const quiet: ProgressSink = { isTerminal: () => false, width: () => 80, write: () => {}, now: () => 0 };

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

const specs = {
  first: linearSpecs({ from: 3, to: 8, std: 0.5 }),
  frozen: linearSpecs({ from: 8, to: 8, std: 0.5 }),
  last: linearSpecs({ from: 8, to: 1, std: 0.5 }),
} as unknown as Tree<ParameterSpec>;

const wave = (step: number): Bindings => ({
  x: f32([4, 3], Array.from({ length: 12 }, (_, i) => Math.sin(step * 12 + i))),
  y: f32([4, 1], Array.from({ length: 4 }, (_, i) => Math.cos(step + i))),
});

const training = <E = never>(
  folder: string,
  batchAt: (step: number) => Effect.Effect<Bindings, E> = (step) => Effect.succeed(wave(step)),
  identity = "tiny",
): Training<Batch, E> => ({
  stage: "tiny",
  identity,
  specs,
  initial: randomArrays([1, 2], specs),
  batch: { x: input("x", [4, 3]), y: input("y", [4, 1]) },
  loss: (params, { x, y }) => {
    // deno-lint-ignore no-explicit-any
    const p = params as any;
    const hidden = tanh(linear(p.frozen)(tanh(linear(p.first)(x))));
    const out = linear(p.last)(hidden);
    return [meanSquaredError(out, y), { twice: add(meanSquaredError(out, y), meanSquaredError(out, y)) }];
  },
  batchAt,
  trainable: under("first", "last"),
  optimiser: adamw({}),
  schedule: warmupCosine({ peak: 0.01, warmup: 2, total: 20 }),
  maxNorm: 1,
  total: 20,
  work: { amount: 4, unit: "rows" },
  places: { checkpoint: `${folder}/c.safetensors`, metrics: `${folder}/m.jsonl`, every: 5, sink: quiet },
});

const run = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(webGpu())));
const failed = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<E> => run(Effect.flip(effect));
const temp = (): string => Deno.makeTempDirSync({ prefix: "train" });
const bits = (folder: string): Uint8Array => Deno.readFileSync(`${folder}/c.safetensors`);
const losses = async (folder: string): Promise<readonly unknown[]> =>
  (await Effect.runPromise(readMetrics(`${folder}/m.jsonl`))).map((r) => [r.step, r.loss, r.gradNorm, r.lr]);

const whole = temp();
test.before(async () => {
  await run(train(training(whole)));
});

test("metrics hold every step with its loss, rate, norm and time; the loss falls", async () => {
  const { records, partial } = await Effect.runPromise(
    Effect.sync(() => parseMetrics(Deno.readFileSync(`${whole}/m.jsonl`))).pipe(
      Effect.map((parsed) => {
        if (parsed._tag === "Left") throw parsed.left;
        return parsed.right;
      }),
    ),
  );
  assert.not(partial);
  assert.equal(records.map((r) => r.step), Array.from({ length: 20 }, (_, i) => i + 1));
  for (const name of ["loss", "gradNorm", "lr", "twice", "seconds"]) {
    assert.ok(records.every((r) => typeof r[name] === "number"), name);
  }
  assert.is(records[0]!.lr, 0);
  assert.ok(Math.abs((records[2]!.twice as number) - 2 * (records[2]!.loss as number)) < 1e-5);
  assert.ok((records.at(-1)!.loss as number) < (records[0]!.loss as number));
  assert.ok((await Effect.runPromise(digestMetrics(`${whole}/m.jsonl`))).timing.stepSeconds > 0);
});

test("frozen parameters stay, and the checkpoint holds the whole state and its step", async () => {
  const { tensors, metadata } = await Effect.runPromise(load(`${whole}/c.safetensors`));
  assert.is(metadata.step, "20");
  assert.is(tensors["state.step"]!.data[0], 20);
  // deno-lint-ignore no-explicit-any
  const before = initialise([1, 2], specs) as any;
  assert.equal(tensors["state.params.frozen.weight"]!.data, before.frozen.weight.data);
  assert.not.equal(tensors["state.params.first.weight"]!.data, before.first.weight.data);
  assert.not("state.opt.m.frozen.weight" in tensors);
});

test("a training that stopped anywhere and resumed is the uninterrupted one, bit for bit", async () => {
  const folder = temp();
  const stopping = training(
    folder,
    (step) => step === 12 ? Effect.fail("power cut") : Effect.succeed(wave(step)),
  );
  assert.is(await failed(train(stopping)), "power cut");
  assert.is((await Effect.runPromise(load(`${folder}/c.safetensors`))).metadata.step, "10");
  const trained = await run(train(training(folder)));
  assert.is(trained.steps, 20);
  assert.equal(await losses(folder), await losses(whole));
  assert.equal(bits(folder), bits(whole));
});

/** A training whose frozen parameters come from a file; reading two arrays at once, or an array twice, fails. */
const outside = (of: Training<Batch, string>, read: string[] = []): Training<Batch, string> => {
  let now = 0;
  const watched = lazyTrees.map(of.initial, ({ shape, stream }, path): LazyArray => ({
    shape,
    stream: (sink) =>
      Effect.acquireUseRelease(
        Effect.sync(() => assert.is(now++, 0, `${path} while another is read`)),
        () => stream(sink),
        () => Effect.sync(() => read.push(path) && now--),
      ),
    ...(under("frozen")(path) ? { origin: { source: "a/folder", hash: "its hash" } } : {}),
  }));
  return { ...of, initial: watched as Tree<LazyArray> };
};

test("parameters start one after another; frozen ones of other files are named in checkpoints, not held", async () => {
  const folder = temp(), read: string[] = [];
  const stop = (step: number) => step === 12 ? Effect.fail("power cut") : Effect.succeed(wave(step));
  assert.is(await failed(train(outside(training(folder, stop), read))), "power cut");
  const paths = lazyTrees.entries(training(folder).initial).map(([path]) => path);
  assert.equal(read, paths, "each once, and none for the checkpoints");
  read.length = 0;
  const trained = await run(train(outside(training(folder), read)));
  assert.equal(read, paths.filter(under("frozen")), "of a resumed training the frozen ones alone");
  const { tensors, metadata } = await Effect.runPromise(load(`${folder}/c.safetensors`));
  assert.equal(JSON.parse(metadata.frozen!), { frozen: { source: "a/folder", hash: "its hash" } });
  const all = (await Effect.runPromise(load(`${whole}/c.safetensors`))).tensors;
  const lost = Object.keys(all).filter((name) => tensors[name] === undefined);
  assert.equal(lost.toSorted(), ["state.params.frozen.bias", "state.params.frozen.weight"]);
  for (const [name, { data }] of Object.entries(tensors)) assert.equal(data, all[name]!.data, name);
  const params = await arraysOf(trained.params),
    before = arrayTrees.flatten(initialise([1, 2], specs) as Tree<NdArray>);
  assert.equal(params["frozen.weight"], before["frozen.weight"]);
  assert.equal(params["first.weight"]!.data, all["state.params.first.weight"]!.data);
  const again = await run(train(outside(training(folder))));
  assert.equal(await arraysOf(again.params), params, "a finished training has them too");
});

test("an interruption keeps a checkpoint, and the next start ends as if nothing had been", async () => {
  const folder = temp();
  await run(Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(
      train(training(folder, (step) => step === 8 ? Effect.never : Effect.succeed(wave(step)))),
    );
    while (
      !(yield* Effect.promise(() => Deno.stat(`${folder}/c.safetensors`).then(() => true, () => false)))
    ) {
      yield* Effect.sleep(20);
    }
    yield* Effect.sleep(200);
    yield* Fiber.interrupt(fiber);
  }));
  const { metadata } = await Effect.runPromise(load(`${folder}/c.safetensors`));
  assert.is(metadata.step, "8", "all submitted steps are saved");
  await run(train(training(folder)));
  assert.equal(await losses(folder), await losses(whole));
  assert.equal(bits(folder), bits(whole));
});

test("a finished training is not trained again", async () => {
  const before = bits(whole);
  const again = await run(train(training(whole, () => Effect.fail("no batch is asked for"))));
  assert.is(recordsIn(again).length, 20);
  assert.equal(bits(whole), before);
});

const poisoned = (step: number): Effect.Effect<Bindings> =>
  Effect.succeed(step === 7 ? { ...wave(step), y: f32([4, 1], [NaN, 0, 0, 0]) } : wave(step));

test("a loss that is no number ends the training; the last checkpoint and the batch are kept", async () => {
  const folder = temp();
  const error = await failed(train(training(folder, poisoned)));
  assert.instance(error, TrainingError);
  assert.is((error as TrainingError).step, 8);
  assert.match((error as TrainingError).message, /loss NaN at step 8; expected a finite number/);
  assert.is((await Effect.runPromise(load(`${folder}/c.safetensors`))).metadata.step, "5");
  const { batch } = error as TrainingError;
  assert.is(batch, `${folder}/c.not-finite.safetensors`);
  const { tensors, metadata } = await Effect.runPromise(load(batch!));
  assert.is(metadata.step, "8");
  assert.equal([...tensors.y!.data], [NaN, 0, 0, 0]);
  assert.equal([...tensors.x!.data], [...wave(7).x!.data]);
});

test("skipped steps change nothing and are counted; a training without any is the same, bit for bit", async () => {
  const folder = temp(), clean = temp();
  const skipping = { onNonFinite: "skip" } as const;
  const { params, metrics } = await run(train({ ...training(folder, poisoned), ...skipping }));
  const records = recordsIn({ metrics });
  assert.is(records.at(-1)!.skipped, 1);
  assert.equal(records.filter((r) => !Number.isFinite(r.loss)).map((r) => r.step), [8]);
  for (const [path, { data }] of Object.entries(await arraysOf(params))) {
    assert.ok(data.every(Number.isFinite), path);
  }
  // what comes after the skipped step starts from what was before it
  const before = temp(), upTo = { ...training(before, poisoned), ...skipping, total: 7 };
  const kept = await run(train(upTo)), next = temp();
  const skipped = await run(train({ ...training(next, poisoned), ...skipping, total: 8 }));
  assert.equal(await arraysOf(skipped.params), await arraysOf(kept.params));
  const same = await run(train({ ...training(clean), ...skipping }));
  const usual = await run(train(training(whole)));
  assert.equal(await arraysOf(same.params), await arraysOf(usual.params));
  assert.is(recordsIn(same).at(-1)!.skipped, 0);
});

test("a corrupt checkpoint is refused, and so is another training's; neither is touched", async () => {
  const folder = temp();
  Deno.copyFileSync(`${whole}/c.safetensors`, `${folder}/c.safetensors`);
  const other = await failed(train(training(folder, undefined, "another")));
  assert.instance(other, TrainingError);
  assert.match((other as TrainingError).message, /training tiny; expected another/);
  assert.equal(bits(folder), bits(whole));
  const bytes = bits(folder);
  bytes[bytes.length - 3]! ^= 1;
  Deno.writeFileSync(`${folder}/c.safetensors`, bytes);
  const error = await failed(train(training(folder)));
  assert.instance(error, CheckpointError);
  assert.is((error as CheckpointError).reason, "corrupt");
  assert.equal(bits(folder), bytes);
});

test("a full disk while saving leaves the older checkpoint", async () => {
  const folder = temp();
  let saves = 0;
  const disk = {
    ...denoDisk,
    create: (path: string) => {
      if (path.includes("c.safetensors") && ++saves > 1) {
        throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
      }
      return denoDisk.create(path);
    },
  };
  const error = await failed(withDisk(disk, train(training(folder))));
  assert.instance(error, CheckpointError);
  assert.is((error as CheckpointError).check, "ENOSPC");
  assert.is((await Effect.runPromise(load(`${folder}/c.safetensors`))).metadata.step, "5");
});

test("steps on their way are as many as take seconds, fit the ring, and take at most a gigabyte of batches", () => {
  const after = (seconds: number, warmup = false) => ({ step: 1, seconds, ...(warmup ? { warmup } : {}) });
  const small = batchBytes({ x: f32([4], [1, 2, 3, 4]), ids: i32([2], [1, 2]) });
  assert.is(small, 24);
  assert.is(windowOf(undefined, small), 1);
  assert.is(windowOf(after(9, true), small), 2);
  assert.is(windowOf(after(0.1), small), 25);
  assert.is(windowOf(after(1e-5), small), 64);
  assert.is(windowOf(after(60), small), 1);
  assert.is(windowOf(after(0.05), 50 * 2 ** 20), 20);
  assert.is(windowOf(after(0.05), 3 * 2 ** 30), 1);
  assert.is(windowOf(after(0.05), 0), 50);
});

test("medians", () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
});

test.run();
