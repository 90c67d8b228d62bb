/** Adapters trained on frozen parameters that are stored as f16: by layers and in a loop. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor, Tree } from "@chain-of-sight/core";
import { compile, type Plan, portableProfile } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats, integers } from "../support/random.ts";
import { closeDevice, stepOnWebGpu } from "../support/webgpu.ts";

const test = suite("frozen f16");

const WIDTH = 48, LAYERS = 2, STEPS = 2;

const batch: cs.VisionLanguageBatch = {
  features: [0, 1].map((l) => cs.input(`features.${l}`, [2, 16, 8])),
  ids: cs.input("ids", [2, 5], "i32"),
  labels: cs.input("labels", [2, 5], "i32"),
};
const values = {
  "features.0": floats("f0", [2, 16, 8]),
  "features.1": floats("f1", [2, 16, 8]),
  ids: integers("ids", [2, 5], 0, 19),
  labels: integers("labels", [2, 5], 0, 19),
};

const trainable = cs.under("lora");

/** A step on adapters of rank 2, the rest stored as f16 where `half` says so. */
const adapting = (scan: boolean, half?: cs.PathPredicate) => {
  const model = cs.withLora(
    cs.visionLanguage({
      bridge: cs.chainOfSight({ layout: cs.layoutOf(56, 14, [4, 2], [2, 1]), width: 8, to: WIDTH, heads: 2 }),
      decoder: { vocabulary: 19, width: WIDTH, layers: LAYERS, heads: 2, ff: 64, scan },
    }),
    { rank: 2, alpha: 4, when: cs.decoderMaps },
  );
  const optimiser = cs.adamw(), mixed: cs.MixedPrecision = half === undefined ? {} : { half };
  const state = cs.placeholders(
    "s",
    cs.trainStateSpecs(optimiser, model.specs, trainable, mixed),
  ) as cs.TrainState<Tensor>;
  const schedule = cs.constantLearningRate(0.02);
  const after = cs.trainStep<cs.VisionLanguageBatch>({
    loss: model.loss,
    optimiser,
    schedule,
    trainable,
    mixed,
    remat: cs.under("model.layers"),
  })(state, batch);
  const old = cs.tensors.flatten({ s: state } as Tree<Tensor>);
  const next = Object.fromEntries(
    cs.tensors.entries({ s: after.state } as Tree<Tensor>).filter(([path, t]) => old[path] !== t),
  );
  const params = cs.initialise([4, 2], model.specs) as Tree<NdArray>;
  const start = (from: Tree<NdArray>) =>
    cs.bindingsOf("s", cs.startTraining(optimiser, from, trainable, mixed) as Tree<NdArray>);
  return { next, metrics: after.metrics, params, start, inputs: Object.values(old) };
};

/** Numbers that f16 holds, so that storing rounds nothing. */
const rounded = (params: Tree<NdArray>): Tree<NdArray> =>
  cs.arrayTrees.map(params, (a): NdArray => cs.f32(a.shape, Array.from(a.data, Math.f16round)));

const planOf = ({ next, metrics, inputs }: ReturnType<typeof adapting>): Plan =>
  compile({
    outputs: { ...next, ...metrics },
    donate: Object.fromEntries(Object.keys(next).map((path) => [path, path])),
    inputs,
  }, { ...portableProfile, f16: true });

for (const scan of [false, true]) {
  test(`${scan ? "blocks in a loop" : "blocks by themselves"}: the same steps as from f32`, async () => {
    const half = adapting(scan, () => true), whole = adapting(scan), from = rounded(half.params);
    const steppers = await Promise.all(
      [half, whole].map(({ next, metrics, start }) =>
        stepOnWebGpu()({ next, metrics, initial: start(from) })
      ),
    );
    const losses: number[] = [];
    for (let t = 0; t < STEPS; t++) {
      const [a, b] = await Promise.all(steppers.map((s) => s.step(values)));
      assert.ok(Math.abs(a!.loss! / b!.loss! - 1) < 1e-4, `${a!.loss} alongside ${b!.loss}`);
      losses.push(a!.loss!);
    }
    assert.ok(losses.at(-1)! < losses[0]!, losses.join());
    const [a, b] = await Promise.all(steppers.map((s) => s.state()));
    for (const [path, expected] of Object.entries(b!)) {
      if (path.startsWith("s.params")) near(path, a![path]!, expected, { rtol: 2 ** -8, atol: 1e-3 });
    }
  });

  test(`${scan ? "blocks in a loop" : "blocks by themselves"}: no copy, no gradient, no moment of them`, () => {
    const plan = planOf(adapting(scan, () => true)), { slots, slotOf } = plan.memory;
    const frozen = Object.entries(plan.inputs).filter(([path, t]) =>
      path.startsWith("s.params") && !path.startsWith("s.params.lora") && t.shape.length > 1
    );
    assert.ok(frozen.length > 10 && frozen.every(([, t]) => t.dtype === "f16"));
    const moments = Object.keys(plan.inputs).filter((path) => path.startsWith("s.opt"));
    assert.ok(moments.length > 0 && moments.every((path) => /^s\.opt\.[mv]\.lora\./.test(path)));
    // temporaries of the size of a map of the decoder, or of a stack of them, would be copies or gradients
    const sizes = new Set([WIDTH * WIDTH, WIDTH * 64].flatMap((n) => [n, LAYERS * n]));
    const copies = [...slotOf].filter(([t, slot]) =>
      slots[slot]!.role === "scratch" && sizes.has(cs.sizeOf(t.shape))
    );
    assert.equal(copies.map(([t]) => `${t.op} ${t.dtype} [${t.shape}]`), []);
  });
}

test("what is frozen and stays f32 is chosen by path; what is trained is f32", () => {
  const { specs } = cs.visionLanguage({
    bridge: cs.chainOfSight({ layout: cs.layoutOf(56, 14, [4, 2], [2, 1]), width: 8, to: 16, heads: 2 }),
    decoder: { vocabulary: 19, width: 16, layers: 1, heads: 2, ff: 24 },
  });
  const stored = cs.trainStateSpecs(cs.adamw(), specs, cs.under("bridge"), {
    half: (path) => !cs.under("lm_head")(path),
  });
  for (const [path, { dtype }] of cs.specTrees.entries(stored.params)) {
    assert.is(dtype, cs.under("bridge", "lm_head")(path) ? "f32" : "f16", path);
  }
});

test("a frozen parameter beyond the range of f16 is refused by name; infinities and NaN stay what they are", () => {
  const start = (x: number) =>
    cs.startTraining(cs.adamw(), { a: cs.f32([1], [1e6]), b: { w: cs.f32([2], [1, x]) } }, cs.under("a"), {
      half: () => true,
    }).params as { readonly a: NdArray; readonly b: { readonly w: NdArray } };
  assert.throws(() => start(65520), /f16: got 65520 in b\.w/);
  assert.throws(() => start(-1e30), /b\.w/);
  for (const x of [65504, 65519, Infinity, NaN, 1e-9]) {
    const { a, b } = start(x);
    assert.is(a.dtype, "f32");
    assert.is(b.w.dtype, "f16");
    assert.equal([...b.w.data], [1, Math.f16round(x)]);
  }
});

test.after(closeDevice);
test.run();
