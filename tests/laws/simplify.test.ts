/** Simplification keeps the meaning: on every rule's own example, on random graphs and on a training step. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import * as fc from "fast-check";
import { make } from "../../core/ops/make.ts";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";

const x = cs.input("x", [2, 3]), y = cs.input("y", [2, 3]), n = cs.input("n", [2, 3], "i32");
const p = cs.input("p", [2, 3], "bool"), half = cs.cast("f16")(x);
const odd = [NaN, Infinity, -Infinity, -0, 1.5, -3e38];
const bindings = {
  x: cs.f32([2, 3], odd),
  y: cs.f32([2, 3], [0.5, -2, 0, 7, -1.25, 3]),
  n: cs.i32([2, 3], [0, -1, 5, 7, -2147483648, 2147483647]),
  p: { dtype: "bool", shape: [2, 3], data: Uint8Array.of(1, 0, 0, 1, 1, 0) } as NdArray,
};

const same = (before: readonly Tensor[], after: readonly Tensor[], rtol = 0): void => {
  const a = cs.interpret(before, bindings), b = cs.interpret(after, bindings);
  a.forEach((value, i) => {
    assert.is(b[i]!.dtype, value.dtype);
    // adding 0 forgets the sign of a zero, the one thing that may change
    const plain = (v: NdArray) => ({ ...v, data: Float64Array.from(v.data, (e) => e + 0) });
    near(`root ${i}`, plain(b[i]!), plain(value), { rtol, atol: 0 });
  });
};

const raw = (t: Tensor, shape: readonly number[]) => make(cs.recordOf("reshape"), [t], { shape } as never);
const examples: Readonly<Record<string, readonly [Tensor, Tensor]>> = {
  "f(c, d, ...) -> f's value": [cs.add(x, cs.mul(cs.full([2, 3], 3), 2)), cs.add(x, 6)],
  "move(c) -> c": [cs.permute([1, 0])(cs.full([3, 2], 4)), cs.full([2, 3], 4)],
  "stopGradient(x) -> x": [cs.stopGradient(x), x],
  "x + 0 -> x": [cs.add(0, x), x],
  "x - 0 -> x": [cs.sub(x, 0), x],
  "0 - x -> -x": [cs.sub(0, x), cs.neg(x)],
  "x * 1 -> x": [cs.mul(x, 1), x],
  "x * -1 -> -x": [cs.mul(-1, n), cs.neg(n)],
  "n * 0 -> 0": [cs.mul(n, 0), cs.full([2, 3], 0, "i32")],
  "x / 1 -> x": [cs.div(n, 1), n],
  "x / 2^n -> x * 2^-n": [cs.div(x, 8), cs.mul(x, 0.125)],
  "x + -y -> x - y": [cs.add(cs.neg(y), x), cs.sub(x, y)],
  "x - -y -> x + y": [cs.sub(x, cs.neg(y)), cs.add(x, y)],
  "f(f(x)) -> x": [cs.not(cs.not(p)), p],
  "f(f(x)) -> f(x)": [cs.abs(cs.abs(x)), cs.abs(x)],
  "x^1 -> x": [cs.pow(x, 1), x],
  "x^2 -> x x": [cs.pow(x, 2), cs.mul(x, x)],
  "cast of bool through another type -> one cast": [cs.cast("f32")(cs.cast("i32")(p)), cs.cast("f32")(p)],
  "cast to the same type -> x": [make(cs.recordOf("cast"), [x], { dtype: "f32" } as never), x],
  "cast of f16 to f32 and back -> x": [cs.cast("f16")(cs.cast("f32")(half)), half],
  "f16 of move(x) -> move(f16 of x)": [cs.cast("f16")(cs.transpose(x)), cs.transpose(half)],
  "move(f32 of x) -> f32 of move(x)": [
    cs.sliceAxis(1, 1, 3)(cs.cast("f32")(half)),
    cs.cast("f32")(cs.sliceAxis(1, 1, 3)(half)),
  ],
  "select(true, x, y) -> x": [cs.select(cs.full([2, 3], 1, "bool"), x, y), x],
  "select(c, x, x) -> x": [cs.select(p, x, x), x],
  "max(x, x) -> x": [cs.maximum(x, x), x],
  "move to the same place -> x": [raw(x, [2, 3]), x],
  "reshape of reshape, permute of permute -> one": [raw(raw(x, [6]), [3, 2]), cs.reshape([3, 2])(x)],
  "(a b)^T -> b^T a^T": [
    cs.transpose(cs.matmul(cs.transpose(y))(x)),
    cs.matmul(cs.transpose(x))(y),
  ],
  "expand of expand -> one": [
    cs.broadcastTo([4, 5])(cs.broadcastTo([4, 1])(cs.sliceAxis(1, 0, 1)(cs.sliceAxis(0, 0, 1)(x)))),
    cs.broadcastTo([4, 5])(cs.sliceAxis(1, 0, 1)(cs.sliceAxis(0, 0, 1)(x))),
  ],
  "slice of slice -> one": [
    cs.slice([0, 1], [1, 2])(cs.slice([0, 1], [2, 3])(x)),
    cs.slice([0, 2], [1, 3])(x),
  ],
  "flip of flip -> one": [cs.flip([0, 1])(cs.flip([1])(x)), cs.flip([0])(x)],
  "reduce over axes of length 1 -> x": [
    cs.sum({ axes: [0], keep: true })(cs.reshape([1, 6])(x)),
    cs.reshape([1, 6])(x),
  ],
  "sum of a constant -> constant times count": [cs.sum()(cs.full([2, 3], 2)), cs.constant(12)],
};

for (const rule of cs.rules) {
  test(`${rule.name}: ${rule.reason}`, () => {
    const example = examples[rule.name];
    assert.ok(example !== undefined, "an example for the rule");
    const [before, after] = example!;
    assert.is(cs.simplify([before])[0], cs.simplify([after])[0]);
    same([before], cs.simplify([before]));
    const alone = cs.simplify([before], [rule])[0]!;
    assert.is.not(alone, before, "the rule alone changes its example");
    same([before], [alone]);
  });
}

const unary = [
  cs.neg,
  cs.abs,
  (t: Tensor) => cs.add(t, 0),
  (t: Tensor) => cs.mul(t, 1),
  (t: Tensor) => cs.mul(t, 2),
  (t: Tensor) => cs.div(t, 4),
  (t: Tensor) => cs.sub(0, t),
  (t: Tensor) => cs.pow(t, 2),
  cs.flip([0]),
  cs.flip([1]),
  (t: Tensor) => cs.reshape([2, 3])(cs.permute([1, 0])(cs.reshape([3, 2])(t))),
  (t: Tensor) => cs.add(t, cs.sub(cs.full([2, 3], 2), 2)),
  (t: Tensor) => cs.concat([cs.sliceAxis(1, 1, 3)(t), cs.sliceAxis(1, 0, 1)(t)], 1),
];
const binary = [
  cs.add,
  cs.sub,
  cs.mul,
  cs.maximum,
  (a: Tensor, b: Tensor) => cs.select(cs.less(a, b), a, b),
  (a: Tensor, b: Tensor) => cs.select(p, a, b),
];

const graph = fc.array(fc.record({ kind: fc.nat(99), a: fc.nat(99), b: fc.nat(99) }), {
  minLength: 1,
  maxLength: 14,
})
  .map((steps) =>
    steps.reduce<Tensor[]>((built, { kind, a, b }) => {
      const first = built[a % built.length]!, second = built[b % built.length]!;
      const next = kind % 3 === 0
        ? binary[kind % binary.length]!(first, second)
        : unary[kind % unary.length]!(first);
      return [...built, next];
    }, [x, y])
  );

property(test, "random graphs", [graph], (built) => {
  const roots = built.slice(-3), simpler = cs.simplify(roots);
  same(roots, simpler, 1e-12);
  assert.equal(cs.simplify(simpler), simpler, "nothing is left to simplify");
}, { runs: 300 });

test("a gradient keeps its meaning and loses nodes", () => {
  const w = cs.input("w", [3, 3]), labels = cs.mod(cs.iota([2]), 3);
  const norm = cs.layerNorm({ weight: cs.full([3], 1), bias: cs.full([3], 0) });
  const loss = cs.crossEntropy(norm(cs.matmul(w)(y)), labels).mean;
  const roots = [loss, ...cs.pullback([loss], [cs.onesLike(loss)], [w, y])], simpler = cs.simplify(roots);
  assert.ok(cs.topological(simpler).length < cs.topological(roots).length);
  const values = { ...bindings, w: cs.f32([3, 3], [1, 2, -1, 0.5, 0, 3, -2, 1, 1]) };
  const before = cs.interpret(roots, values), after = cs.interpret(simpler, values);
  before.forEach((b, i) => near(`root ${i}`, after[i]!, b, { rtol: 1e-12, atol: 1e-12 }));
});

test.run();
