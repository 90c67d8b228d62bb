/**
 * The memory of plans against what the CPU takes from its arena for the compiled step: buffers, and beside them the
 * kernels' own memory for each thread and their arguments, which plans do not count.
 */
import { compile } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedConfig, StageName } from "../../pipelines/configs/config.ts";
import { imagesThatFit, memoryOf } from "../../pipelines/plan/memory.ts";
import { unlimitedProfile } from "../../pipelines/plan/profile.ts";
import { plannedStep } from "../../pipelines/plan/step.ts";
import { smallConfig } from "../support/planned_memory.ts";

const test = suite("memory of plans");

const bytesOf = async (...args: readonly string[]): Promise<number> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tests/support/planned_memory.ts", ...args],
  }).output();
  assert.is(code, 0, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
};

/** How far what the CPU takes may be from what was planned, as a share of it. */
const TOLERANCE = 0.1;

for (
  const step of [
    ["cos-80-1296", "pretrain", "16"],
    ["cos-80-1296", "finetune", "32"],
    ["resampler-80-400", "finetune", "16"],
    ["linear-256-256-at-224", "pretrain", "16"],
  ]
) {
  for (const blocks of ["again", "kept"]) {
    const what = `${step.join(", ")} images, blocks ${blocks}`;
    test(`${what}: the CPU takes what was planned within 10 %`, async () => {
      const planned = await bytesOf("planned", ...step, blocks),
        taken = await bytesOf("taken", ...step, blocks);
      assert.ok(planned > 1e7, String(planned));
      assert.ok(Math.abs(taken / planned - 1) <= TOLERANCE, `${taken} for ${planned} planned`);
    });
  }
}

const needOf = (config: NamedConfig, stage: StageName = "pretrain", remat = true) => {
  const { source, prefixes } = plannedStep(config, stage, remat), plan = compile(source, unlimitedProfile);
  const { batch: images } = config[stage], { vocabulary } = config.model.decoder;
  const of = (precision: "f32" | "mixed") =>
    memoryOf(plan, { precision, images, prefixes, trained: (path) => path.startsWith("bridge"), vocabulary });
  return { peakScratch: plan.memory.peakScratch, f32: of("f32"), mixed: of("mixed") };
};

test("as many images as fit, fit; a quarter more do not", () => {
  const memory = 60e6, at = (images: number) => needOf(smallConfig("cos-80-1296", images), "finetune", false);
  const needs = at(8);
  for (const precision of ["f32", "mixed"] as const) {
    const fit = imagesThatFit(needs[precision], 4 * 173_536, memory);
    assert.ok(fit >= 4, String(fit));
    assert.ok(at(fit)[precision].peak <= memory, `${precision}: ${fit}`);
    assert.ok(at(Math.ceil(1.25 * fit))[precision].peak > memory, `${precision}: ${fit}`);
  }
  assert.is(imagesThatFit(needs.f32, 4 * 173_536, 1e6), 0);
});

test("temporaries at their worst moment are what the compiler says", () => {
  const { f32, peakScratch } = needOf(smallConfig("cos-80-1296", 2));
  assert.is(f32.gradients + f32.activations, peakScratch);
});

test("where activations are few, the worst moment is the update, with all gradients alive, in four bytes", () => {
  const config = smallConfig("cos-80-1296", 1);
  const { f32, mixed } = needOf({ ...config, pretrain: { ...config.pretrain, textTokens: 1 } });
  // bridge and decoder: 53,504 + 166,208 parameters
  for (const { gradients } of [f32, mixed]) {
    assert.ok(gradients >= 4 * 219_712 && gradients < 4.1 * 219_712, String(gradients));
  }
  // said to train the bridge alone: the rest is stored in two bytes, the bridge in four and two
  assert.is(f32.weights, 4 * (59_104 + 219_712));
  assert.is(mixed.weights, 2 * (59_104 + 166_208) + 6 * 53_504);
});

test.run();
