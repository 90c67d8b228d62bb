/** Operations of the library: refusals, patterns and settings, and the table of primitives. */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

const value = (t: Tensor, ...bound: [string, cs.NdArray][]): number[] =>
  Array.from(cs.interpret([t], Object.fromEntries(bound))[0]!.data);
const count = (...shape: number[]): Tensor =>
  cs.reshape(shape)(cs.cast("f32")(cs.iota([shape.reduce((a, b) => a * b, 1)])));

const refused = (f: () => unknown, kind: string, words: RegExp): void => {
  try {
    f();
  } catch (e) {
    assert.is((e as cs.LanguageError)._tag, kind);
    assert.match((e as Error).message, words);
    assert.match((e as Error).stack!, "operations.test.ts");
    return;
  }
  assert.unreachable(`no ${kind}`);
};

test("windows slide with stride and dilation, and drop what fills none", () => {
  const x = count(7);
  assert.equal(value(cs.slide(0, { size: 3 })(x)), [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]);
  assert.equal(value(cs.slide(0, { size: 2, stride: 3 })(x)), [0, 1, 3, 4]);
  assert.equal(value(cs.slide(0, { size: 3, stride: 2, dilation: 2 })(x)), [0, 2, 4, 2, 4, 6]);
  assert.equal(cs.slide(0, { size: 2, stride: 2 })(x).shape, [3, 2]);
  refused(() => cs.slide(0, { size: 8 })(x), "ConfigError", /at least 8/);
  refused(() => cs.slide(0, { size: 2, stride: 0 })(x), "ConfigError", /positive/);
});

test("convolution of one pixel is a linear map, and groups do not see each other", () => {
  const x = count(1, 2, 2, 2), weight = cs.reshape([2, 1, 1, 1])(cs.add(count(2), 1));
  assert.equal(value(cs.conv2d({ weight }, { groups: 2 })(x)), [0, 2, 2, 6, 4, 10, 6, 14]);
  refused(() => cs.conv2d({ weight })(x), "ShapeError", /in 1 groups/);
});

test("adaptive intervals cover every element and may overlap", () => {
  const x = count(1, 5, 1, 1);
  assert.equal(value(cs.adaptiveAveragePool2d([3, 1])(x)), [0.5, 2, 3.5]);
  assert.equal(value(cs.adaptiveMaxPool2d([5, 1])(x)), [0, 1, 2, 3, 4]);
  refused(() => cs.adaptiveAveragePool2d(0)(x), "ShapeError", /positive/);
});

test("a transposed convolution spreads what a convolution gathers", () => {
  const x = cs.full([1, 1, 2, 1], 1), weight = cs.reshape([1, 1, 1, 2])(cs.add(cs.mul(count(2), 9), 1));
  assert.equal(value(cs.convTranspose2d({ weight })(x)), [1, 11, 10]);
  assert.equal(value(cs.convTranspose2d({ weight }, { stride: [1, 2] })(x)), [1, 10, 1, 10]);
  const wide = cs.convTranspose2d({ weight }, { stride: 3, outputPadding: [2, 1] })(x);
  assert.equal([wide.shape, value(wide).slice(0, 6)], [[1, 3, 6, 1], [1, 10, 0, 1, 10, 0]]);
});

test("arrangements", () => {
  const x = count(4), list = (t: Tensor) => value(t);
  assert.equal(list(cs.roll(1)(x)), [3, 0, 1, 2]);
  assert.equal(list(cs.tile([2])(x)), [0, 1, 2, 3, 0, 1, 2, 3]);
  assert.equal(list(cs.padWith("reflect", [2], [3])(x)), [2, 1, 0, 1, 2, 3, 2, 1, 0]);
  assert.equal(list(cs.padWith("edge", [2], [1])(x)), [0, 0, 0, 1, 2, 3, 3]);
  assert.equal(list(cs.lowerTriangle()(cs.full([2, 3], 1))), [1, 0, 0, 1, 1, 0]);
  assert.equal(list(cs.upperTriangle(1)(cs.full([2, 3], 1))), [0, 1, 1, 0, 0, 1]);
  assert.equal(cs.split([1, 3])(x).map(list), [[0], [1, 2, 3]]);
  assert.equal(cs.squeeze([1])(cs.unsqueeze(1)(x)).shape, [4]);
  const halves = cs.sub(cs.mul(count(6), 0.5), 1.5);
  assert.equal(list(cs.add(cs.round(halves), 0)), [-2, -1, 0, 0, 0, 1], "-1.5 -1 -0.5 0 0.5 1");
  refused(() => cs.padWith("reflect", [4], [0])(x), "ShapeError", /shorter/);
  refused(() => cs.split([1, 2])(x), "ShapeError", /add up to 4/);
  refused(() => cs.squeeze([0])(x), "ShapeError", /length 1/);
  refused(() => cs.tile([1, 2])(x), "ShapeError", /per axis/);
});

