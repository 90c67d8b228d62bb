/** Mixed precision as a rewriting of graphs, and the scale of the loss as state: on the reference interpreter. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor, Tree } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { floats } from "../support/random.ts";

const test = suite("mixed precision, pure");

const x = cs.input("x", [4, 6]), heads = cs.input("heads", [1, 2, 4, 6]);
const params = { a: { weight: cs.input("a", [6, 6]) }, b: { weight: cs.input("b", [6, 6]) } };
type Params = typeof params;

const loss = (p: Params): Tensor => {
  const hidden = cs.tanh(cs.matmul(p.a.weight)(x)), seen = cs.matmul(cs.transpose(p.b.weight))(hidden);
  const attended = cs.attend(cs.matmul(p.b.weight)(heads), heads, heads, { causal: true, scale: 0.5 }).values;
  return cs.add(cs.sum()(cs.square(seen)), cs.mean()(attended));
};

const below = (roots: readonly Tensor[], op: cs.OpName): Tensor[] =>
  cs.topological(roots).filter((t) => t.op === op);

test("products and attention read f16; what is asked for keeps its type; sums stay f32", () => {
  const value = cs.mixed({})(loss)(params);
  assert.is(value.dtype, "f32");
  assert.equal(
    new Set(below([value], "matmul").flatMap((t) => [t, ...t.args]).map((t) => t.dtype)),
    new Set(["f16"]),
  );
  const [attention] = below([value], "attention");
  const forms = [...attention!.results!, ...attention!.args];
  assert.equal(forms.map((t) => t.dtype), ["f32", "f32", "f16", "f16", "f16"]);
  for (const op of ["sum", "tanh"] as const) {
    assert.ok(below([value], op).every((t) => t.dtype === "f32"), op);
  }
});

test("products with a kept parameter stay f32, through views of it", () => {
  const value = cs.mixed({ keep: cs.under("b") })(loss)(params);
  const types = below([value], "matmul").map((t) => [t.dtype, cs.topological([t]).includes(params.b.weight)]);
  assert.equal(types.map(([dtype, b]) => `${dtype} ${b}`).sort(), ["f16 false", "f32 true", "f32 true"]);
});

test("bodies of loops are rewritten, kept stacks included", () => {
  const stack = cs.input("stack", [3, 6, 6]);
  const run = (p: { readonly w: Tensor }): Tensor => {
    const turn = (h: Tensor, w: Tensor) => [cs.tanh(cs.matmul(w)(h)), undefined] as const;
    return cs.sum()(cs.scan(turn, { carry: x, xs: p.w })[0]);
  };
  const typesIn = (value: Tensor) =>
    below(
      below([value], "scan").flatMap((t) => (t as Tensor<"scan">).attributes.body.results as Tensor[]),
      "matmul",
    ).map((t) => t.dtype);
  assert.equal(typesIn(cs.mixed({})(run)({ w: stack })), ["f16"]);
  assert.equal(typesIn(cs.mixed({ keep: () => true })(run)({ w: stack })), ["f32"]);
  const { grad } = cs.valueAndGrad(cs.mixed({})(run))({ w: stack });
  assert.is(grad.w.dtype, "f32");
  const bindings = { x: floats("x", x.shape), stack: floats("stack", stack.shape) };
  const exact = cs.interpret([cs.grad(run)({ w: stack }).w], bindings)[0]!.data;
  const near = cs.interpret([grad.w], bindings)[0]!.data;
  const scale = Math.max(...exact.map(Math.abs));
  assert.ok(
    exact.every((e, i) => Math.abs(e - near[i]!) < 2 ** -8 * scale),
    "three layers of roundings away",
  );
});

test("gradients of parameters are f32 sums that were never rounded to f16", () => {
  const { grad } = cs.valueAndGrad(cs.mixed({})(loss))(params);
  for (const g of [grad.a.weight, grad.b.weight]) {
    assert.is(g.dtype, "f32");
    // from the gradient down to the products there is one widening for each, and no rounding
    const walk = (t: Tensor): void => {
      if (cs.is("matmul", t)) return;
      assert.ok(!(cs.is("cast", t) && t.dtype === "f16"), "no rounding above a product");
      t.args.forEach(walk);
    };
    cs.simplify([g]).forEach(walk);
  }
});

test("cotangents of one rounded number add up before the rounding", () => {
  // 1 + 2^-12 needs more bits than f16 has
  const w = cs.input("w", []),
    times = (t: Tensor, by: number) => cs.cast("f32")(cs.mul(cs.cast("f16")(t), by));
  const f = (v: Tensor) => cs.add(times(v, 1), times(v, 2 ** -12));
  assert.is(cs.interpret([cs.grad(f)(w)], { w: cs.f32([], [3]) })[0]!.data[0], 1 + 2 ** -12);
});

test("f16 alongside f32, and f16 where only f32 is taken, are refused by name", () => {
  const h = cs.input("h", [4, 6], "f16");
  assert.throws(() => cs.add(x, h), /DTypeError|add: got f32 and f16/);
  assert.throws(() => cs.matmul(cs.transpose(h))(x), /matmul: got f32 and f16/);
  assert.throws(() => cs.scatterAdd(3)(cs.input("i", [4], "i32"), h), /scatterAdd: got a f16 tensor/);
  assert.throws(() => cs.grad((t: Tensor) => cs.sum()(cs.cast("f32")(t)))(h), /grad: got f16/);
});

test("tangents pass through casts", () => {
  const { value, tangent } = cs.jvp((t: Tensor) => cs.cast("f32")(cs.square(cs.cast("f16")(t))))(x, x);
  assert.equal([value.dtype, tangent.dtype], ["f32", "f32"]);
  const bound = { x: cs.f32([4, 6], new Float32Array(24).fill(1.5)) };
  assert.is(cs.interpret([tangent], bound)[0]!.data[0], 4.5);
});

const specs = { w: cs.parameter([3], cs.onesInit), c: cs.parameter([3], cs.onesInit) };
const optimiser = cs.adamw({ weightDecay: 0.1, decay: () => true });
type Batch = { readonly x: Tensor };
type Values = Record<string, NdArray>;

/** Steps of `sum(w c x)` on the reference interpreter. */
const steps = (mixed: cs.MixedPrecision | undefined, batches: readonly (readonly number[])[]) => {
  const state = cs.placeholders("s", cs.trainStateSpecs(optimiser, specs, undefined, mixed)) as cs.TrainState<
    Tensor
  >;
  const step = cs.trainStep<Batch>({
    loss: (p, b) => {
      const { w, c } = p as unknown as { readonly w: Tensor; readonly c: Tensor };
      return [cs.sum()(cs.mul(cs.mul(w, c), b.x)), {}];
    },
    optimiser,
    schedule: cs.constantLearningRate(0.1),
    maxNorm: 1,
    ...(mixed === undefined ? {} : { mixed }),
  })(state, { x: cs.input("x", [3]) });
  const next = cs.tensors.flatten({ s: step.state } as Tree<Tensor>), names = Object.keys(step.metrics);
  const roots = [...Object.values(next), ...Object.values(step.metrics)];
  let values: Values = cs.bindingsOf(
    "s",
    cs.startTraining(optimiser, cs.initialise([1, 2], specs), undefined, mixed) as Tree<NdArray>,
  );
  return batches.map((given) => {
    const out = cs.interpret(roots, { ...values, x: cs.f32([3], given) });
    values = Object.fromEntries(Object.keys(next).map((path, i) => [path, out[i]!]));
    return {
      values,
      metrics: Object.fromEntries(names.map((n, i) => [n, out[Object.keys(next).length + i]!.data[0]!])),
    };
  });
};

