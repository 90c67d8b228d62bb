/** Passes of the compiler one by one, over random programs: what each established holds from then on. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  cpuProfile,
  type DeviceProfile,
  dispatchesOf,
  explain,
  explainText,
  type PassContext,
  passes,
  portableProfile,
  stepsOf,
} from "@chain-of-sight/kernels";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomLoop, randomProgram } from "../laws/programs.ts";
import { near } from "../support/near.ts";
import { property, seeds } from "../support/property.ts";
import { floats } from "../support/random.ts";

const test = suite("passes");

const profiles: Readonly<Record<string, DeviceProfile>> = {
  "any GPU": portableProfile,
  "a CPU": cpuProfile,
  "a GPU with f16": { ...portableProfile, f16: true },
  "short sums, no attention": { ...portableProfile, maxSumLength: 16, attention: false },
};

const contextOf = (profile: DeviceProfile): PassContext => ({
  profile,
  fuse: true,
  batch: true,
  attention: undefined,
  simplify: true,
  placed: {},
  schedules: {},
});

/** Runs all passes, and asks after each for what it and those before it established. */
const walk = (described: readonly cs.Tensor[], context: PassContext): readonly cs.Tensor[] => {
  let roots = described;
  passes.forEach((pass, i) => {
    roots = pass.run(roots, context);
    for (const before of passes.slice(0, i + 1)) {
      assert.ok(before.holds(roots, context), `${before.establishes}, after ${pass.name}`);
    }
    roots.forEach((t, j) => assert.equal([t.shape, t.dtype], [described[j]!.shape, described[j]!.dtype]));
  });
  return roots;
};

property(
  test,
  "each establishes what it says, for all that follow",
  [seeds(), fc.constantFrom(...Object.keys(profiles)), fc.boolean()],
  (seed, where, loop) => {
    const { roots } = loop ? { roots: randomLoop(seed).rootsBy(cs.scan) } : randomProgram(seed);
    walk(roots, contextOf(profiles[where]!));
  },
  { runs: 40, counts: "programs" },
);

test("attention, regions, long sums and products of few rows: each is found by its pass", () => {
  const x = cs.input("x", [1, 64, 64]), w = cs.input("w", [128, 64]);
  const heads = cs.reshape([1, 1, 64, 64])(x);
  const described = [
    cs.attention(heads, heads, heads, { causal: true }),
    cs.sum()(cs.exp(x)),
    cs.matmul(cs.transpose(w))(cs.slice([0, 0], [1, 64])(cs.reshape([64, 64])(x))),
    cs.stopGradient(cs.tanh(x)),
  ];
  const context = contextOf(profiles["short sums, no attention"]!);
  const broken = passes.filter((pass) => !pass.holds(described, context)).map((pass) => pass.name);
  assert.equal(broken, ["decompose", "simplify", "products", "reductions"]);
  walk(described, context);
});

/** A GPU with 16-bit numbers that binds as few tensors as Dawn lets it. */
const card: DeviceProfile = {
  ...portableProfile,
  provider: "dawn",
  f16: true,
  maxBindings: 10,
  maxBindingBytes: 2 ** 31,
  maxBufferBytes: 2 ** 32,
};

test("products of one operand with copies of weights are one product, backward too", () => {
  const names = ["q", "k", "v"], x = cs.input("x", [5, 4]);
  const weights = Object.fromEntries(names.map((n, i) => [n, cs.input(n, [3 + i, 4])]));
  const loss = cs.mixed({})((p: Readonly<Record<string, cs.Tensor>>) =>
    names.map((n, i) => cs.sum()(cs.mul(cs.tanh(cs.linear({ weight: p[n]! })(p.x!)), i + 1))).reduce((a, b) =>
      cs.add(a, b)
    )
  );
  const { value, grad } = cs.valueAndGrad(loss)({ ...weights, x });
  const described = [value, ...Object.values(grad)];
  const roots = walk(described, contextOf(card));
  const products = (of: readonly cs.Tensor[]) => cs.topological(of).filter((t) => t.op === "matmul").length;
  assert.equal([products(described), products(roots)], [9, 5], "three weights' gradients stay alone");
  const bindings = Object.fromEntries(
    Object.entries({ x, ...weights }).map(([path, { shape }]) => [path, floats(path, shape)]),
  );
  const [now, before] = [roots, described].map((of) => cs.interpret(of, bindings));
  now!.forEach((got, i) => near(`result ${i}`, got, before![i]!, { rtol: 4e-3, atol: 0 }));
});

test("a mixed step of four blocks of width 1024 is at most 150 dispatches, with ten bindings", () => {
  const config = { vocabulary: 32000, width: 1024, layers: 4, heads: 16, ff: 2816 };
  const ids = cs.input("ids", [4, 1024], "i32"), labels = cs.input("labels", [4, 1024], "i32");
  const optimiser = cs.adamw(), specs = cs.llamaSpecs(config) as cs.Tree<cs.ParameterSpec>;
  const specified = cs.trainStateSpecs(optimiser, specs, undefined, {});
  const state = cs.placeholders("state", specified) as cs.TrainState<cs.Tensor>;
  const step = cs.trainStep<undefined>({
    loss: (tree) => {
      const params = tree as cs.LlamaParams<cs.Tensor>;
      const states = cs.llamaStates(config)(params, cs.llamaEmbed(params, ids));
      const { mean, count } = cs.linearCrossEntropy(cs.llamaHead(params), states, labels);
      return [mean, { tokens: count }];
    },
    optimiser,
    schedule: cs.constantLearningRate(1e-4),
    maxNorm: 1,
    weight: "tokens",
    mixed: {},
  });
  const after = step(state, undefined),
    next = cs.tensors.flatten({ state: after.state } as cs.Tree<cs.Tensor>);
  const donate = Object.fromEntries(Object.keys(next).map((path) => [path, path]));
  const plan = compile({ outputs: { ...next, loss: after.metrics.loss }, donate }, card);
  assert.equal(plan.memory.copies, []);
  assert.ok(dispatchesOf(plan, card).length <= 150, `${dispatchesOf(plan, card).length} dispatches`);
});

test("cross entropy and its gradient move the logits three times", () => {
  const x = cs.input("x", [4096, 32000]), labels = cs.input("labels", [4096], "i32");
  const { value, grad } = cs.valueAndGrad((p: { readonly x: cs.Tensor }) =>
    cs.crossEntropy(p.x, labels).mean
  )({ x });
  const { bytes } = explain(compile({ outputs: { value, x: grad.x } }, card));
  assert.ok(bytes < 3.01 * cs.tensorBytes(x), `${bytes / cs.tensorBytes(x)} times`);
});

test("a plan holds the tiles of its kernels, and tells them", () => {
  const a = cs.input("a", [256, 96]), w = cs.input("w", [96, 256]);
  const outputs = { y: cs.softmax(-1)(cs.matmul(w)(a)) }, plan = compile({ outputs }, portableProfile);
  for (const { kernel } of stepsOf(plan)) assert.ok(plan.schedules.has(kernel));
  assert.match(explainText(plan), /matmul 1x256x256x96 .*staged 64x64x16 of 8x8/);
  assert.ok(explain(plan).kernels.every((k) => k.tiles.length > 0));
  const { schedules } = compile({ outputs }, cpuProfile);
  assert.is(schedules.size, 0, "the CPU back end tiles by itself");
});

test.run();