test("einsum: patterns and their refusals", () => {
  const a = count(2, 3), b = count(3, 2);
  assert.equal(value(cs.einsum("ij,jk->ik")(a, b)), value(cs.matmul(b)(a)));
  assert.equal(value(cs.einsum("ij,jk")(a, b)), value(cs.matmul(b)(a)));
  assert.equal(value(cs.einsum("ba")(a)), value(cs.transpose(a)));
  assert.equal(value(cs.einsum("ii->i")(count(3, 3))), [0, 4, 8]);
  assert.equal(value(cs.einsum("i,i->")(cs.iota([4]), cs.iota([4]))), [14], "integers too");
  assert.equal(cs.einsum("...ij,jk->...ik")(count(4, 5, 2, 3), b).shape, [4, 5, 2, 2]);
  refused(() => cs.einsum("ij,jk->ik")(a, a), "ShapeError", /one length for each name/);
  refused(() => cs.einsum("ij->ii")(a), "ShapeError", /each once/);
  refused(() => cs.einsum("ij->k")(a), "ShapeError", /names of the operands/);
  refused(() => cs.einsum("ij,jk")(a), "ShapeError", /2 terms/);
  refused(() => cs.einsum("i1")(a), "ShapeError", /letters/);
});

test("running sums of long axes go by blocks and are exact for integers", () => {
  const n = 3000, sums = value(cs.cumsum()(cs.iota([n])));
  assert.is(sums.at(-1), n * (n - 1) / 2);
  assert.ok(sums.every((s, i) => s === i * (i + 1) / 2));
  const nodes = cs.topological([cs.cumsum()(cs.iota([n]))]);
  assert.ok(Math.max(...nodes.map((t) => cs.sizeOf(t.shape))) < 100 * n);
});

test("sorting permutes, and its permutation sorts", () => {
  const x = cs.input("x", [2, 5]);
  const bound: [string, cs.NdArray] = ["x", cs.f32([2, 5], [3, NaN, 1, 3, -2, 0, -0, 5, 4, 4])];
  assert.equal(value(cs.sort()(x), bound), [-2, 1, 3, 3, NaN, 0, -0, 4, 4, 5]);
  assert.equal(value(cs.argsort()(x), bound), [4, 2, 0, 3, 1, 0, 1, 3, 4, 2]);
  assert.equal(
    value(cs.takeAlong(cs.argsort(1, { descending: true })(x))(x), bound),
    value(cs.sort(1, { descending: true })(x), bound),
  );
  refused(() => cs.topK(6)(x), "ShapeError", /from 0 to 5/);
  refused(() => cs.takeAlong(cs.iota([3, 5]))(x), "ShapeError", /none but that one longer/);
  refused(() => cs.takeAlong(x)(x), "DTypeError", /i32/);
});

test("products keep their gradient where elements are 0", () => {
  const x = cs.input("x", [2, 3]), y = cs.product({ axes: [1] })(x);
  const bound: [string, cs.NdArray] = ["x", cs.f32([2, 3], [2, 0, 5, 0, 0, 7])];
  assert.equal(value(cs.pullback([y], [cs.onesLike(y)], [x])[0]!, bound), [0, 10, 0, 0, 0, 0]);
});

test("the table of primitives has a row for each", () => {
  const lines = cs.opTable().trim().split("\n");
  assert.is(lines.length, 2 + Object.keys(cs.records).length);
  assert.ok(lines.every((l) => l.replaceAll("\\|", "").split("|").length === 8));
  assert.ok(lines.includes("| elementwise | `abs` | 1 | \\|x\\| | rule | idempotent |"));
});

test.run();
