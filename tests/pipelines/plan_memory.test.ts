/**
 * The memory of plans against what the CPU takes from its arena for the compiled step: buffers, and alongside them the
 * kernels' own memory for each thread and their arguments, which plans do not count.
 */
import { compile, cpuProfile, deviceNamed } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedConfig, StageName } from "../../pipelines/configs/config.ts";
import { configsOf } from "../../pipelines/configs/named.ts";
import { compiledStep } from "../../pipelines/plan/compiled.ts";
import { planDevices, profileOfDevice } from "../../pipelines/plan/device.ts";
import { type Estimate, estimateOf } from "../../pipelines/plan/memory.ts";
import { planOf, type StageRow } from "../../pipelines/plan/plan.ts";
import { planText } from "../../pipelines/plan/show.ts";
import { plannedTraining, type StepForm, wholeStep } from "../../pipelines/plan/step.ts";
import { oneRank, theRanks } from "../../pipelines/ranks/ranks.ts";
import { loadPrograms } from "../../pipelines/train/programs.ts";
import { smallConfig, stepBytes } from "../support/planned_memory.ts";

const test = suite("memory of plans");

/** How far what the CPU takes may be from what was planned, as a share of it. */
const TOLERANCE = 0.1;

for (
  const [name, stage, images] of [
    ["cos-80-1296", "finetune", 32],
    ["linear-256-256-at-224", "pretrain", 16],
  ] as const
) {
  for (const recomputed of [true, false]) {
    const blocks = recomputed ? "recomputed" : "stored";
    test(`${name}, ${stage}, ${images} images, blocks ${blocks}: the CPU takes what was planned within 10 %`, async () => {
      const { planned, taken } = await stepBytes(name, stage, images, recomputed);
      assert.ok(planned > 1e7, String(planned));
      assert.ok(Math.abs(taken / planned - 1) <= TOLERANCE, `${taken} for ${planned} planned`);
    });
  }
}

const device = { ...planDevices["h100-f32"], memory: 60e6 };
const estimated = (config: NamedConfig, stage: StageName, form: Partial<StepForm>): Estimate => {
  const whole = { precision: "f32", images: 8, remat: [], micro: 1, ...form } as const;
  return estimateOf(plannedTraining(config, stage, whole), planDevices[`h100-${whole.precision}`]);
};

test("a step has as many images at a time as fit; more of them that divide the batch do not", () => {
  const config = smallConfig("cos-80-1296", 48);
  const plan = planOf(config, { device, gpus: 1, utilisation: 1 });
  if (E.isLeft(plan)) throw plan.left;
  for (const { images, micro, remat, fits, memory } of plan.right.stages.finetune.rows) {
    assert.ok(fits && memory.peak <= device.memory && micro > 1 && images * micro === 48, `${images}`);
    const more = [48, 24, 16, 12, 8, 6, 4, 3, 2, 1].filter((d) => d > images).at(-1)!;
    const { peak } = estimated(config, "finetune", { remat, images: more, micro: 48 / more }).memory;
    assert.ok(peak > device.memory, `${more} images take ${peak}`);
  }
  const [stored, ...recomputed] = plan.right.stages.finetune.rows as [StageRow, StageRow, StageRow];
  assert.equal(recomputed.map((row) => row.remat), [["decoder"], ["vision", "decoder"]]);
  assert.ok(recomputed.every((row) => row.images >= stored.images));
  assert.is(plan.right.stages.finetune.best, stored, "which computes nothing twice");
});

test("what does not fit is marked, and is no headline", () => {
  const plan = planOf(smallConfig("cos-80-1296", 4), {
    device: { ...device, memory: 1e6 },
    gpus: 1,
    utilisation: 1,
  });
  if (E.isLeft(plan)) throw plan.left;
  const { stages, gpuHours } = plan.right;
  assert.is(gpuHours, null);
  for (const { rows, best } of Object.values(stages)) {
    assert.is(best, null);
    assert.ok(rows.every((row) => !row.fits && row.images === 1));
  }
  assert.match(planText(plan.right), /does not fit h100-f32[^]*vision, decoder[^]*does not fit/);
});

test("temporaries take what the compiler arranges for them, little more than at their worst moment", () => {
  const config = smallConfig("cos-80-1296", 2),
    form = { precision: "f32", remat: ["decoder"], images: 2 } as const;
  const { gradients, activations } = estimated(config, "pretrain", form).memory;
  const plan = compile(wholeStep(config, "pretrain", form), profileOfDevice(device, false));
  const { buffers, peakScratch } = plan.memory;
  const scratch = buffers.reduce((n, { role, bytes }) => role === "scratch" ? n + bytes : n, 0);
  assert.is(gradients + activations, scratch);
  assert.ok(scratch >= peakScratch && scratch < 1.1 * peakScratch, `${scratch} of ${peakScratch}`);
});