const plain = (v: Values): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(v).filter(([path]) => !path.startsWith("s.scaling")).map(([p, a]) => [p, [...a.data]]),
  );

test("a scaled loss changes nothing where nothing overflows: powers of two are exact", () => {
  const batches = [[1, 2, 3], [-1, 0.5, 2], [0.1, 0.2, 0.3]];
  const scaled = steps({ scaling: { initial: 1024 } }, batches), whole = steps(undefined, batches);
  scaled.forEach(({ values, metrics }, i) => {
    assert.equal(plain(values), plain(whole[i]!.values));
    assert.is(metrics.gradNorm, whole[i]!.metrics.gradNorm);
    assert.equal([metrics.scale, metrics.skipped], [1024, 0]);
  });
});

test("an overflow leaves parameters and memory as they were, halves the scale, and is no step of Adam", () => {
  const good = [[1, 2, 3], [2, 1, -1]] as const;
  for (const bad of [[Infinity, 1, 1], [NaN, 1, 1]]) {
    const [first, skipped, last] = steps({}, [good[0], bad, good[1]]), [one, two] = steps(undefined, good);
    const but = (v: Values) => ({ ...plain(v), "s.step": [] });
    assert.equal(plain(first!.values), plain(one!.values));
    assert.equal(but(skipped!.values), but(one!.values));
    assert.equal([first, skipped, last].map((s) => s!.metrics.scale), [65536, 65536, 32768]);
    assert.equal([first, skipped, last].map((s) => s!.metrics.skipped), [0, 1, 1]);
    assert.not(Number.isFinite(skipped!.metrics.gradNorm));
    assert.equal(last!.values["s.step"]!.data[0], 3);
    // the second update, not the third
    assert.equal(but(last!.values), but(two!.values));
  }
});

test("the scale doubles after as many good steps in a row, within its bounds", () => {
  const ok = [1, 1, 1], bad = [Infinity, 1, 1];
  const scales = (scaling: cs.LossScaling, batches: readonly (readonly number[])[]) =>
    steps({ scaling }, [...batches, ok]).map((s) => s.metrics.scale);
  assert.equal(scales({ initial: 8, growEvery: 2 }, [ok, ok, ok, ok, ok]), [8, 8, 16, 16, 32, 32]);
  assert.equal(scales({ initial: 8, growEvery: 2 }, [ok, bad, ok, ok]), [8, 8, 4, 4, 8]);
  assert.equal(scales({ initial: 8, growEvery: 1, most: 16 }, [ok, ok, ok]), [8, 16, 16, 16]);
  assert.equal(scales({ initial: 8, least: 4 }, [bad, bad, bad]), [8, 4, 4, 4]);
});

test("settings out of order, and a state without scale, are refused", () => {
  for (const scaling of [{ initial: 0 }, { least: 2 ** 17 }, { growEvery: 0 }, { most: 2 }]) {
    assert.throws(() => cs.trainStateSpecs(optimiser, specs, undefined, { scaling }), /lossScaling/);
  }
  const state = cs.placeholders("s", cs.trainStateSpecs(optimiser, specs)) as cs.TrainState<Tensor>;
  const step = cs.trainStep({
    loss: () => [cs.constant(0), {}],
    optimiser,
    schedule: cs.constantLearningRate(1),
    mixed: {},
  });
  assert.throws(() => step(state, {}), /trainStep: got a state without scale/);
});

test.run();
