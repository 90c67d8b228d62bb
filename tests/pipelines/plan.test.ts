/** Plans of configurations: counts by hand, the paper's numbers, settings that cannot be, and the command line. */
import { ConfigError } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedConfig } from "../../pipelines/configs/config.ts";
import { configNamed } from "../../pipelines/configs/named.ts";
import { deviceOfRoofline, planDevices } from "../../pipelines/plan/device.ts";
import { type ConfigPlan, planOf, type PlanSettings, type StageRow } from "../../pipelines/plan/plan.ts";
import { measuredConfigs } from "../../pipelines/plan/relative.ts";
import { planText } from "../../pipelines/plan/show.ts";

const test = suite("plans");

const given = <L extends Error, A>(either: E.Either<L, A>): A => {
  if (E.isLeft(either)) throw either.left;
  return either.right;
};

const h100: PlanSettings = { device: planDevices["h100-f32"], gpus: 1, utilisation: 0.4 };
const named = (name: string, geometry: "full" | "small" = "full"): NamedConfig =>
  given(configNamed(name, geometry));
const planned = (
  name: string,
  geometry: "full" | "small",
  settings: Partial<PlanSettings> = {},
): ConfigPlan => given(planOf(named(name, geometry), { ...h100, ...settings }));

const small = planned("cos-80-1296", "small"), full = planned("cos-80-1296", "full");

test("small: parameters by hand", () => {
  const block = (d: number): number =>
    2 * d + 4 * (d * d + d) + 2 * d + (d * 4 * d + 4 * d) + (4 * d * d + d);
  // patches without bias, class token, position table with its row, the normalisation before three blocks
  const vision = (grid: number): number =>
    14 * 14 * 3 * 32 + 32 + (grid * grid + 1) * 32 + 64 + 3 * block(32);
  // two normalisations, q, k and v without bias, output, normalisation and perceptron
  const cross = 2 * 64 + 3 * 32 * 32 + (32 * 32 + 32) + 64 + (32 * 128 + 128) + (128 * 32 + 32);
  const bridge = (queries: number, scales: number): number =>
    queries * 32 + scales * 2 * cross + 64 + (32 * 64 + 64);
  const decoder = 2 * 512 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 176 + 2 * 64) + 64;
  const lora = 2 * 8 * (4 * (64 + 64) + 3 * (64 + 176));
  const { pretrain, finetune } = small.stages;
  assert.equal(pretrain.parameters, {
    vision: vision(8),
    bridge: bridge(20, 2),
    decoder,
    lora: 0,
    total: vision(8) + bridge(20, 2) + decoder,
  });
  assert.is(pretrain.parameters.vision, 59_104);
  assert.is(pretrain.trainableParameters, 53_504 + 166_208);
  assert.equal(finetune.trainable, {
    vision: vision(16),
    bridge: bridge(324, 3),
    decoder: 0,
    lora,
    total: vision(16) + bridge(324, 3) + lora,
  });
  assert.is(small.trainableParameters, 65_248 + 88_576 + 19_712);
});

test("small: products of the forward pass by hand", () => {
  const b = 16, { vision, bridge, decoder, step, backward, recomputation } = small.stages.pretrain.flops;
  const map = (rows: number, from: number, to: number): number => 2 * rows * from * to;
  const attention = (queries: number, keys: number, d: number): number => 2 * 2 * b * queries * keys * d;
  assert.is(
    vision.products,
    map(b * 64, 588, 32) +
      3 * (4 * map(b * 65, 32, 32) + 2 * map(b * 65, 32, 128) + attention(65, 65, 32)),
  );
  // one window of 8 x 8 with 4 queries, 16 windows of 2 x 2 with 1 query, at two levels each
  const scale = (queries: number, keys: number): number =>
    2 * (2 * map(b * 64, 32, 32) + attention(queries, keys, 32) + map(b * queries, 32, 32) +
        2 * map(b * queries, 32, 128)) +
    // the queries of the first level are the same for all images
    map(queries, 32, 32) + map(b * queries, 32, 32);
  assert.is(bridge.products, scale(4, 64) + scale(16, 4) + map(b * 20, 32, 64));
  const s = 20 + 48;
  assert.is(
    decoder.products,
    2 * (4 * map(b * s, 64, 64) + 3 * map(b * s, 64, 176) + attention(s, s, 64)) + map(b * 48, 64, 512),
  );
  const forward = vision.products + bridge.products + decoder.products;
  assert.is(step.products, forward + backward.products);
  // two products for each of the forward pass, but for the frozen encoder; attention recomputes its scores
  const twice = 2 * (bridge.products + decoder.products);
  assert.ok(backward.products > 0.95 * twice && backward.products < 1.25 * twice, String(backward.products));
  assert.ok(recomputation.products > 0 && recomputation.products < decoder.products);
});

