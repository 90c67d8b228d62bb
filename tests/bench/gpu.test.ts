/** What is asked of a GPU: bars by hand, the report, and a run on a software device, which judges nothing. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attentionBar, meets, productBar, stepBars } from "../../bench/gpu_bars.ts";
import { type GpuRun, gpuText, lineOf } from "../../bench/gpu_report.ts";
import { ran } from "./command.ts";

const test = suite("bench:gpu");

test("bars are those of the reference card, by hand", () => {
  assert.equal(productBar("deno", "f32").bar, { side: "at least", value: 40 });
  assert.equal(productBar("dawn", "f32").bar, undefined);
  assert.equal([productBar("deno", "f16"), productBar("dawn", "f16")].map((p) => p.bar!.value), [50, 250]);
  assert.equal([attentionBar("deno", "f32"), attentionBar("dawn", "f16")].map((a) => a.bar!.value), [
    0.6,
    0.6,
  ]);
  assert.equal(attentionBar("deno", "f16"), {}, "without matrix units nothing is asked");
  const base = [32, 80, 336].map((tokens) => stepBars("deno", "full", tokens, "f32"));
  assert.equal(base.map((b) => b.ms!.value), [1.35 * 97, 1.35 * 140, 1.35 * 371]);
  assert.equal(base.map((b) => b.GiB!.value), [7.4, 9, 18]);
  assert.is(base[0]!.others, "PyTorch fp32 97, TF32 44, bf16 45 ms; 7.4 GiB");
  assert.equal([32, 80, 336].map((tokens) => stepBars("dawn", "full", tokens, "mixed").ms!.value), [
    44,
    51,
    127,
  ]);
  assert.equal([32, 80].map((tokens) => stepBars("dawn", "gpu", tokens, "mixed").ms!.value), [21.5, 21]);
  assert.equal(stepBars("dawn", "gpu", 336, "mixed").ms, undefined);
  assert.equal(stepBars("deno", "smoke", 32, "f32"), { others: "" });
  assert.ok(meets({ side: "at least", value: 2 }, 2) && meets({ side: "at most", value: 2 }, 2));
  assert.not.ok(meets({ side: "at least", value: 2 }, 1.9) || meets({ side: "at most", value: 2 }, 2.1));
});

test("a report counts the bars that are met; what could not be measured misses its bar", () => {
  const bar = { side: "at least", value: 40 } as const,
    one = { provider: "deno", unit: "TFLOP/s", others: "" } as const;
  const lines = [
    lineOf({ ...one, what: "fast", value: 41, bar }, true),
    lineOf({ ...one, what: "slow", value: 12.345, bar }, true),
    lineOf({ ...one, what: "failed", note: "out of memory", bar }, true),
    lineOf({ ...one, what: "free", value: 1 }, true),
    lineOf({ ...one, what: "small", value: 1, bar }, false),
  ];
  assert.equal(lines.map((l) => l.met), [true, false, false, undefined, undefined]);
  const run: GpuRun = { what: "gpu", devices: { deno: "a card" }, software: false, versions: {}, lines };
  const text = gpuText(run);
  assert.match(text, /1 of 3 bars are met/);
  assert.match(text, /\| slow +\| deno \| +12\.35 TFLOP\/s \| at least 40\.00 \| +NO \|/);
  assert.match(text, /failed, deno: out of memory/);
});

test("a software device is measured in small and judges nothing", async () => {
  const { code, out, err } = await ran(
    "bench/main.ts",
    "gpu",
    "--device",
    "deno",
    "--no-steps",
    "--json",
  );
  assert.is(code, 0, err);
  const run = JSON.parse(out) as GpuRun;
  assert.ok(run.software && run.devices.deno !== undefined);
  assert.ok(run.lines.every((l) => l.met === undefined && l.bar === undefined));
  const found = run.lines.filter((l) => l.value !== undefined);
  assert.equal(found.map((l) => l.what), [
    "product 256, f32",
    "product 256, f16 with f32 results",
    "copy",
    "multiply and add, share of copy",
    "sums of rows, share of copy",
    "sums of columns, share of copy",
    "softmax, share of copy",
    "root mean square norm, share of copy",
    "transpose, share of copy",
    "attention 1x2x128x32 forward and backward, f32",
    "attention 1x2x128x32 forward and backward, f32, share of product",
    "attention 1x2x128x32 forward and backward, f16",
    "attention 1x2x128x32 forward and backward, f16, share of product",
    "product 256, f16 in blocks, f32 from block to block",
  ]);
  assert.ok(found.every((l) => l.value! > 0));
  assert.match(gpuText(run), /attention .* f16, share of product \| deno .* not applicable/);
});

test.run();
