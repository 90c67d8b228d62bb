/** Gradient accumulation in the trainer: micro-batches against one batch, resumption, on the CPU and WebGPU. */
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
  warmupCosine,
} from "@chain-of-sight/core";
import { cpu, type Device, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ProgressSink } from "../../pipelines/terminal/progress.ts";
import { train, type Trained } from "../../pipelines/train/trainer.ts";
import type { Bindings, MicroBatches, Training } from "../../pipelines/train/training.ts";
import { recordsIn } from "../support/metrics.ts";
import { randomArrays } from "../../pipelines/weights/lazy.ts";

const quiet: ProgressSink = { isTerminal: () => false, width: () => 80, write: () => {}, now: () => 0 };
const ROWS = 8, STEPS = 6;

interface Batch {
  readonly x: Tensor;
  readonly labels: Tensor;
}

const specs = {
  first: linearSpecs({ from: 3, to: 8, std: 0.5 }),
  frozen: linearSpecs({ from: 8, to: 8, std: 0.5 }),
  last: linearSpecs({ from: 8, to: 4, std: 0.5 }),
};

// micro-batches of a step have different numbers of labels
const rowsAt = (step: number): Bindings => ({
  x: f32([ROWS, 3], Array.from({ length: 3 * ROWS }, (_, i) => Math.sin(step * 24 + i))),
  labels: i32([ROWS], Array.from({ length: ROWS }, (_, i) => i > 0 && (i * i + step) % 3 === 0 ? -1 : i % 4)),
});

const training = <E = never>(
  folder: string,
  micro?: MicroBatches,
  batchAt: (step: number) => Effect.Effect<Bindings, E> = (step) => Effect.succeed(rowsAt(step)),
  more: Partial<Training<Batch, E>> = {},
): Training<Batch, E> => {
  const rows = ROWS / (micro?.count ?? 1);
  return {
    stage: "tiny",
    identity: `micro ${micro?.count}`,
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
    batchAt,
    trainable: under("first", "last"),
    optimiser: adamw({}),
    schedule: warmupCosine({ peak: 0.05, warmup: 1, total: STEPS }),
    maxNorm: 1,
    total: STEPS,
    work: { amount: ROWS, unit: "rows" },
    places: { checkpoint: `${folder}/c.safetensors`, metrics: `${folder}/m.jsonl`, every: 2, sink: quiet },
    ...(micro === undefined ? {} : { micro }),
    ...more,
  };
};

const temp = (): string => Deno.makeTempDirSync({ prefix: "micro" });
const onCpu = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(cpu({ threads: 2 }))));
const onGpu = <A, E>(effect: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(webGpu())));
const by = (count: number): MicroBatches => ({ count, weight: "tokens" });

const alike = (some: Trained, whole: Trained, about: string): void => {
  assert.is(recordsIn(some).length, STEPS);
  recordsIn(some).forEach((row, i) => {
    const right = recordsIn(whole)[i]!;
    assert.is(row.tokens, right.tokens, `${about}: labels of step ${i}`);
    for (const name of ["loss", "gradNorm", "lr"]) {
      const [a, b] = [row[name] as number, right[name] as number];
      assert.ok(Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b)), `${about}: ${name} ${a} ${b} at ${i}`);
    }
  });
};

for (const [name, run] of [["CPU", onCpu], ["WebGPU", onGpu]] as const) {
  test(`${name}: micro-batches give the losses of one batch, and the loss falls`, async () => {
    const whole = await run(train(training(temp())));
    for (const count of name === "CPU" ? [2, 4, 8] : [4]) {
      const some = await run(train(training(temp(), by(count))));
      alike(some, whole, `${count} micro-batches`);
      assert.ok((recordsIn(some).at(-1)!.loss as number) < (recordsIn(some)[0]!.loss as number));
    }
  });
}

test("stopped at any step and resumed, it is the uninterrupted one, bit for bit", async () => {
  const whole = temp(), bytes = (folder: string) => Deno.readFileSync(`${folder}/c.safetensors`);
  await onCpu(train(training(whole, by(4))));
  for (const at of [1, 3, 5]) {
    const folder = temp();
    const cut = (step: number) =>
      step === at ? Effect.fail("power cut" as const) : Effect.succeed(rowsAt(step));
    assert.is(await onCpu(Effect.flip(train(training(folder, by(4), cut)))), "power cut");
    await onCpu(train(training(folder, by(4))));
    assert.equal(bytes(folder), bytes(whole), `stopped at ${at}`);
  }
});

test("a micro-batch that is not finite skips the step and is counted", async () => {
  const broken = (step: number) => {
    const { x, labels } = rowsAt(step);
    return Effect.succeed({
      x: step === 2 ? f32(x!.shape, x!.data.map((v, i) => i === 20 ? NaN : v)) : x!,
      labels: labels!,
    });
  };
  const records = recordsIn(await onCpu(train(training(temp(), by(4), broken, { onNonFinite: "skip" }))));
  assert.equal(records.map(({ skipped }) => skipped), [0, 0, 1, 1, 1, 1]);
  assert.ok(Number.isFinite(records.at(-1)!.loss));
});

test.run();
