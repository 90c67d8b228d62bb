/** Every kind of schedule computes the same numbers: products, sums and maxima of odd sizes, one schedule at a time. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  type CompileOptions,
  type ContractionKernel,
  type DeviceProfile,
  dispatchesOf,
  formOf,
  type LoopSchedule,
  type PlainKernel,
  portableProfile,
  productForm,
  type Schedule,
  scheduleFits,
  spaceOf,
  type StagedSchedule,
  theDevice,
  within,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { closeDevice, servicesAs } from "../support/webgpu.ts";

const test = suite("schedules");

/** Whatever the device is, schedules of large GPUs are run on it. */
const services = servicesAs({ software: false, workgroupBytes: 49152, maxInvocations: 1024 });
const profile = Context.get(await services, theDevice()).profile;

interface Case {
  readonly y: cs.Tensor;
  readonly bindings: Readonly<Record<string, cs.NdArray>>;
}

const product = (b: number, m: number, n: number, k: number, ta = false, tb = false): Case => {
  const a = cs.input("a", ta ? [b, k, m] : [b, m, k]), w = cs.input("w", tb ? [b, n, k] : [b, k, n]);
  const sum = cs.add(cs.matmul(tb ? cs.transpose(w) : w)(ta ? cs.transpose(a) : a), cs.input("bias", [n]));
  const bindings = { a: floats("a", a.shape), w: floats("w", w.shape), bias: floats("b", [n]) };
  return { y: cs.tanh(cs.mul(sum, 0.2)), bindings };
};

const kernelOf = ({ y }: Case): PlainKernel => {
  const { kernels } = compile({ outputs: { y } }, profile);
  assert.is(kernels.length, 1, "one kernel");
  return kernels[0] as PlainKernel;
};

/** Runs a description under schedules. */
const under = async ({ y, bindings }: Case, schedules: CompileOptions["schedules"]): Promise<cs.NdArray> =>
  await Effect.runPromise(Effect.provide(
    Effect.scoped(Effect.gen(function* () {
      const { load } = yield* theDevice();
      const program = yield* load(compile({ outputs: { y } }, profile, { schedules: schedules ?? {} }));
      yield* program.write(bindings);
      yield* program.run;
      return (yield* program.read(["y"])).y!;
    })),
    await services,
  ));

const textUnder = ({ y }: Case, schedules: CompileOptions["schedules"]): string =>
  dispatchesOf(compile({ outputs: { y } }, profile, { schedules: schedules ?? {} }), profile)
    .map((d) => d.code).join("\n");

const close = { rtol: 1e-5, atol: 2e-6 };

const staged: StagedSchedule = {
  kind: "staged",
  rows: 32,
  columns: 64,
  each: { rows: 4, columns: 8 },
  depth: 8,
  sums: "f32",
  prefetch: "none",
  interleaved: false,
  band: 1,
};

const stagedVariants: readonly StagedSchedule[] = [
  staged,
  { ...staged, prefetch: "registers", interleaved: true },
  { ...staged, prefetch: "double buffer" },
  { ...staged, prefetch: "double buffer", interleaved: true, band: 4, depth: 4 },
  { ...staged, band: 2, depth: 16, each: { rows: 8, columns: 4 } },
  { ...staged, rows: 64, columns: 32, each: { rows: 4, columns: 4 }, prefetch: "registers", depth: 12 },
];

/** Odd sizes, every layout, sums that end inside a block; few blocks and many. */
const products: readonly Case[] = [
  product(1, 70, 67, 37),
  product(2, 64, 128, 8, false, true),
  product(1, 132, 100, 52, true, false),
  product(3, 97, 66, 40, false, true),
  product(1, 200, 72, 44, true, true),
];

for (const s of stagedVariants) {
  test(`staged ${s.prefetch}, interleaved ${s.interleaved}, band ${s.band}, depth ${s.depth}`, async () => {
    for (const c of products) {
      const schedules = { [formOf(kernelOf(c))]: s }, text = textUnder(c, schedules);
      assert.is(text.includes("right_block_1"), s.prefetch === "double buffer", "the schedule is taken");
      near(`${c.y.shape}`, await under(c, schedules), cs.interpret([c.y], c.bindings)[0]!, close);
    }
  });
}

test("several products share a workgroup, more than there are included", async () => {
  for (const c of [product(37, 16, 4, 24, false, true), product(5, 3, 9, 7), product(130, 4, 16, 64)]) {
    for (const products of [1, 2, 8]) {
      const s: Schedule = { kind: "direct", rows: 4, quads: 1, across: 2, down: 4, products };
      const schedules = { [formOf(kernelOf(c))]: s }, text = textUnder(c, schedules);
      assert.match(text, products === 1 ? "@workgroup_size(2, 4)" : `@workgroup_size(2, 4, ${products})`);
      near(`${c.y.shape}`, await under(c, schedules), cs.interpret([c.y], c.bindings)[0]!, close);
    }
  }
});

