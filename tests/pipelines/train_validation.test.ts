/** Trainings with validation, moving averages, kept checkpoints, early stops and extensions, killed anywhere. */
import {
  adamw,
  crossEntropy,
  f32,
  fit,
  i32,
  input,
  linear,
  linearSpecs,
  type ParameterSpec,
  tanh,
  type Tensor,
  type Tree,
  under,
  unflatten,
  warmupCosine,
  warmupStableDecay,
} from "@chain-of-sight/core";
import { type Device, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "../../pipelines/runs/metrics.ts";
import { digestMetrics } from "../../pipelines/train/digest.ts";
import { keptPath, keptSteps } from "../../pipelines/train/kept.ts";
import { noHistory, stopReason, withRecord } from "../../pipelines/train/history.ts";
import { trainedWeights } from "../../pipelines/train/saved_state.ts";
import { train, type Trained } from "../../pipelines/train/trainer.ts";
import type { Bindings, Training, Validation } from "../../pipelines/train/training.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { quiet } from "../support/tiny_language.ts";
import { type LazyArray, lazyTrees, randomArrays } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("validation");
test.after(closeCpu);
const ROWS = 8, STEPS = 12;

interface Batch {
  readonly x: Tensor;
  readonly labels: Tensor;
}

const specs = {
  first: linearSpecs({ from: 3, to: 8, std: 0.5 }),
  frozen: linearSpecs({ from: 8, to: 8, std: 0.5 }),
  last: linearSpecs({ from: 8, to: 4, std: 0.5 }),
};

const rowsAt = (step: number, rows = ROWS): Bindings => ({
  x: f32([rows, 3], Array.from({ length: 3 * rows }, (_, i) => Math.sin(step * 24 + i))),
  labels: i32([rows], Array.from({ length: rows }, (_, i) => i > 0 && (i * i + step) % 3 === 0 ? -1 : i % 4)),
});

type Placeholders = Validation<string>;

const validation = (more: Partial<Placeholders> = {}): Placeholders => ({
  every: 3,
  batches: 2,
  batchAt: (batch) => Effect.succeed(rowsAt(1000 + batch)),
  weight: "tokens",
  metric: "validation/loss",
  mode: "min",
  ...more,
});

const training = (folder: string, more: Partial<Training<Batch, string>> = {}): Training<Batch, string> => {
  const rows = ROWS / (more.micro?.count ?? 1);
  return {
    stage: "tiny",
    identity: `tiny ${JSON.stringify(more.result ?? {})} ${more.total ?? STEPS}`,
    lineage: "tiny",
    specs: specs as unknown as Tree<ParameterSpec>,
    initial: randomArrays([1, 2], specs as unknown as Tree<ParameterSpec>),
    batch: { x: input("x", [rows, 3]), labels: input("labels", [rows], "i32") },
    loss: (params, { x, labels }) => {
      const p = fit("tiny", specs, params);
      const { mean, count } = crossEntropy(
        linear(p.last)(tanh(linear(p.frozen)(tanh(linear(p.first)(x))))),
        labels,
      );
      return [mean, { tokens: count }];
    },
    batchAt: (step) => Effect.succeed(rowsAt(step)),
    trainable: under("first", "last"),
    optimiser: adamw({}),
    schedule: warmupCosine({ peak: 0.05, warmup: 1, total: more.total ?? STEPS }),
    maxNorm: 1,
    total: STEPS,
    work: { amount: ROWS, unit: "rows" },
    places: { checkpoint: `${folder}/c.safetensors`, metrics: `${folder}/m.jsonl`, every: 4, sink: quiet },
    ...more,
  };
};

const temp = (): string => Deno.makeTempDirSync({ prefix: "validation" });
const onCpu = async <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  await Effect.runPromise(Effect.provide(effect, await cpuServices()));
const onGpu = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, webGpu()));
const bytes = (file: string): Uint8Array => Deno.readFileSync(file);
const files = (folder: string): readonly string[] =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
const numbers = async (folder: string): Promise<readonly unknown[]> =>
  (await Effect.runPromise(readMetrics(`${folder}/m.jsonl`))).map((
    { seconds: _s, warmup: _w, deviceBytes: _d, ...record },
  ) => record);

