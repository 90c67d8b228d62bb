/** Training in mixed precision: overflows are survived and counted, resumption is exact, devices without f16 say so. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor, Tree } from "@chain-of-sight/core";
import { cpu, type Device, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "../../pipelines/runs/metrics.ts";
import { languageCodec } from "../../pipelines/stages/language_config.ts";
import { presets } from "../../pipelines/ablations/presets.ts";
import { trainsOf } from "../../pipelines/engine/experiment.ts";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";
import { TrainingError } from "../../pipelines/train/fault.ts";
import type { Precision } from "../../pipelines/train/precision.ts";
import { train } from "../../pipelines/train/trainer.ts";
import type { Bindings, Training } from "../../pipelines/train/training.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { lazyArrays, randomArrays } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("train, mixed precision");
const quiet: ProgressSink = { isTerminal: () => false, width: () => 80, write: () => {}, now: () => 0 };

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

const specs = {
  first: cs.linearSpecs({ from: 3, to: 8, std: 0.5 }),
  last: cs.linearSpecs({ from: 8, to: 1, std: 0.5 }),
} as unknown as Tree<cs.ParameterSpec>;

const TOTAL = 40;

/** Rows of a wave; `size` times as large as f16 can well hold where it is asked for. */
const wave = (step: number, size = 1): Bindings => ({
  x: cs.f32([4, 3], Array.from({ length: 12 }, (_, i) => size * Math.sin(step * 12 + i))),
  y: cs.f32([4, 1], Array.from({ length: 4 }, (_, i) => 0.5 * Math.sin(step * 12 + 3 * i))),
});

const training = <E = never>(
  folder: string,
  batchAt: (step: number) => Effect.Effect<Bindings, E>,
  precision: Precision = "mixed",
): Training<Batch, E> => ({
  stage: "tiny",
  identity: `tiny ${precision}`,
  specs,
  initial: randomArrays([1, 2], specs),
  batch: { x: cs.input("x", [4, 3]), y: cs.input("y", [4, 1]) },
  loss: (params, { x, y }) => {
    // deno-lint-ignore no-explicit-any
    const p = params as any;
    const error = cs.meanSquaredError(cs.linear(p.last)(cs.relu(cs.linear(p.first)(x))), y);
    // cotangents that 2^16 does not make too large, so that nothing overflows but what shall
    return [cs.mul(error, 2 ** -6), {}];
  },
  batchAt,
  trainable: () => true,
  optimiser: cs.adamw({}),
  schedule: cs.warmupCosine({ peak: 0.02, warmup: 2, total: TOTAL }),
  maxNorm: 1,
  precision,
  total: TOTAL,
  work: { amount: 4, unit: "rows" },
  places: { checkpoint: `${folder}/c.safetensors`, metrics: `${folder}/m.jsonl`, every: 5, sink: quiet },
});

const run = <A, E>(effect: Effect.Effect<A, E, Device>, on = webGpu()): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(on)));
const temp = (): string => Deno.makeTempDirSync({ prefix: "mixed" });
const bits = (folder: string): Uint8Array => Deno.readFileSync(`${folder}/c.safetensors`);

const OVERFLOWS = [7, 8, 23];
/** Activations of 1e6 at a few steps: no f16 holds them. */
const withOverflows = (step: number) => Effect.succeed(wave(step, OVERFLOWS.includes(step) ? 1e6 : 1));

const whole = temp();
test.before(async () => {
  await run(train(training(whole, withOverflows)));
});

test("overflows are survived: the update is skipped, the scale halved, both counted, and it goes on to learn", async () => {
  const rows = await Effect.runPromise(readMetrics(`${whole}/m.jsonl`));
  assert.is(rows.length, TOTAL);
  rows.forEach((row, step) => {
    const before = OVERFLOWS.filter((at) => at < step).length;
    assert.is(row.scale, 2 ** (16 - before), `scale of step ${step}`);
    assert.is(row.skipped, OVERFLOWS.filter((at) => at <= step).length, `skipped by step ${step}`);
    assert.is(Number.isFinite(row.gradNorm), !OVERFLOWS.includes(step), `norm of step ${step}`);
  });
  const mean = (from: number, to: number) =>
    rows.slice(from, to).reduce((n, r) => n + (r.loss as number), 0) / (to - from);
  assert.ok(mean(30, 40) < 0.5 * mean(0, 7), `${mean(0, 7)} falls to ${mean(30, 40)}`);
  const { tensors } = await Effect.runPromise(load(`${whole}/c.safetensors`));
  assert.ok(Object.values(tensors).every((t) => t.data.every(Number.isFinite)), "every number of the state");
  assert.equal(Object.values(tensors).some((t) => t.dtype === "f16"), false);
  assert.is(tensors["state.scaling.scale"]!.data[0], 2 ** 13);
});