test("full: the paper's parameters", () => {
  assert.is(full.trainableParameters, 532_374_528);
  const { pretrain, finetune } = full.stages;
  assert.is(finetune.trainableParameters, 532_374_528);
  assert.is(finetune.parameters.decoder, 6_738_415_616);
  assert.is(finetune.trainable.lora, 159_907_840);
  assert.equal([pretrain.tokens.visual, finetune.tokens.visual], [80, 1296]);
  // weights in four bytes, two moments of what is trained
  for (const { rows, parameters, trainableParameters } of [pretrain, finetune]) {
    for (const { memory: m } of rows) {
      assert.is(m.weights, 4 * parameters.total);
      assert.is(m.optimiser, 8 * trainableParameters);
      assert.is(m.peak, m.weights + m.optimiser + m.data + m.gradients + m.activations);
    }
  }
});

test("full: two operations for every parameter of the decoder and token, and the time at the peak rate", () => {
  for (const { flops, tokens, batch, rows, steps } of Object.values(full.stages)) {
    const blocks = 32 * (4 * 4096 ** 2 + 3 * 4096 * 11008), s = tokens.visual + tokens.text;
    const maps = 2 * batch * (s * blocks + tokens.text * 4096 * 32000);
    const scores = 32 * 4 * batch * s * s * 4096;
    assert.ok(flops.decoder.products >= maps + scores);
    // low-rank additions to seven maps are no more than 3 %
    assert.ok(
      flops.decoder.products <= 1.03 * (maps + scores),
      String(flops.decoder.products / (maps + scores)),
    );
    const [stored, recomputed] = rows as [StageRow, StageRow],
      [first, again] = [stored, recomputed].map((row) => 3600 * row.hours / steps) as [number, number];
    const peak = flops.step.all / h100.device.flops / h100.utilisation;
    assert.ok(first > 0.9 * peak && first < 1.1 * peak, String(first / peak));
    const more = 1 + flops.recomputation.all / flops.step.all;
    assert.ok(Math.abs(again / first / more - 1) < 0.05, String(again / first / more));
  }
});

test("full: every step fits an H100, in micro-batches; recomputation has more images at a time", () => {
  for (const { rows, best, imagesPerDevice } of Object.values(full.stages)) {
    const [stored, recomputed] = [rows[0]!, rows.at(-1)!];
    for (const { images, micro, memory, fits } of rows) {
      assert.is(images * micro, imagesPerDevice);
      assert.ok(fits && memory.peak <= h100.device.memory!);
    }
    assert.ok(recomputed.images > stored.images, `${recomputed.images} and ${stored.images}`);
    assert.is(best, stored);
  }
  assert.is(full.gpuHours, full.stages.pretrain.best!.gpuHours + full.stages.finetune.best!.gpuHours);
});

test("full: times of pre-training alongside the paper's", () => {
  const { points, planned, rmsError, maxError, fixedTokens } = full.pretrainingTime;
  assert.equal(points.map((p) => [p.tokens, p.measured]), [
    [336, 1],
    [256, 0.82],
    [80, 0.42],
    [48, 0.35],
    [32, 0.27],
  ]);
  assert.is(points[0]!.predicted, 1);
  assert.equal(planned, points[2]);
  assert.is(planned.config, "cos-80-1296");
  const errors = points.slice(1).map((p) => p.predicted - p.measured!);
  assert.ok(Math.abs(rmsError - Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / 4)) < 1e-12);
  assert.is(maxError, Math.max(...errors.map(Math.abs)));
  assert.ok(maxError < 0.07, String(maxError));
  // 64 text tokens and the encoder; the fit of the notes is 0.22 + 0.00233 tokens
  assert.ok(fixedTokens.predicted > 64 && fixedTokens.predicted < 75, String(fixedTokens.predicted));
  assert.ok(Math.abs(fixedTokens.measured - 0.22 / 0.00233) < 2, String(fixedTokens.measured));
  assert.equal(
    measuredConfigs("small").map(({ name }) => name),
    measuredConfigs("full").map(({ name }) => name),
  );
});