/** Everything of a run but the time it took. */
const all = async (folder: string): Promise<readonly unknown[]> => [
  await numbers(folder),
  ...files(folder).filter((name) => name !== "m.jsonl").map((name) => [name, bytes(`${folder}/${name}`)]),
];

// a validation loss that falls, then grows: the best is in the middle
const scores = (_: unknown, step: number) => Effect.succeed({ turn: -Math.abs(step - 6) });
const rich: Partial<Training<Batch, string>> = {
  ema: 0.9,
  validation: validation({ scores, metric: "scores/turn", mode: "max", patience: 3 }),
  keep: { last: 2 },
  result: { checkpoint: "best", weights: "ema" },
};

test("validation changes no step; its loss is that of all its batches, weighed by their labels", async () => {
  const plain = temp(), with_ = temp();
  await onCpu(train(training(plain)));
  await onCpu(train(training(with_, { validation: validation() })));
  const records = await Effect.runPromise(readMetrics(`${with_}/m.jsonl`));
  const steps = records.filter(({ loss }) => loss !== undefined);
  assert.equal(
    steps.map(({ step, loss, gradNorm }) => [step, loss, gradNorm]),
    (await Effect.runPromise(readMetrics(`${plain}/m.jsonl`))).map(({ step, loss, gradNorm }) => [
      step,
      loss,
      gradNorm,
    ]),
  );
  assert.equal(bytes(`${plain}/c.safetensors`), bytes(`${with_}/c.safetensors`));
  const validated = records.filter((record) => "validation/loss" in record);
  assert.equal(validated.map(({ step }) => step), [3, 6, 9, 12]);
  // one batch of all rows has the loss of the two together
  const [a, b] = [rowsAt(1000), rowsAt(1001)], joined = temp();
  const both = {
    x: f32([16, 3], [...a.x!.data, ...b.x!.data]),
    labels: i32([16], [...a.labels!.data, ...b.labels!.data]),
  };
  const { weights: trained } = await Effect.runPromise(trainedWeights(`${with_}/c.safetensors`));
  await onCpu(train({
    ...training(joined, { validation: validation({ batches: 1, batchAt: () => Effect.succeed(both) }) }),
    batch: { x: input("x", [16, 3]), labels: input("labels", [16], "i32") },
    batchAt: (step) => Effect.succeed(rowsAt(step, 16)),
    initial: unflatten(lazyTrees, training(joined).initial, trained) as Tree<LazyArray>,
    schedule: warmupCosine({ peak: 0, warmup: 0, total: 3 }),
    total: 3,
  }));
  const [same] = (await Effect.runPromise(readMetrics(`${joined}/m.jsonl`))).filter((r) =>
    "validation/loss" in r
  );
  const [got, want] = [validated.at(-1)!["validation/loss"] as number, same!["validation/loss"] as number];
  assert.ok(Math.abs(got - want) < 1e-5, `${got} ${want}`);
  // what steps come to is of steps alone
  const { losses, last } = await Effect.runPromise(digestMetrics(`${with_}/m.jsonl`));
  assert.equal([losses.length, last.loss], [STEPS, steps.at(-1)!.loss]);
});

test("killed after any step, averages, best, kept checkpoints and the early stop are those of the uninterrupted", async () => {
  const whole = temp(), ended: Trained = await onCpu(train(training(whole, rich)));
  assert.equal(files(whole), [
    "c.best.safetensors",
    "c.safetensors",
    "c.step-12.safetensors",
    "c.step-8.safetensors",
    "m.jsonl",
  ]);
  for (let at = 0; at < STEPS; at++) {
    const folder = temp();
    const cut = (step: number) => step === at ? Effect.fail("power cut") : Effect.succeed(rowsAt(step));
    assert.is(await onCpu(Effect.flip(train(training(folder, { ...rich, batchAt: cut })))), "power cut");
    // as if the process had died between saving and keeping what it saved
    if (at === 6) Deno.removeSync(`${folder}/c.best.safetensors`);
    const again = await onCpu(train(training(folder, rich)));
    assert.equal(await all(folder), await all(whole), `cut at ${at}`);
    assert.equal(await arraysOf(again.params), await arraysOf(ended.params));
  }
});

