/** Multi-tensor nodes: one dispatch for maps, two for sums; the same numbers as each tensor by itself. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  explainText,
  kernelLabel,
  placedIn,
  type Plan,
  portableProfile,
  type Program,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { pipe } from "fp-ts/lib/function.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices, stepOnCpu } from "../support/cpu.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { services as webGpuServices, stepOnWebGpu } from "../support/webgpu.ts";
import { type MakeStepper, type StepProgram, trajectoryProgram } from "../trajectory/suite.ts";

const test = suite("batches");

const profile = { ...portableProfile, maxBindings: 16 };

const planOf = ({ next, metrics }: StepProgram, batch: boolean): Plan =>
  compile(
    {
      outputs: { ...next, ...metrics },
      donate: Object.fromEntries(Object.keys(next).map((path) => [path, path])),
    },
    profile,
    { batch },
  );

/** Shapes that do not fill the steps at which tensors start, single numbers and tensors of many pieces among them. */
const shapes: Readonly<Record<string, readonly number[]>> = {
  "a.weight": [7, 9],
  "a.bias": [7],
  "b.weight": [64, 65],
  "b.bias": [64],
  "c.weight": [3, 3],
  "c.bias": [3],
  "d.weight": [130, 40],
  "d.bias": [130],
  "ln.weight": [5],
  "ln.bias": [5],
  "scale": [],
  "one": [1],
};

/** A step on a loss whose gradients are known to differ for every element. */
const stepOf = (optimiser: cs.Optimiser, maxNorm?: number): StepProgram => {
  const specs = Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => [path, cs.parameter(shape, cs.zerosInit)]),
  );
  const step = cs.trainStep<cs.Tensor>({
    loss: (params, x) => {
      const parts = cs.tensors.entries(params).map(([, p], i) =>
        cs.sum()(cs.sin(cs.mul(p, cs.mul(x, i + 1))))
      );
      return [parts.reduce((a, b) => cs.add(a, b)), {}];
    },
    optimiser,
    schedule: cs.warmupCosine({ peak: 3e-2, warmup: 2, total: 9 }),
    ...(maxNorm === undefined ? {} : { maxNorm }),
  });
  const state = cs.placeholders("state", cs.trainStateSpecs(optimiser, specs)) as cs.TrainState<cs.Tensor>;
  const result = step(state, cs.input("batch.x", []));
  const values = Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => [path, floats(path, shape)]),
  );
  return {
    next: Object.fromEntries(
      cs.tensors.entries(result.state as cs.Tree<cs.Tensor>).map(([path, t]) => [`state.${path}`, t]),
    ),
    metrics: result.metrics,
    initial: cs.bindingsOf("state", cs.startTraining(optimiser, values) as cs.Tree<cs.NdArray>),
  };
};

const optimisers: readonly (readonly [string, cs.Optimiser, number | undefined])[] = [
  [
    "AdamW with exceptions of decay and two rates",
    cs.adamw({
      groups: [{ when: (path) => path.startsWith("b"), scale: 0.1 }],
    }),
    1,
  ],
  ["AdamW without clipping", cs.adamw({ weightDecay: 0 }), undefined],
  ["momentum", cs.sgd({ momentum: 0.9 }), 0.5],
];

/** The state after some steps. */
const trained = async (make: MakeStepper, program: StepProgram) => {
  const stepper = await make(program);
  let norm = 0;
  for (let t = 0; t < 6; t++) {
    norm = (await stepper.step({ "batch.x": cs.ndarray("f32", [], Float32Array.of(1 + t / 3)) })).gradNorm!;
  }
  return { norm, state: await stepper.state() };
};

for (const [name, optimiser, maxNorm] of optimisers) {
  for (const [device, stepOn] of [["cpu", stepOnCpu], ["webgpu", stepOnWebGpu]] as const) {
    test(`${name}, ${device}: as with one kernel for each`, async () => {
      const program = stepOf(optimiser, maxNorm);
      const [together, alone] = [
        await trained(stepOn(), program),
        await trained(stepOn({ fuse: false, simplify: false }), program),
      ];
      assert.ok(Math.abs(together.norm / alone.norm - 1) < 1e-6, `${together.norm} and ${alone.norm}`);
      for (const [path, value] of Object.entries(alone.state)) {
        near(path, together.state[path]!, value, { rtol: 1e-5, atol: 1e-7 });
      }
    });
  }
}

test("a training step of Chain-of-Sight: one update for each rule, in place; one sum of pieces, one of totals", () => {
  const program = trajectoryProgram(golden("trajectory"));
  const together = planOf(program, true), alone = planOf(program, false);
  const labels = together.kernels.map((k) => k.kind === "repeat" ? k.kind : kernelLabel(k));
  const updates = labels.filter((l) => /foreach of \d+ tensors/.test(l));
  assert.is(updates.length, 2, "decayed and not decayed");
  const parameters = Object.keys(program.next).filter((path) => path.startsWith("state.params")).length;
  assert.is(updates.reduce((n, l) => n + Number(/of (\d+) tensors/.exec(l)![1]), 0), parameters);
  assert.is(labels.filter((l) => /pieces of|totals of/.test(l)).length, 2);
  assert.ok(together.kernels.length < alone.kernels.length - parameters, "a kernel less for every parameter");
  assert.equal(together.memory.copies, []);
  assert.match(explainText(together, 400), /foreach of \d+ tensors/);
});

