/** Transforms against each other: forward and reverse mode, vectorisation, recomputation, and their compositions. */
import * as cs from "@chain-of-sight/core";
import type { Bindings, NdArray, OpName, Shape, Tensor } from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { booleans, floats, integers } from "../support/random.ts";

const CLOSE = { rtol: 1e-9, atol: 1e-9 };
const N = 3;

/** A function of arrays, with the primitives that it is about. */
interface Sample {
  readonly ops: readonly OpName[];
  readonly shapes: readonly Shape[];
  readonly f: (...xs: Tensor[]) => Tensor;
}

const sample = (ops: OpName | readonly OpName[], shapes: readonly Shape[], f: Sample["f"]): Sample => ({
  ops: typeof ops === "string" ? [ops] : ops,
  shapes,
  f,
});
const positive = (f: (x: Tensor) => Tensor) => (x: Tensor): Tensor => f(cs.add(cs.mul(x, x), 0.5));
const ids = cs.input("ids", [5], "i32"), mask = cs.input("mask", [2, 3], "bool");
const fixed: Bindings = { ids: integers("ids", [5], -1, 5), mask: booleans("mask", [2, 3]) };
const key = cs.cast("u32")(cs.iota([2]));

/** A function of two with a derivative of its own: its own derivative, written by hand. */
const bent = cs.customVjp((a: Tensor, b: Tensor) => cs.mul(cs.sin(a), b), {
  forward: (a, b) => [cs.mul(cs.sin(a), b), { a, b }],
  backward: ({ a, b }, ct) => [
    cs.mul(ct, cs.mul(cs.cos(a), b)),
    cs.sum({ axes: [0] })(cs.mul(ct, cs.sin(a))),
  ],
});