test("killed or interrupted within a validation, it validates again and is the uninterrupted one", async () => {
  const whole = temp();
  await onCpu(train(training(whole, rich)));
  for (const at of [3, 6, 12]) {
    const folder = temp(), held = rich.validation!;
    const cut = {
      ...held,
      scores: (_: unknown, step: number) => step === at ? Effect.fail("cut") : scores(_, step),
    };
    assert.is(await onCpu(Effect.flip(train(training(folder, { ...rich, validation: cut })))), "cut");
    await onCpu(train(training(folder, rich)));
    assert.equal(await all(folder), await all(whole), `cut at ${at}`);
    const other = temp();
    await onCpu(Effect.gen(function* () {
      let reached = false;
      const waiting = (_: unknown, step: number) =>
        step === at
          ? Effect.andThen(
            Effect.sync(() => {
              reached = true;
            }),
            Effect.never,
          )
          : scores(_, step);
      const fiber = yield* Effect.forkChild(
        train(training(other, { ...rich, validation: { ...held, scores: waiting } })),
      );
      while (!reached) yield* Effect.sleep(5);
      yield* Fiber.interrupt(fiber);
    }));
    assert.is((await Effect.runPromise(load(`${other}/c.safetensors`))).metadata.step, `${at}`);
    await onCpu(train(training(other, rich)));
    // an interruption saves, and what it saved may be kept as one of the last
    const [left, right] = [await all(other), await all(whole)];
    assert.equal(left[0], right[0]);
    assert.equal(bytes(`${other}/c.best.safetensors`), bytes(`${whole}/c.best.safetensors`));
    assert.equal(bytes(`${other}/c.safetensors`), bytes(`${whole}/c.safetensors`));
  }
});

test("the result is the best checkpoint, its averages; files say so to whatever reads them", async () => {
  const folder = temp(), { params } = await onCpu(train(training(folder, rich)));
  const main = `${folder}/c.safetensors`, best = await Effect.runPromise(load(keptPath(main, "best")));
  assert.is(best.metadata.step, "6");
  const flat = await arraysOf(params);
  assert.equal(flat["first.weight"]!.data, best.tensors["state.ema.first.weight"]!.data);
  assert.equal(flat["frozen.weight"]!.data, best.tensors["state.params.frozen.weight"]!.data);
  const read = async (want = {}) => arraysOf((await Effect.runPromise(trainedWeights(main, want))).weights);
  assert.equal(await read(), flat);
  const { tensors } = await Effect.runPromise(load(main));
  const last = await read({ checkpoint: "last", weights: "trained" });
  assert.equal(last["first.weight"]!.data, tensors["state.params.first.weight"]!.data);
  const plain = temp();
  await onCpu(train(training(plain)));
  const error = await Effect.runPromise(
    Effect.flip(trainedWeights(`${plain}/c.safetensors`, { weights: "ema" })),
  );
  assert.match(error.message, /moving averages .*a checkpoint without averages/);
});

test("a training without better validations ends early, says why, and is not gone on with", async () => {
  const folder = temp(), early = { ...rich, validation: { ...rich.validation!, patience: 1 } };
  const ended = await onCpu(train(training(folder, early)));
  assert.is(ended.steps, 9);
  assert.match(
    ended.stopped!,
    /scores\/turn has not improved in 1 validations up to step 9; the best is 0 at step 6/,
  );
  const before = await all(folder);
  const again = await onCpu(
    train(training(folder, { ...early, batchAt: () => Effect.fail("no batch is asked for") })),
  );
  assert.equal([again.steps, again.stopped], [ended.steps, ended.stopped]);
  assert.equal(await all(folder), before);
  assert.equal(await arraysOf(again.params), await arraysOf(ended.params));
});