/** Runs a plan's source once on the CPU, and compares with the reference. */
const asReference = async (
  outputs: Readonly<Record<string, cs.Tensor>>,
  donate: Readonly<Record<string, string>>,
): Promise<void> => {
  const roots = Object.values(outputs), inputs = cs.topological(roots).filter((t) => cs.is("input", t));
  const bindings = Object.fromEntries(
    inputs.map((t) => [t.attributes.path, floats(t.attributes.path, t.shape)]),
  );
  const device = Context.get(await cpuServices(), theDevice());
  const got = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const program = yield* device.load(compile({ outputs, donate }, device.profile));
    yield* program.write(bindings);
    yield* program.run;
    return yield* program.read(Object.keys(outputs));
  })));
  const want = cs.interpret(roots, bindings);
  Object.keys(outputs).forEach((name, i) => near(name, got[name]!, want[i]!, { rtol: 1e-5, atol: 1e-6 }));
};

const doubled = (xs: readonly cs.Tensor[], factor: cs.Operand = 0.5): cs.Tensor[] =>
  cs.foreach(xs.map((x) => ({ args: [x], rule: (t: cs.Tensor) => [cs.mul(t, factor)] }))).map(([y]) => y!);

test("what several nodes hold side by side is copied: results compute the same", async () => {
  const xs = Array.from({ length: 4 }, (_, i) => cs.input(`x${i}`, [100 * i + 1]));
  const ys = doubled(xs.map((x) => cs.tanh(x))), zs = doubled([...ys.slice(1), ys[0]!]);
  const twice = doubled([xs[0]!, xs[0]!, cs.permute([0])(xs[1]!)]),
    norms = cs.squaredNorms([...ys, ...zs.slice(2)]);
  const all = { ys, zs, twice, norms: [...norms, ...cs.squaredNorms(ys)] };
  const outputs = cs.tensors.flatten(all as cs.Tree<cs.Tensor>);
  await asReference(outputs, {});
  await asReference(outputs, { "ys.0": "x0", "ys.1": "x1", "zs.1": "x2" });
});

test("many parameters may have one gradient: each place of the update has its own copy", async () => {
  const ps = Array.from({ length: 6 }, (_, i) => cs.input(`p${i}`, [8])), g = cs.sin(cs.input("x", [8]));
  const updated = cs.foreach(
    ps.map((p) => ({ args: [p, g], rule: (x: cs.Tensor, y: cs.Tensor) => [cs.sub(x, cs.mul(y, 0.5))] })),
  ).flat();
  const norms = cs.squaredNorms(ps.map(() => g));
  await asReference(cs.tensors.flatten({ updated, norms } as cs.Tree<cs.Tensor>), {});
});

test("a product whose view is updated has memory where a sum reads the product itself", async () => {
  const pairs = [8, 16].map((n, i) =>
    [cs.input(`a${i}`, [n, 9, 64]), cs.input(`b${i}`, [n, 64, 1])] as const
  );
  // as the gradient of a depthwise convolution: the update reads a view that costs a copy, the sum what is below
  const gradients = pairs.map(([a, b], i) =>
    pipe(
      a,
      cs.matmul(b),
      cs.reshape([8 << i, 3, 3, 1, 1]),
      cs.permute([0, 3, 4, 1, 2]),
      cs.reshape([8 << i, 1, 3, 3]),
    )
  );
  const updated = doubled(gradients), norms = cs.squaredNorms(gradients);
  await asReference(cs.tensors.flatten({ updated, norms } as cs.Tree<cs.Tensor>), {});
});

test("a rule that is more than a function of the numbers at a place is applied tensor by tensor", async () => {
  const xs = Array.from({ length: 3 }, (_, i) => cs.input(`x${i}`, [4, 5 + i])), step = cs.input("n", []);
  const rules = [
    (t: cs.Tensor) => [cs.div(t, cs.sqrt(cs.sum()(cs.mul(t, t))))],
    (t: cs.Tensor) => [cs.mul(t, cs.iota(t.shape, 1) === t ? 1 : cs.cast("f32")(cs.iota(t.shape, 1)))],
    (t: cs.Tensor) => [cs.select(cs.less(step, 0.5), t, cs.neg(t))],
  ];
  for (const [i, rule] of rules.entries()) {
    const found = cs.foreach(xs.map((x) => ({ args: [x], rule }))).map(([y]) => y!);
    assert.is(found.every((t) => cs.is("result", t)), i === 2);
    const want = xs.map((x) => rule(x)[0]!), roots = [...found, ...want];
    const values = Object.fromEntries([...xs, step].map((t) => {
      const path = (t as cs.Tensor<"input">).attributes.path;
      return [path, floats(path, t.shape)];
    }));
    const numbers = cs.interpret(roots, values);
    want.forEach((_, k) => near(`rule ${i}`, numbers[k]!, numbers[3 + k]!, { rtol: 1e-12, atol: 0 }));
    await asReference(Object.fromEntries(found.map((t, k) => [`y${k}`, t])), {});
  }
});