/** One sample or more for every primitive. */
const samples: readonly Sample[] = [
  ...([
    "neg",
    "abs",
    "sin",
    "cos",
    "tanh",
    "erf",
    "exp",
    "expm1",
    "sigmoid",
    "sign",
    "floor",
    "ceil",
  ] as const)
    .map((op) => sample(op, [[2, 3]], (x) => cs.mul(cs[op](x!), x!))),
  ...(["log", "log1p", "sqrt", "rsqrt"] as const).map((op) =>
    sample(op, [[2, 3]], (x) => positive(cs[op])(x!))
  ),
  ...(["add", "sub", "mul", "maximum", "minimum"] as const).map((op) =>
    sample(op, [[2, 3], [3]], (a, b) => cs[op](a!, b!))
  ),
  sample(["div", "input", "constant"], [[2, 3], [3]], (a, b) => positive((d) => cs.div(a!, d))(b!)),
  sample("mod", [[4]], (x) => cs.mod(x!, 1.25)),
  sample("pow", [[4], [4]], (a, b) => positive((p) => cs.pow(p, b!))(a!)),
  sample(["select", "less"], [[2, 3], [2, 3]], (a, b) => cs.select(cs.less(a!, b!), cs.mul(a!, b!), b!)),
  sample(["select", "not", "and", "or", "equal"], [[2, 3]], (x) => {
    const twice = cs.or(cs.and(mask, cs.less(x!, 0)), cs.not(cs.equal(x!, x!)));
    return cs.select(twice, cs.mul(x!, x!), 1);
  }),
  sample(
    ["cast", "iota"],
    [[3]],
    (x) => cs.mul(cs.cast("f32")(cs.add(cs.cast("i32")(x!), cs.iota([3]))), x!),
  ),
  sample("sum", [[2, 3, 4]], (x) => cs.mul(cs.sum({ axes: [1] })(x!), cs.sum({ axes: [0, 1] })(x!))),
  sample("max", [[2, 3, 4]], (x) => cs.max({ axes: [0, 2] })(cs.mul(x!, x!))),
  sample("argmax", [[2, 5]], (x) => cs.mul(cs.cast("f32")(cs.argmax(1, true)(x!)), x!)),
  sample(["reshape", "permute"], [[2, 3, 4]], (x) => cs.sin(cs.reshape([4, 6])(cs.permute([2, 0, 1])(x!)))),
  sample("expand", [[2, 1]], (x) => cs.exp(cs.broadcastTo([3, 2, 4])(x!))),
  sample("slice", [[5, 4]], (x) => cs.sin(cs.slice([0, 1], [5, 4], [2, 1])(x!))),
  sample("pad", [[2, 3]], (x) => cs.exp(cs.pad([1, 0], [0, 2], 0.5)(x!))),
  sample("concat", [[2, 3], [2, 1]], (a, b) => cs.sin(cs.concat([a!, b!, cs.full([2, 1], 2)], 1))),
  sample("flip", [[2, 3]], (x) => cs.mul(cs.flip([1])(x!), x!)),
  sample("matmul", [[2, 3], [3, 4]], (a, b) => cs.tanh(cs.matmul(b!)(a!))),
  sample("matmul", [[2, 2, 3], [2, 3, 4]], (a, b) => cs.tanh(cs.matmul(b!)(a!))),
  sample("gather", [[4, 2]], (x) => cs.sin(cs.gather(x!)(ids))),
  sample("gather", [[4, 2], [3]], (x, i) => cs.gather(x!)(cs.cast("i32")(cs.mul(i!, 2)))),
  sample("scatterAdd", [[5, 2]], (x) => cs.sin(cs.scatterAdd(3)(ids, x!))),
  sample("scatterAdd", [[3], [3, 2]], (i, x) => cs.scatterAdd(4)(cs.cast("i32")(cs.mul(i!, 2)), x!)),
  sample("randomBits", [[3]], (x) => cs.mul(cs.uniform([3])(key), x!)),
  sample("randomBits", [[2]], (x) => cs.uniform([3])(cs.cast("u32")(cs.abs(cs.mul(x!, 1e4))))),
  sample(
    "attention",
    [[1, 2, 3, 4], [1, 1, 5, 4], [1, 1, 5, 4]],
    (q, k, v) => cs.attend(q!, k!, v!, { causal: true, scale: 0.5 }).values,
  ),
  sample(
    "attentionGrad",
    [[1, 2, 3, 4], [1, 1, 5, 4], [1, 1, 5, 4]],
    (q, k, v) => {
      const { values } = cs.attend(q!, k!, v!, { causal: false, scale: 0.5 });
      const [dq, dk, dv] = cs.pullback([values], [cs.sin(values)], [q!, k!, v!]) as [Tensor, Tensor, Tensor];
      return cs.concat([cs.reshape([24])(dq), cs.reshape([20])(dk), cs.reshape([20])(dv)]);
    },
  ),
  sample(["foreach", "foreachSum"], [[2, 3], [4], []], (a, b, rate) => {
    const rule = (t: Tensor): readonly Tensor[] => [cs.mul(cs.sin(t), cs.exp(rate!)), cs.mul(t, t)];
    const [[x, z], [y]] = cs.foreach([a!, b!].map((t) => ({ args: [t], rule }))) as [Tensor[], Tensor[]];
    return cs.mul(cs.squaredNorms([x!, y!, z!]).reduce((p, q) => cs.add(p, q)), cs.sum()(y!));
  }),
  sample(["call", "after"], [[2, 3], [3, 2]], (a, b) => {
    const f = cs.remat((x: Tensor, y: Tensor) => cs.tanh(cs.matmul(y)(cs.exp(x))));
    const y = f(a!, b!);
    return cs.add(y, cs.matmul(b!)(cs.pullback([y], [cs.sin(y)], [a!])[0]!));
  }),
  sample(
    ["stopGradient", "copy", "parameter"],
    [[2, 3]],
    (x) => cs.mul(cs.copy("here")(cs.sin(x!)), cs.stopGradient(cs.ceil(cs.mul(x!, 3)))),
  ),
  sample("call", [[2, 3], [3]], (a, b) => bent(a!, b!)),
  sample(["randomBits", "call"], [[4, 3], [2]], (x, k) => {
    const words = cs.cast("u32")(cs.abs(cs.mul(k!, 1e4)));
    return cs.remat((y: Tensor) => cs.mul(cs.dropout(cs.foldIn(words)(cs.constant(3, "i32")), 0.3)(y), y))(
      x!,
    );
  }),
  sample(["scan", "result"], [[2, 3], [4, 3], [3]], (h, xs, b) => {
    const [last, ys] = cs.scan((c: Tensor, x: Tensor) => {
      const next = cs.sin(cs.add(cs.mul(c, x), b!));
      return [next, cs.sum({ axes: [0] })(next)];
    }, { carry: h!, xs: xs! });
    return cs.add(cs.sum({ axes: [0] })(last), cs.sum({ axes: [0] })(ys));
  }),
];

const values = (name: string, shape: Shape): NdArray => {
  const { data } = floats(name, shape, -1, 1);
  return { dtype: "f32", shape, data: Float64Array.from(data) };
};
const nameOf = (s: Sample): string => `${s.ops.join(", ")} of ${s.shapes.map((d) => `[${d}]`).join(", ")}`;
const dot = (a: NdArray, b: NdArray): number =>
  Array.from(a.data).reduce((total, x, i) => total + x * b.data[i]!, 0);