test("history: equal values are no better, and one that is no number never is", () => {
  const by = { metric: "m", mode: "min", patience: 2 } as const;
  const after = (...values: readonly number[]) =>
    values.reduce((history, m, i) => withRecord(by, history, { step: i + 1, m }), noHistory);
  assert.equal(after(3, 3), { validated: 2, best: { step: 1, value: 3 }, since: 1 });
  assert.equal(after(NaN, NaN), { validated: 2, since: 2 });
  assert.match(stopReason(by, after(3, 4, NaN))!, /2 validations up to step 3; the best is 3 at step 1/);
  assert.is(stopReason(by, after(3, 4, 2)), undefined);
  assert.equal(withRecord(by, noHistory, { step: 4, loss: 1 }), noHistory);
});

test("a metric that validation does not measure is refused with those that it does", async () => {
  const error = await onCpu(
    Effect.flip(train(training(temp(), { validation: validation({ metric: "validation/los" }) }))),
  );
  assert.match(
    String(error),
    /validate tiny: got no metric validation\/los; expected one of validation\/loss/,
  );
});

const wsd = (total: number): Partial<Training<Batch, string>> => ({
  ...rich,
  validation: validation(),
  result: {},
  keep: { stable: true },
  total,
  schedule: warmupStableDecay({ peak: 0.05, warmup: 1, total, decay: 4 }),
});

test("a stable training that is extended is the longer one, bit for bit; one whose rates depend on the steps is refused", async () => {
  const short = temp(), long = temp(), longer = temp();
  await onCpu(train(training(short, wsd(11))));
  assert.is((await Effect.runPromise(load(`${short}/c.stable.safetensors`))).metadata.step, "7");
  await onCpu(train(training(long, wsd(17))));
  const untouched = await all(short);
  const extend = { checkpoint: `${short}/c.safetensors`, metrics: `${short}/m.jsonl` };
  const extended = (folder: string, more: Partial<Training<Batch, string>> = {}) => {
    const made = training(folder, { ...wsd(17), ...more });
    return { ...made, places: { ...made.places, extend } };
  };
  const from: number[] = [];
  const noted = (step: number) =>
    Effect.sync(() => {
      from.push(step);
      return rowsAt(step);
    });
  await onCpu(train(extended(longer, { batchAt: noted })));
  assert.is(from[0], 7);
  assert.equal(await all(longer), await all(long));
  assert.equal(await all(short), untouched);
  // killed at once, and gone on with without the shorter run's help
  const killed = temp();
  await onCpu(Effect.flip(train(extended(killed, { batchAt: () => Effect.fail("cut") }))));
  await onCpu(train(training(killed, wsd(17))));
  assert.equal(await all(killed), await all(long));
  const said = async (more: Partial<Training<Batch, string>>) =>
    String(await onCpu(Effect.flip(train(extended(temp(), more)))));
  assert.match(await said({ lineage: "other" }), /a training that differs in more than its steps/);
  const cosine = { schedule: warmupCosine({ peak: 0.05, warmup: 1, total: 17 }) };
  assert.match(
    await said(cosine),
    /learning rates that follow from the number of steps from step 1 on.*"constant" or "wsd"/s,
  );
});

test("micro-batches, averages and validation on a GPU in mixed precision resume exactly", async () => {
  const run: Partial<Training<Batch, string>> = {
    ...rich,
    micro: { count: 4, weight: "tokens" },
    validation: validation({ batchAt: (batch) => Effect.succeed(rowsAt(1000 + batch, 2)) }),
    precision: "mixed",
    total: 6,
  };
  const whole = temp(), folder = temp();
  await onGpu(train(training(whole, run)));
  const cut = (step: number) => step === 4 ? Effect.fail("cut") : Effect.succeed(rowsAt(step));
  assert.is(await onGpu(Effect.flip(train(training(folder, { ...run, batchAt: cut })))), "cut");
  await onGpu(train(training(folder, run)));
  assert.equal(await all(folder), await all(whole));
  assert.equal(await Effect.runPromise(keptSteps(`${folder}/c.safetensors`)), [6, 4]);
});

test.run();