test("devices that share a batch share the hours, not the GPU-hours", () => {
  const eight = planned("cos-80-1296", "small", { gpus: 8, utilisation: 0.2 });
  const [one, shared] = [small, eight].map((p) => p.stages.finetune.rows[0]!) as [StageRow, StageRow];
  assert.is(eight.stages.finetune.imagesPerDevice, 1);
  assert.ok(shared.memory.peak < one.memory.peak / 4);
  // each has the update to itself, and half the utilisation
  assert.ok(shared.gpuHours > 2 * one.gpuHours);
  assert.ok(Math.abs(shared.hours * 8 / shared.gpuHours - 1) < 1e-9);
  assert.ok(Math.abs(one.hours - one.work.seconds / 0.4 * small.stages.finetune.steps / 3600) < 1e-12);
});

test("bridges of every form are planned: tiles, and members that are trained together", () => {
  for (const name of ["resampler-80-400", "nested-pool-64-256"]) {
    const { stages, pretrainingTime } = planned(name, "small");
    assert.ok(stages.finetune.flops.vision.all > 0 && stages.finetune.flops.bridge.all > 0, name);
    assert.ok(pretrainingTime.planned.predicted > 0);
  }
});

test("the text has the numbers of the plan", () => {
  const text = planText(full);
  for (
    const part of [
      "532,374,528",
      "0.42x",
      "the kernels' FLOPs alone",
      "cheapest that fits",
      "pre-training: encoder",
    ]
  ) assert.ok(text.includes(part), part);
});

test("peak rates from text", () => {
  assert.equal(given(deviceOfRoofline("51.5e12, 3.13e12")), {
    name: "by its peak rates",
    precision: "f32",
    flops: 51.5e12,
    bytes: 3.13e12,
    memory: null,
  });
  assert.is(given(deviceOfRoofline("1e12,1e11,8e9", "mixed")).memory, 8e9);
  for (const text of ["", "1e12", "1e12,", "1e12,0", "-1,1", "1,2,3,4", "fast,1e9", "1e12;1e9", "1e999,1"]) {
    const refused = deviceOfRoofline(text);
    assert.ok(E.isLeft(refused), text);
    assert.is(refused.left._tag, "PlanError");
    assert.ok(refused.left.message.includes("FLOP/s"), refused.left.message);
  }
});

test("settings that cannot be are refused by name", () => {
  const refusals: readonly (readonly [string, Partial<PlanSettings>])[] = [
    ["--gpus", { gpus: 0 }],
    ["--gpus", { gpus: 3 }],
    ["--utilisation", { utilisation: 0 }],
    ["--utilisation", { utilisation: 1.5 }],
    ["--utilisation", { utilisation: NaN }],
    ["--batch", { batch: 2.5 }],
  ];
  for (const [op, settings] of refusals) {
    const refused = planOf(named("cos-80-1296", "small"), { ...h100, ...settings });
    assert.ok(E.isLeft(refused), op);
    assert.is(refused.left.op, op);
  }
});

test("a name that is not there: the nearest are named; the paper's name of its model is known", () => {
  const refused = configNamed("cos-80-1269");
  assert.ok(E.isLeft(refused) && refused.left instanceof ConfigError);
  assert.match(refused.left.message, /nearest are cos-80-1296/);
  const far = configNamed("resampler80-400");
  assert.ok(E.isLeft(far));
  assert.match(far.left.message, /nearest are resampler-80-400/);
  assert.is(named("CoS-7B").name, "cos-80-1296");
});

const command = async (
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "plan", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
};

test("the command prints a plan and compiles its steps, and says what is wrong", async () => {
  const printed = await command("cos-80-1296", "--geometry", "small", "--json", "--compile");
  assert.is(printed.code, 0, printed.err);
  const { stages, ...plan } = JSON.parse(printed.out) as ConfigPlan;
  assert.equal({ ...plan, stages: small.stages }, JSON.parse(JSON.stringify(small)));
  for (const [name, { compiled, ...stage }] of Object.entries(stages)) {
    assert.equal({ ...stage, compiled: null }, small.stages[name as "pretrain"]);
    assert.ok(Math.abs(compiled!.peak / stage.best!.memory.peak - 1) < 0.05, `${compiled!.peak}`);
  }
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["cos-80-1297"], /nearest are cos-80-1296/],
    [["cos-80-1296", "--device-peak", "1e12"], /error: --device-peak\n +got: +1e12\n/],
    [["cos-80-1296", "--device", "h100-f32", "--device-peak", "1e12,1e12"], /alongside --device h100-f32/],
    [["cos-80-1296", "--gpus", "7"], /divides the images of a step/],
  ];
  for (const [args, message] of wrong) {
    const { code, err, out } = await command(...args);
    assert.is(code, 1, args.join(" "));
    assert.match(`${err}${out}`, message);
  }
});

test.run();