test("split-K: a product in parts is added in order, the same every time", async () => {
  const c = product(1, 12, 20, 1024, true, false),
    form = productForm({ batch: 1, m: 12, n: 20, k: 1024 }, "f32");
  const schedules = { [form]: { kind: "split-K", parts: 4 } as const };
  assert.ok(compile({ outputs: { y: c.y } }, profile, { schedules }).kernels.length > 1);
  const first = await under(c, schedules), again = await under(c, schedules);
  assert.equal(first.data, again.data);
  near("pieces", first, cs.interpret([c.y], c.bindings)[0]!, { rtol: 1e-5, atol: 2e-5 });
});

test("products with few results and long sums are split by default on GPUs, batched ones and ragged ones too", async () => {
  const cut = (m: number, n: number, k: number): number =>
    compile({ outputs: { y: product(1, m, n, k).y } }, portableProfile).kernels.length;
  assert.equal([cut(64, 64, 8192), cut(64, 64, 8190), cut(1024, 1024, 8192), cut(64, 64, 512)], [2, 1, 1, 1]);
  const c = product(3, 5, 7, 1024, false, true), form = productForm({ batch: 3, m: 5, n: 7, k: 1024 }, "f32");
  for (const pieces of [2, 8]) {
    const found = await under(c, { [form]: { kind: "split-K", parts: pieces } });
    near(`${pieces}`, found, cs.interpret([c.y], c.bindings)[0]!, { rtol: 1e-5, atol: 2e-5 });
  }
  // pieces of unequal length are no schedule
  assert.is(textUnder(c, { [form]: { kind: "split-K", parts: 3 } }), textUnder(c, {}));
});

const rowCases: readonly Case[] = [
  {
    y: cs.softmax(-1)(cs.input("x", [37, 75])),
    bindings: { x: floats("x", [37, 75]) },
  },
  {
    y: cs.sum({ axes: [-1] })(cs.input("x", [5, 1000])),
    bindings: { x: floats("x", [5, 1000]) },
  },
  {
    y: cs.max({ axes: [0] })(cs.input("x", [130, 33])),
    bindings: { x: floats("x", [130, 33]) },
  },
];

test("rows under many numbers of workers, joined by halves and in subgroups", async () => {
  const workers = [[1, 1], [64, 1], [4, 16], [16, 4], [1, 64], [2, 32]] as const;
  let subgroups = 0;
  for (const c of rowCases) {
    const kernel = kernelOf(c);
    if (kernel.kind !== "loop") throw new Error(`a ${kernel.kind}`);
    const all = workers.flatMap(([rows, splits]) =>
      (["halves", "subgroups"] as const).map((join): LoopSchedule => ({ kind: "loop", rows, splits, join }))
    ).filter((s) => scheduleFits(s, kernel, profile));
    assert.ok(all.length >= 6);
    for (const s of all) {
      const schedules = { [formOf(kernel)]: s };
      subgroups += textUnder(c, schedules).includes("subgroup_index") ? 1 : 0;
      near(JSON.stringify(s), await under(c, schedules), cs.interpret([c.y], c.bindings)[0]!, close);
    }
  }
  assert.is(subgroups > 0, profile.subgroups !== undefined);
});

test("NaN and infinities pass through maxima in subgroups", async () => {
  const x = cs.input("x", [3, 512]),
    y = cs.max({ axes: [-1] })(x),
    data = new Float32Array(3 * 512).fill(-Infinity);
  data[512 + 300] = NaN;
  data[512 + 200] = 7;
  data[1024 + 511] = Infinity;
  const c = { y, bindings: { x: cs.ndarray("f32", [3, 512], data) } }, kernel = kernelOf(c);
  const s: LoopSchedule = { kind: "loop", rows: 1, splits: 64, join: "subgroups" };
  const found = await under(c, { [formOf(kernel)]: s });
  assert.equal([...found.data], [-Infinity, NaN, Infinity]);
});