test("a training that stopped and resumed is the uninterrupted one, bit for bit", async () => {
  const folder = temp();
  const stopping = training(
    folder,
    (step) => step === 27 ? Effect.fail("power cut") : withOverflows(step),
  );
  assert.is(await run(Effect.flip(train(stopping))), "power cut");
  await run(train(training(folder, withOverflows)));
  assert.equal(bits(folder), bits(whole));
});

/** A training of the last map alone. */
const frozen = <E = never>(
  folder: string,
  batchAt: (step: number) => Effect.Effect<Bindings, E>,
  first?: number,
): Training<Batch, E> => {
  const made = training(folder, batchAt), given = cs.initialise([1, 2], specs) as Tree<NdArray>;
  if (first !== undefined) cs.arrayTrees.flatten(given)["first.weight"]!.data[0] = first;
  return { ...made, initial: lazyArrays(given), identity: "frozen", trainable: cs.under("last") };
};

test("frozen parameters are f16 on the device alone: checkpoints and results have them as they were given", async () => {
  const folder = temp(), stopped = temp(), small = (step: number) => Effect.succeed(wave(step));
  const { params } = await run(train(frozen(folder, small))), given = cs.initialise([1, 2], specs);
  const after = await arraysOf(params), before = cs.arrayTrees.flatten(given as Tree<NdArray>);
  assert.equal(after["first.weight"], before["first.weight"]);
  assert.not.equal(after["last.weight"]!.data, before["last.weight"]!.data);
  const { tensors } = await Effect.runPromise(load(`${folder}/c.safetensors`));
  assert.equal(tensors["state.params.first.weight"]!.data, before["first.weight"]!.data);
  const stopping = (step: number) => step === 12 ? Effect.fail("power cut") : small(step);
  assert.is(await run(Effect.flip(train(frozen(stopped, stopping)))), "power cut");
  await run(train(frozen(stopped, small)));
  assert.equal(bits(stopped), bits(folder));
});

test("a frozen parameter beyond the range of f16 ends the training before it starts, by name", async () => {
  const error = await Effect.runPromise(
    Effect.exit(Effect.provide(train(frozen(temp(), (step) => Effect.succeed(wave(step)), 1e5)), webGpu())),
  );
  assert.match(String(error), /100000 in first\.weight/);
});

test("what overflows at every scale ends the training, with the step", async () => {
  const error = await run(
    Effect.flip(train(training(temp(), (step) => Effect.succeed(wave(step, step < 3 ? 1 : 1e6))))),
  );
  assert.instance(error, TrainingError);
  // sixteen halvings of 2^16, then there is nothing left to halve
  assert.is((error as TrainingError).step, 3 + 16 + 1);
});

test("f32 ends at the first number that is none, as ever", async () => {
  const error = await run(
    Effect.flip(
      train(training(temp(), (step) => Effect.succeed(wave(step, step < 3 ? 1 : Infinity)), "f32")),
    ),
  );
  assert.instance(error, TrainingError);
  assert.is((error as TrainingError).step, 4);
});

test("a device without 16-bit numbers is informed from the start, by name", async () => {
  const error = await run(Effect.flip(train(training(temp(), withOverflows))), cpu({ threads: 1 }));
  assert.instance(error, TrainingError);
  assert.match(String(error), /CPU[^]*shader-f16[^]*precision to "f32"/);
});

test("configurations take a precision, f32 where they say nothing, and refuse any other", () => {
  const { precision: _, name: __, data: ___, ...silent } = trainsOf(presets.smoke.base)[0]!;
  for (const config of [silent, { ...silent, precision: "f32" }, { ...silent, precision: "mixed" }]) {
    assert.is(languageCodec().decode(config)._tag, "Right");
  }
  assert.is(languageCodec().decode({ ...silent, precision: "f16" })._tag, "Left");
});

test.run();