const inputs = (prefix: string, shapes: readonly Shape[]): Tensor[] =>
  shapes.map((shape, i) => cs.input(`${prefix}${i}`, shape));
const bind = (prefix: string, shapes: readonly Shape[]): Record<string, NdArray> =>
  Object.fromEntries(shapes.map((shape, i) => [`${prefix}${i}`, values(`${prefix}${i}`, shape)]));
const same = (label: string, a: readonly Tensor[], b: readonly Tensor[], bindings: Bindings): void => {
  const before = cs.interpret(a, bindings), after = cs.interpret(b, bindings);
  assert.is(after.length, before.length);
  before.forEach((x, i) => near(`${label} ${i}`, after[i]!, x, CLOSE));
};

test("a sample for every primitive", () => {
  const tried = new Set(samples.flatMap((s) => s.ops));
  assert.equal((Object.keys(cs.records) as OpName[]).filter((op) => !tried.has(op)), []);
});

for (const s of samples) {
  test(`jvp is the transpose of the pullback, and the slope: ${nameOf(s)}`, () => {
    const xs = inputs("x", s.shapes), dxs = inputs("d", s.shapes);
    const bindings = { ...fixed, ...bind("x", s.shapes), ...bind("d", s.shapes) };
    const { value, tangent } = cs.jvp((ts: readonly Tensor[]) => s.f(...ts))(xs, dxs);
    // the scan of a derivative computes the values too
    if (!s.ops.includes("scan")) assert.is(value, s.f(...xs), "the value is the function's own graph");
    const cotangent = cs.input("c", value.shape), given = { ...bindings, c: values("c", value.shape) };
    const back = cs.pullback([value], [cotangent], xs);
    const [moved, c, ...rest] = cs.interpret([tangent as Tensor, cotangent, ...back, ...dxs], given);
    const reverse = xs.reduce((total, _, i) => total + dot(rest[i]!, rest[xs.length + i]!), 0);
    assert.ok(Math.abs(dot(moved!, c!) - reverse) < 1e-9, `${dot(moved!, c!)} and ${reverse}`);
    const at = (h: number) => {
      const shifted = s.shapes.map((shape, i) => {
        const x = bindings[`x${i}`]!, d = bindings[`d${i}`]!;
        const data = Float64Array.from(x.data, (v, k) => v + h * d.data[k]!);
        return [`x${i}`, { dtype: "f32", shape, data } as NdArray] as const;
      });
      return cs.interpret([value], { ...bindings, ...Object.fromEntries(shifted) })[0]!.data;
    };
    const [up, down] = [at(1e-6), at(-1e-6)];
    moved!.data.forEach((m, i) => {
      const slope = (up[i]! - down[i]!) / 2e-6;
      assert.ok(Math.abs(m - slope) < 1e-6 * Math.max(1, Math.abs(m)), `element ${i}: ${m} and ${slope}`);
    });
  });

  test(`vmap is a loop: ${nameOf(s)}`, () => {
    // every choice of mapped arguments but none at all
    for (let chosen = 1; chosen < 2 ** s.shapes.length; chosen++) {
      const mapped = s.shapes.map((_, i) => (chosen >> i) % 2 === 1);
      const shapes = s.shapes.map((shape, i) => mapped[i] ? [...shape, N] : shape);
      const xs = inputs("x", shapes), bindings = { ...fixed, ...bind("x", shapes) };
      const axes = mapped.map((m) => m ? -1 : null);
      const all = cs.vmap((...ts: Tensor[]) => s.f(...ts), { in: axes })(...xs);
      const loop = Array.from(
        { length: N },
        (_, n) =>
          s.f(...xs.map((x, i) => mapped[i] ? cs.reshape(s.shapes[i]!)(cs.sliceAxis(-1, n, n + 1)(x)) : x)),
      );
      same(`mapped ${axes}`, [cs.stack(loop)], [all], bindings);
    }
  });
}

/** A block with a residual, a closure and two parameters. */
const scale = cs.input("scale", [4]);
const block = (x: Tensor, w: Tensor): Tensor =>
  cs.add(x, cs.matmul(cs.transpose(w))(cs.tanh(cs.matmul(w)(cs.mul(cs.softmax()(x), scale)))));
