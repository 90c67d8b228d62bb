/** Mixed precision follows f32: the fixture's training step by step, and a long training within the noise of seeds. */
import * as cs from "@chain-of-sight/core";
import { compile, type DeviceProfile, portableProfile } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { golden } from "../support/fixtures.ts";
import { difference } from "../support/near.ts";
import { stepOnWebGpu } from "../support/webgpu.ts";
import { batchOf, type Meta, type StepProgram, type TrajectoryOptions, trajectoryProgram } from "./suite.ts";

const test = suite("mixed precision");

/** Half the gap between neighbours of f16, relative to the number. */
const UNIT = 2 ** -11;

const file = golden<Meta>("trajectory");

const variants:
  readonly (readonly [string, Pick<TrajectoryOptions, "scan" | "remat">, Partial<DeviceProfile>])[] = [
    ["as it is", {}, {}],
    ["blocks in a loop, recomputed", { scan: true, remat: cs.under("model.layers") }, {}],
    ["schedules of GPUs, sums of f16 in blocks", {}, { software: false, halfSums: true }],
  ];

for (const [name, options, as] of variants) {
  test(`30 steps of the fixture, ${name}: a rounding away from f32`, async () => {
    const stepper = await stepOnWebGpu({}, as)(trajectoryProgram(file, { ...options, mixed: {} }));
    for (let t = 0; t < file.meta.training.steps; t++) {
      const { loss, gradNorm, scale, skipped } = await stepper.step(batchOf(file, t));
      const off = (value: number, column: string) => Math.abs(value / file.get(column).data[t]! - 1);
      // a mean over tokens of roundings that differ in sign; the norm is one of products of two such
      assert.ok(off(loss!, "loss") < UNIT, `loss of step ${t} is off by ${off(loss!, "loss")}`);
      assert.ok(off(gradNorm!, "grad_norm") < 4 * UNIT, `norm of step ${t}: ${off(gradNorm!, "grad_norm")}`);
      assert.equal([scale, skipped], [65536, 0]);
    }
    const ended = await stepper.state(),
      state = options.scan ? cs.unstackLayers("model.layers", 2)(ended) : ended;
    for (const [path, expected] of Object.entries(file.under("final/"))) {
      const { dtype, data } = state[`state.params.${path}`]!,
        { worst, scale } = difference(data, expected.data);
      assert.is(dtype, "f32");
      // a step of Adam is as long for a small gradient as for a large one, whose sign a rounding may turn
      assert.ok(worst < 32 * UNIT * scale, `${path} is off by ${worst} of ${scale}`);
    }
  });
}

test("temporaries take less memory, as the activations are half as large", () => {
  const scratch = (options: { readonly mixed?: cs.MixedPrecision; readonly scan?: boolean }) => {
    const { next, metrics } = trajectoryProgram(file, options);
    const donate = Object.fromEntries(Object.keys(next).map((path) => [path, path]));
    const plan = compile({ outputs: { ...next, ...metrics }, donate }, { ...portableProfile, f16: true });
    assert.is(plan.memory.copies.length, 0, "the state is updated in place");
    return plan.memory.peakScratch;
  };
  assert.ok(scratch({ mixed: {} }) < 0.85 * scratch({}));
});

const VOCABULARY = 16, ROWS = 8, TOKENS = 8, CELLS = 16, WIDTH = 8, STEPS = 400, WINDOW = 50;

/** Losses stay on the device for a window: a wait costs more than a step. */
const ring = cs.metricRing(["loss"], WINDOW);

/** Rows that count up from a token in strides that only the image tells. */
const countingBatch = (step: number): Record<string, cs.NdArray> => {
  const ids = new Int32Array(ROWS * TOKENS), features = new Float32Array(ROWS * CELLS * WIDTH);
  for (let b = 0; b < ROWS; b++) {
    const [word] = cs.threefry2x32(7, 1, step, b), start = word % VOCABULARY, stride = 1 + (word >>> 8) % 5;
    for (let t = 0; t < TOKENS; t++) ids[b * TOKENS + t] = (start + stride * t) % VOCABULARY;
    for (let i = 0; i < CELLS * WIDTH; i++) {
      features[b * CELLS * WIDTH + i] = Math.sin(stride * (1 + i % WIDTH)) +
        0.3 * Math.cos(1.7 * i + word % 97);
    }
  }
  const level = cs.ndarray("f32", [ROWS, CELLS, WIDTH], features);
  const tokens = cs.ndarray("i32", [ROWS, TOKENS], ids);
  return { f0: level, f1: level, ids: tokens, labels: tokens };
};