test("attention and its gradient under many tiles", async () => {
  const [b, h, q, k, d] = [2, 2, 33, 41, 12];
  const inputs = [
    cs.input("q", [b, h, q, d]),
    cs.input("k", [b, h, k, d]),
    cs.input("v", [b, h, k, d]),
  ] as const;
  const y = cs.attention(...inputs, { causal: false }), ct = cs.input("ct", y.shape);
  const roots = [y, ...cs.pullback([y], [ct], inputs)];
  const bindings = Object.fromEntries(
    ["q", "k", "v", "ct"].map((name, i) => [name, floats(name, (inputs[i] ?? ct).shape, -1, 1)] as const),
  );
  const want = cs.interpret(roots, bindings);
  const outputs = Object.fromEntries(roots.map((t, i) => [`y${i}`, t]));
  const kernels = compile({ outputs }, profile, { attention: true }).kernels.filter((x) =>
    x.kind === "attention"
  );
  assert.is(kernels.length, 2);
  const spaces = kernels.map((x) => [formOf(x), within(spaceOf(x, profile)!, 1)] as const);
  assert.ok(spaces.every(([, all]) => all.length > 20 && all.every((s) => s.kind === "attention")));
  for (const share of [0.2, 0.5, 0.7, 0.9]) {
    const schedules = Object.fromEntries(
      spaces.map(([form, all]) => [form, all[Math.floor(share * all.length)]!] as const),
    );
    const got = await Effect.runPromise(Effect.provide(
      Effect.scoped(Effect.gen(function* () {
        const plan = compile({ outputs }, profile, { attention: true, schedules });
        const program = yield* (yield* theDevice()).load(plan);
        yield* program.write(bindings);
        yield* program.run;
        return yield* program.read(Object.keys(outputs));
      })),
      await services,
    ));
    roots.forEach((_, i) => near(`${share}, ${i}`, got[`y${i}`]!, want[i]!, { rtol: 2e-4, atol: 2e-5 }));
  }
});

test("products on matrix units have tiles to choose among, all within the limits", () => {
  const unit = { M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" } as const;
  const card: DeviceProfile = {
    ...portableProfile,
    provider: "dawn",
    f16: true,
    subgroups: { least: 32, most: 32 },
    matrices: [unit, { ...unit, N: 8 }],
    workgroupBytes: 49152,
    maxInvocations: 1024,
  };
  const y = cs.matmul(cs.input("w", [500, 1000], "f16"))(cs.input("a", [700, 500], "f16"));
  const kernel = compile({ outputs: { y } }, card).kernels[0] as PlainKernel,
    all = within(spaceOf(kernel, card)!, 1);
  assert.ok(all.length > 10 && all.every((s) => s.kind === "matrices"), `${all.length}`);
  const texts = new Set(all.map((s) => {
    const [d] = dispatchesOf(compile({ outputs: { y } }, card, { schedules: { [formOf(kernel)]: s } }), card);
    assert.match(d!.code, /subgroupMatrixMultiplyAccumulate/);
    const [, x, down] = /@workgroup_size\((\d+), (\d+)/.exec(d!.code)!;
    assert.ok(Number(x) * Number(down) <= 1024);
    return d!.code;
  }));
  assert.is(texts.size, all.length, "each has a text of its own");
});

test("equal kernels over other tensors have one form; other layouts, sizes and results have others", () => {
  const forms = [
    product(1, 70, 67, 37),
    product(1, 70, 67, 37, true),
    product(1, 70, 67, 36),
    { ...product(1, 70, 67, 37), y: cs.matmul(cs.input("w", [1, 37, 67]))(cs.input("a", [1, 70, 37])) },
  ].map((c) => formOf(kernelOf(c)));
  assert.is(new Set(forms).size, forms.length, forms.join("\n"));
  const other = cs.matmul(cs.input("v", [1, 37, 67]))(cs.input("u", [1, 70, 37]));
  assert.is(formOf(kernelOf({ y: other, bindings: {} })), forms[3]);
});

test("spaces hold only what fits, the default among it; foreign schedules are passed over", () => {
  for (const c of [...products, product(37, 16, 4, 24), ...rowCases]) {
    for (const p of [profile, portableProfile]) {
      const kernel = compile({ outputs: { y: c.y } }, p).kernels[0] as PlainKernel,
        space = spaceOf(kernel, p)!;
      const all = within(space, 1);
      assert.ok(all.length > 4, `${all.length} of ${formOf(kernel)}`);
      assert.equal(all[0], space.standard);
      for (const s of all) {
        const plan = compile({ outputs: { y: c.y } }, p, { schedules: { [formOf(kernel)]: s } });
        const [d] = dispatchesOf(plan, p);
        const [, ...sides] = /@workgroup_size\((\d+), (\d+)(?:, (\d+))?\)/.exec(d!.code)!;
        const size = sides.map((x) => Number(x ?? 1)).reduce((a, b) => a * b);
        assert.ok(size <= p.maxInvocations, JSON.stringify(s));
      }
    }
  }
  const c = products[0]!, form = formOf(kernelOf(c)), plain = textUnder(c, {});
  const wrong: readonly Schedule[] = [
    { ...staged, rows: 33 },
    { ...staged, rows: 1024, columns: 1024 },
    { ...staged, sums: "f16 in blocks" },
    { kind: "direct", rows: 4, quads: 1, across: 64, down: 64, products: 1 },
    { kind: "loop", rows: 1, splits: 1, join: "halves" },
  ];
  for (const s of wrong) assert.is(textUnder(c, { [form]: s }), plain, JSON.stringify(s));
  assert.is((kernelOf(c) as ContractionKernel).size.k, 37);
});

test.after(closeDevice);
test.run();