const stack = (f: typeof block) => ({ x, ws }: { x: Tensor; ws: readonly Tensor[] }): Tensor => {
  const y = ws.reduce(f, x);
  return cs.sum()(cs.mul(y, y));
};
const point = { x: cs.input("x", [3, 4]), ws: inputs("w", [[4, 5], [4, 5], [4, 5]]) };
const along = { x: cs.input("dx", [3, 4]), ws: inputs("dw", [[4, 5], [4, 5], [4, 5]]) };
const at: Bindings = {
  scale: values("scale", [4]),
  x: values("x", [3, 4]),
  dx: values("dx", [3, 4]),
  ...bind("w", [[4, 5], [4, 5], [4, 5]]),
  ...bind("dw", [[4, 5], [4, 5], [4, 5]]),
};
const plain = stack(block), again = stack(cs.remat(block));

test("grad(remat): equal gradients, for closures too, from a graph that computes again", () => {
  const roots = (f: typeof plain) => {
    const { value, grad } = cs.valueAndGrad(f)(point);
    const closed = cs.pullback([f(point)], [cs.constant(1)], [scale]);
    return [value, ...cs.tensors.leaves(grad), ...closed];
  };
  same("gradient", roots(plain), roots(again), at);
  const late = (f: typeof plain) => cs.topological(roots(f)).filter((t) => cs.is("after", t)).length;
  assert.is(late(plain), 0);
  assert.ok(late(again) >= 3);
  assert.ok(cs.simplify(roots(again)).some((r) => cs.topological([r]).some((t) => cs.is("after", t))));
});

test("remat by name: only the chosen regions, once they are chosen", () => {
  const named = ({ x, ws }: typeof point) => {
    const y = ws.reduce((t, w, i) => cs.scope(`layers.${i}`)(block)(t, w), x);
    return cs.sum()(cs.mul(y, y));
  };
  const again = (f: typeof named) =>
    cs.topological(cs.tensors.leaves(cs.grad(f)(point))).filter((t) => cs.is("after", t)).length;
  assert.is(again(named), 0);
  const [some, every] = ["layers.1", "layers"].map((p) => again(cs.rematWhere(cs.under(p))(named)));
  assert.ok(some! > 0 && every! > some!, `${some} and ${every}`);
  const chosen = cs.rematWhere(cs.under("layers"))(named);
  same("gradient", cs.tensors.leaves(cs.grad(plain)(point)), cs.tensors.leaves(cs.grad(chosen)(point)), at);
});

test("jvp(grad): the Hessian is symmetric, with and without remat", () => {
  for (const f of [plain, again]) {
    const hv = cs.tensors.leaves(cs.hessianVectorProduct(f)(point, along));
    const other = { x: cs.sin(point.x), ws: point.ws.map((w) => cs.cos(w)) };
    const hu = cs.tensors.leaves(cs.hessianVectorProduct(f)(point, other));
    const product = (a: readonly Tensor[], b: readonly Tensor[]) =>
      a.map((t, i) => cs.sum()(cs.mul(t, b[i]!))).reduce((p, q) => cs.add(p, q));
    same(
      "u H v = v H u",
      [product(hv, cs.tensors.leaves(other))],
      [product(hu, cs.tensors.leaves(along))],
      at,
    );
  }
});

test("grad(grad) and grad(jvp) are jvp(grad)", () => {
  const slope = (f: typeof plain) => (p: typeof point) => {
    const g = cs.tensors.leaves(cs.grad(f)(p)), d = cs.tensors.leaves(along);
    return g.map((t, i) => cs.sum()(cs.mul(t, d[i]!))).reduce((a, b) => cs.add(a, b));
  };
  const expected = cs.tensors.leaves(cs.hessianVectorProduct(plain)(point, along));
  for (const f of [plain, again]) {
    same("grad(grad)", expected, cs.tensors.leaves(cs.grad(slope(f))(point)), at);
    const forward = (p: typeof point) => cs.jvp(f)(p, along).tangent as Tensor;
    same("grad(jvp)", expected, cs.tensors.leaves(cs.grad(forward)(point)), at);
  }
});

const many = cs.input("many", [N, 3, 4]), manyAlong = cs.input("manyAlong", [N, 3, 4]);
const withMany: Bindings = {
  ...at,
  many: values("many", [N, 3, 4]),
  manyAlong: values("manyAlong", [N, 3, 4]),
};
const rows = (x: Tensor) =>
  Array.from({ length: N }, (_, i) => cs.reshape([3, 4])(cs.sliceAxis(0, i, i + 1)(x)));
const one = (f: typeof plain) => (x: Tensor): Tensor => f({ x, ws: point.ws });

test("vmap(grad) and vmap(remat): gradients of every example", () => {
  const expected = cs.stack(rows(many).map((x) => cs.grad(one(plain))(x) as Tensor));
  for (const f of [plain, again]) {
    same("vmap(grad)", [expected], [cs.vmap((x: Tensor) => cs.grad(one(f))(x) as Tensor)(many)], withMany);
  }
});