const counting = (seed: number, mixed?: cs.MixedPrecision): StepProgram => {
  const model = cs.visionLanguage({
    bridge: cs.chainOfSight({ layout: cs.layoutOf(56, 14, [4, 2], [2, 1]), width: WIDTH, to: 32, heads: 2 }),
    decoder: { vocabulary: VOCABULARY, width: 32, layers: 1, heads: 2, ff: 64 },
  });
  const optimiser = cs.adamw(), specs = cs.trainStateSpecs(optimiser, model.specs, undefined, mixed);
  const state = cs.placeholders("state", specs as cs.Tree<cs.ParameterSpec>) as cs.TrainState<cs.Tensor>;
  const result = cs.trainStep<cs.VisionLanguageBatch>({
    loss: model.loss,
    optimiser,
    schedule: cs.warmupCosine({ peak: 5e-3, warmup: 20, total: STEPS }),
    maxNorm: 1,
    ...(mixed === undefined ? {} : { mixed }),
  })(state, {
    features: [0, 1].map((i) => cs.input(`f${i}`, [ROWS, CELLS, WIDTH])),
    ids: cs.input("ids", [ROWS, TOKENS], "i32"),
    labels: cs.input("labels", [ROWS, TOKENS], "i32"),
  });
  const before = cs.input("ring", ring.spec.shape), { loss } = result.metrics;
  const params = cs.initialise([seed, 1], model.specs) as cs.Tree<cs.NdArray>;
  return {
    next: {
      ...cs.tensors.flatten({ state: result.state } as cs.Tree<cs.Tensor>),
      ring: ring.write(before, state.step, { loss }),
    },
    metrics: {},
    initial: {
      ...cs.bindingsOf("state", cs.startTraining(optimiser, params, undefined, mixed) as cs.Tree<cs.NdArray>),
      ring: cs.zerosArray("f32", ring.spec.shape),
    },
  };
};

/** Mean losses of windows of a long training. */
const curve = async (program: StepProgram): Promise<readonly number[]> => {
  const stepper = await stepOnWebGpu()(program), means: number[] = [];
  for (let t = 0; t < STEPS; t++) {
    await stepper.step(countingBatch(t));
    if ((t + 1) % WINDOW !== 0) continue;
    const rows = ring.read((await stepper.state()).ring!, t + 1 - WINDOW, t + 1);
    means.push(mean(rows.map((row) => row.loss!)));
  }
  return means;
};

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;

test(`${STEPS} steps: nearer to f32 from the same start than f32 from other starts is`, async () => {
  const seeds = [1, 2, 3], f32: (readonly number[])[] = [], mixed: (readonly number[])[] = [];
  for (const seed of seeds) f32.push(await curve(counting(seed)));
  // a scale that grows every 100 steps is part of it; distances are of the seeds that the spread is of, since one
  // rounding may lead a start to another minimum
  for (const seed of seeds) {
    mixed.push(await curve(counting(seed, { scaling: { growEvery: 100 } })));
  }
  assert.ok(f32.every((c) => c.at(-1)! < 0.4 * c[0]!), `f32 learns: ${f32.map((c) => c.at(-1))}`);
  const windows = Array.from({ length: STEPS / WINDOW }, (_, w) => {
    const all = f32.map((c) => c[w]!), middle = mean(all);
    return {
      spread: Math.sqrt(mean(all.map((x) => (x - middle) ** 2)) * seeds.length / (seeds.length - 1)),
      away: mean(mixed.map((c, i) => Math.abs(c[w]! - f32[i]![w]!))),
    };
  });
  // the spread of three seeds is itself uncertain, so a single window decides less than all of them
  const away = mean(windows.map((w) => w.away)), spread = mean(windows.map((w) => w.spread));
  assert.ok(away < spread, `${away} from f32, whose seeds spread by ${spread}`);
  for (const [w, one] of windows.entries()) {
    // three seeds may agree in one window by chance, where losses fall fastest even: no less than the mean of all counts
    const limit = 3 * Math.max(one.spread, spread);
    assert.ok(one.away < limit, `window ${w}: ${one.away} from f32, limit ${limit}`);
  }
  console.log(`mixed: ${away} from f32, whose seeds spread by ${spread}`);
});

test.run();