test("frozen parameters take two bytes in mixed precision; sums of micro-batches are stored in four, at each level", () => {
  const config = smallConfig("cos-80-1296", 8), frozen = 60_000 + 168_448;
  const { trainableParameters: trained } = { trainableParameters: 173_536 };
  const memory = (form: Partial<StepForm>) => estimated(config, "finetune", form).memory;
  const [f32, mixed] = [memory({}), memory({ precision: "mixed" })];
  assert.is(f32.optimiser, 8 * trained);
  assert.is(mixed.optimiser, 8 * trained);
  assert.is(f32.weights - mixed.weights, 2 * (f32.weights / 4 - trained), String(frozen));
  // eight micro-batches: the gradients, and a sum at each of three levels, with a few scalars
  const { gradients } = memory({ images: 1, micro: 8 });
  assert.ok(gradients >= 4 * 4 * trained && gradients < 1.001 * 4 * 4 * trained, String(gradients / trained));
});

/** The first small configuration of each kind of bridge. */
const kinds = configsOf("small").filter(({ bridge }, i, all) =>
  all.findIndex((other) => other.bridge.kind === bridge.kind) === i
);

for (const precision of ["f32", "mixed"] as const) {
  test(`${precision}: what is compiled is within 5 % of the estimate, for every kind of bridge`, async () => {
    const profile = profileOfDevice(planDevices[`h100-${precision}`]);
    for (const [i, config] of kinds.entries()) {
      const form = {
        precision,
        remat: i % 2 === 0 ? ["vision", "decoder"] as const : [],
        images: 2,
        micro: i % 3 === 0 ? 3 : 1,
      };
      const stage = i % 2 === 0 ? "finetune" : "pretrain", training = plannedTraining(config, stage, form);
      const { memory, work } = estimateOf(training, planDevices[`h100-${precision}`]);
      const compiled = await Effect.runPromise(compiledStep(training, profile));
      const pairs = { peak: memory.peak, flops: work.flops, bytes: work.bytes, dispatches: work.dispatches };
      for (const name of ["peak", "flops", "bytes", "dispatches"] as const) {
        const off = compiled[name] / pairs[name] - 1;
        assert.ok(Math.abs(off) <= 0.05, `${config.name}, ${stage}: ${name} is off by ${off}`);
      }
    }
  });
}

test("a step that a device's limits refuse is refused by name, without the device", async () => {
  const config = smallConfig("cos-80-1296", 2);
  const training = plannedTraining(config, "pretrain", {
    precision: "f32",
    remat: [],
    images: 2,
    micro: 1,
  });
  const small = { ...profileOfDevice(planDevices["h100-f32"]), maxBindingBytes: 4096, maxBindings: 4 };
  const refused = await Effect.runPromise(Effect.flip(compiledStep(training, small)));
  assert.match(refused.message, /bindings|pieces/);
});

test("ranks: a step takes on the CPU what was estimated, and less where the optimiser's memory is shared", async () => {
  const config = smallConfig("cos-80-336", 4), size = 2, need: number[] = [];
  const training = plannedTraining(config, "pretrain", { precision: "f32", images: 2, remat: [], micro: 4 });
  for (const shards of [false, true]) {
    const { memory } = estimateOf(training, planDevices["h100-f32"], { size, shards }, cpuProfile);
    const each = await Promise.all([0, 1].map((rank) =>
      Effect.runPromise(
        Effect.scoped(loadPrograms(training)).pipe(
          Effect.provideService(theRanks, { ...oneRank, rank, size, shards }),
          Effect.provide(deviceNamed("cpu", { threads: 1 })),
        ),
      )
    ));
    const taken = Math.max(...each.map(({ deviceBytes }) => deviceBytes));
    assert.ok(Math.abs(taken / memory.peak - 1) <= TOLERANCE, `${taken} for ${memory.peak} planned`);
    need.push(memory.optimiser, taken);
  }
  const [optimiser, whole, part, shared] = need as [number, number, number, number];
  assert.ok(part < 0.6 * optimiser && part >= 0.5 * optimiser, `${part} of ${optimiser}`);
  assert.ok(Math.abs(whole - shared - (optimiser - part)) < 0.02 * whole, `${whole} to ${shared}`);
});

test("ranks: the plan counts what they move, by the formula that it states", () => {
  const config = smallConfig("cos-80-336", 8);
  const ranks = { shards: true, rate: 2e9 },
    plan = planOf(config, { device, gpus: 4, utilisation: 1, ranks });
  if (E.isLeft(plan)) throw plan.left;
  const { trainableParameters: trained, best } = plan.right.stages.finetune;
  const { sent, staged, seconds } = best!.exchange!;
  assert.equal([sent, staged], [2 * 4 * trained * 3 / 4, 2 * 4 * trained]);
  assert.is(seconds, (sent + staged) / 2e9);
  assert.ok(best!.memory.optimiser < 0.3 * 8 * trained, `${best!.memory.optimiser}`);
  assert.match(planText(plan.right), /exchange .*sent by a rank/);
  const odd = planOf(config, { device, gpus: 3, utilisation: 1, ranks });
  assert.match(String(E.isLeft(odd) && odd.left), /a power of two/);
});

test.run();