test("tensors that no binding holds alongside others are updated alone", () => {
  const xs = [100, 40000, 200, 300].map((n, i) => cs.input(`x${i}`, [n])), ys = doubled(xs);
  const small = { ...profile, maxBindingBytes: 65536, maxBufferBytes: 2 ** 20 };
  const plan = compile({ outputs: Object.fromEntries(ys.map((y, i) => [`y${i}`, y])) }, small);
  const labels = plan.kernels.map((k) => k.kind === "repeat" ? k.kind : kernelLabel(k));
  assert.equal(labels.filter((l) => l.includes("foreach")), ["map 684x1 foreach of 3 tensors"]);
  assert.is(labels.length, 2);
});

/** A step of AdamW over two parameters alongside a program that reads them. */
const alongside = () => {
  const shape = [70], [p, o, q] = [cs.input("p", shape), cs.input("o", shape), cs.input("q", shape)];
  const [next, other] = doubled([p!, q!]) as [cs.Tensor, cs.Tensor], outputs = { p: next, q: other };
  const step = { outputs, donate: { p: "p", q: "q" } },
    look = { outputs: { sum: cs.add(cs.add(p!, o!), q!) } };
  return { step, look, values: { p: floats("p", shape), q: floats("q", shape) } };
};

test("a batch alongside others follows the order that their inputs are in", async () => {
  const names = ["a", "b", "c", "d", "e"], shape = (i: number) => [40 + i];
  const xs = names.map((n, i) => cs.input(n, shape(i))),
    ys = names.map((n, i) => cs.input(`${n}2`, shape(i)));
  // two rules take turns, and one tensor is alone: no order of paths is that of memory
  const all = cs.foreach(
    xs.slice(0, 4).map((x, i): cs.Application => ({ args: [x], rule: (t) => [cs.mul(t!, 2 + i % 2)] })),
  );
  const outputs = { ...Object.fromEntries(all.map(([t], i) => [names[i]!, t!])), e: cs.flip([0])(xs[4]!) };
  const main = { outputs, donate: Object.fromEntries(names.map((n) => [n, n])) };
  const sums = cs.sumsOfPairs(xs.map((x, i) => [x, ys[i]!]));
  const sum = { ...main, outputs: Object.fromEntries(sums.map((t, i) => [names[i]!, t])) };
  const device = Context.get(await cpuServices(), theDevice());
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const first = yield* device.load(compile(main, device.profile));
    const refused = yield* Effect.flip(device.load(compile(sum, device.profile), [first]));
    assert.match(String(refused), /apart from each other/);
    const plan = compile(sum, device.profile, { placed: placedIn([first.plan]) });
    assert.is(plan.kernels.length, 3, "one for each run of memory");
    const second = yield* device.load(plan, [first]);
    yield* first.write(Object.fromEntries(names.map((n, i) => [n, floats(n, shape(i))])));
    yield* second.write(Object.fromEntries(names.map((n, i) => [`${n}2`, floats(`${n}2`, shape(i))])));
    yield* second.run;
    const read = yield* first.read(names);
    names.forEach((n, i) => {
      const more = floats(`${n}2`, shape(i)).data;
      const data = floats(n, shape(i)).data.map((x, j) => x + more[j]!);
      near(n, read[n]!, { shape: shape(i), data }, { rtol: 1e-6, atol: 0 });
    });
  })));
});

test("programs alongside others find state in a batch; a batch alongside others needs it side by side", async () => {
  const { step, look, values } = alongside();
  for (const services of [await cpuServices(), await webGpuServices]) {
    const device = Context.get(services, theDevice());
    const load = (source: Parameters<typeof compile>[0], others: readonly Program[] = [], batch = true) =>
      device.load(compile(source, device.profile, { batch }), others);
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const first = yield* load(step),
        second = yield* load(look, [first]),
        third = yield* load(step, [first]);
      assert.is(first.plan.kernels.length, 1);
      yield* first.write(values);
      yield* second.write({ o: cs.zerosArray("f32", [70]) });
      yield* first.run;
      yield* third.run;
      yield* second.run;
      const { sum } = yield* second.read(["sum"]);
      const want = Float32Array.from(values.p.data, (x, i) => (x + values.q.data[i]!) / 4);
      near("sum", sum!, { shape: [70], data: want }, { rtol: 1e-6, atol: 0 });
      const alone = yield* load(look), refused = yield* Effect.flip(load(step, [alone]));
      assert.match(String(refused.message), /p and q apart from each other.*batch: false/);
      yield* load(step, [alone], false);
    })));
  }
});

test.run();