test("grad(vmap): the gradient of a mean over examples, with and without remat", () => {
  const looped = (x: Tensor) => cs.mean()(cs.stack(rows(x).map(one(plain))));
  for (const f of [plain, again]) {
    const mapped = (x: Tensor) => cs.mean()(cs.vmap(one(f))(x));
    same("grad(vmap)", [cs.grad(looped)(many) as Tensor], [cs.grad(mapped)(many) as Tensor], withMany);
  }
});

test("jvp(vmap) is vmap(jvp)", () => {
  const outer = cs.jvp((x: Tensor) => cs.vmap(one(again))(x))(many, manyAlong).tangent as Tensor;
  const inner = cs.vmap((x: Tensor, d: Tensor) => cs.jvp(one(plain))(x, d).tangent as Tensor)(
    many,
    manyAlong,
  );
  same("tangents", [inner], [outer], withMany);
});

test("vmap(vmap): all pairs, and a closure over what is mapped outside", () => {
  const a = cs.input("a", [4]), b = cs.input("b", [3]);
  const pairs = cs.vmap((x: Tensor) => cs.vmap((y: Tensor) => cs.mul(x, cs.exp(y)))(b))(a);
  const table = cs.mul(cs.reshape([4, 1])(a), cs.exp(cs.reshape([1, 3])(b)));
  const bindings = { a: values("a", [4]), b: values("b", [3]) };
  same("pairs", [table], [pairs], bindings);
  const square = cs.vmap((x: Tensor) => cs.vmap((y: Tensor) => cs.sub(x, y))(a))(a);
  same("differences", [cs.sub(cs.reshape([4, 1])(a), cs.reshape([1, 4])(a))], [square], bindings);
  const out = cs.vmap((x: Tensor) => cs.mul(b, x), { out: 1 })(a);
  same("out", [cs.mul(cs.reshape([3, 1])(b), cs.reshape([1, 4])(a))], [out], bindings);
});

test("derivatives for different variables at one point stay apart", () => {
  const x = cs.input("x", []), bindings = { x: values("x", []) };
  const inner = (p: Tensor) => cs.mul(p, cs.grad((q: Tensor) => cs.add(p, q))(x) as Tensor);
  same("d/dx (x d/dy (x + y)) at y = x", [cs.constant(1)], [cs.grad(inner)(x) as Tensor], bindings);
  same("forward", [cs.constant(1)], [cs.jvp(inner)(x, cs.constant(1)).tangent as Tensor], bindings);
  const both = cs.grad(({ a, b }: { a: Tensor; b: Tensor }) => cs.mul(a, b))({ a: x, b: x });
  same("one tensor twice", [x, x], [both.a, both.b], bindings);
});

test("errors name what does not fit", () => {
  const x = cs.input("x", [3]), i = cs.input("i", [3], "i32");
  const message = (f: () => unknown): string => {
    try {
      f();
    } catch (e) {
      assert.match((e as Error).stack!, "transforms.test.ts");
      return `${(e as Error).name}: ${(e as Error).message}`;
    }
    return "no error";
  };
  const of = (t: Tensor) => cs.sum()(t);
  assert.match(
    message(() => cs.grad(({ a }: { a: Tensor; step: Tensor }) => of(a))({ a: x, step: i })),
    /DTypeError: grad: got i32 at step in the first argument/,
  );
  assert.match(message(() => cs.grad((t: Tensor) => t)(x)), /ShapeError: grad: got a result of shape \[3\]/);
  assert.match(message(() => cs.grad((t: Tensor) => cs.cast("i32")(of(t)))(x)), /DTypeError: grad: got i32/);
  assert.match(
    message(() => cs.grad((() => 1) as never)(x)),
    /ShapeError: grad: got a result that is number/,
  );
  assert.match(message(() => cs.jvp(of)(i, i)), /DTypeError: jvp: got i32 at the argument/);
  assert.match(message(() => cs.jvp(of)(x, cs.sum()(x))), /ShapeError: jvp: got a tangent f32 \[\]/);
  assert.match(message(() => cs.vmap(cs.add as never)(x, cs.input("y", [4]))), /ShapeError: vmap: got \[3\]/);
  assert.match(message(() => cs.vmap(of, { in: null })(x)), /ShapeError: vmap: got no mapped argument/);
  assert.match(message(() => cs.vmap(of, { in: 1 })(x)), /ShapeError: vmap: got axis 1/);
});

test.run();
