/** Numbers in code: what an element type cannot hold is refused at the line that asks for it. */
import * as cs from "@chain-of-sight/core";
import type { DType, Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("numbers in code");

/** Numbers that each element type cannot hold, and some that it can. */
const numbers: {
  readonly [D in DType]: { readonly refused: readonly number[]; readonly held: readonly number[] };
} = {
  bool: { refused: [2, -1, 0.5, NaN, Infinity], held: [0, 1, -0] },
  i32: {
    refused: [0.5, -1.5, 2 ** 31, -(2 ** 31) - 1, 3e9, NaN, -Infinity],
    held: [0, -0, 7, -(2 ** 31), 2 ** 31 - 1],
  },
  u32: { refused: [0.5, -1, 2 ** 32, NaN, Infinity], held: [0, -0, 7, 2 ** 32 - 1] },
  f16: { refused: [1e5, -65520, 1e-9, -1e-8], held: [0, 0.1, 65504, 65519, 6e-8, NaN, Infinity, -Infinity] },
  f32: { refused: [1e39, -3.5e38, 1e-46], held: [0, -0, 0.1, 3.4028234e38, 1e-45, NaN, Infinity, -Infinity] },
};

/** Ops that take a number alongside a tensor, and the element types that they take. */
const ops: Readonly<Record<string, readonly [types: readonly DType[], (x: Tensor, n: number) => Tensor]>> =
  (() => {
    const ordered = ["i32", "u32", "f16", "f32"] as const, floats = ["f16", "f32"] as const;
    const binary =
      (["add", "sub", "mul", "div", "mod", "maximum", "minimum", "less", "greater", "lessEqual"] as const)
        .flatMap((op) =>
          [
            [op, [ordered, (x: Tensor, n: number) => cs[op](x, n)]],
            [`${op}, number first`, [ordered, (x: Tensor, n: number) => cs[op](n, x)]],
          ] as const
        );
    return {
      ...Object.fromEntries(binary),
      equal: [cs.dtypes, (x, n) => cs.equal(x, n)],
      pow: [floats, (x, n) => cs.pow(x, n)],
      "pow, number first": [floats, (x, n) => cs.pow(n, x)],
      select: [cs.dtypes, (x, n) => cs.select(cs.full(x.shape, 1, "bool"), n, x)],
      clamp: [ordered, (x, n) => cs.clamp(n, x)(x)],
      "clamp from above": [ordered, (x, n) => cs.clamp(x, n)(x)],
      pad: [cs.dtypes, (x, n) => cs.pad([1], [0], n)(x)],
      full: [cs.dtypes, (x, n) => cs.full([3], n, x.dtype)],
      constant: [cs.dtypes, (x, n) => cs.constant(n, x.dtype)],
      leakyRelu: [floats, (x, n) => cs.leakyRelu(n)(x)],
    };
  })();

const refuses = (f: () => unknown): cs.DTypeError => {
  try {
    f();
  } catch (e) {
    if (e instanceof cs.DTypeError) return e;
    throw e;
  }
  throw new Error("nothing was refused");
};

for (const [name, [types, build]] of Object.entries(ops)) {
  test(`${name} refuses what its element type cannot hold, at the caller's line`, () => {
    for (const dtype of types) {
      const x = cs.input("x", [3], dtype);
      for (const n of numbers[dtype].refused) {
        const error = refuses(() => build(x, n));
        assert.match(error.message, String(n));
        assert.match(error.at ?? "", "literals.test.ts");
        assert.ok(error.fault.hint.length > 0);
      }
      for (const n of numbers[dtype].held) build(x, n);
    }
  });
}

test("functions of real results refuse integers, and say to cast", () => {
  const n = cs.input("n", [2, 4], "i32"),
    functions: Readonly<Record<string, (x: Tensor) => unknown>> = {
      mean: cs.mean(),
      variance: cs.variance(),
      standardDeviation: cs.standardDeviation(),
      softmax: cs.softmax(),
      logSoftmax: cs.logSoftmax(),
      logsumexp: cs.logsumexp(),
      exp: cs.exp,
      sigmoid: cs.sigmoid,
      gelu: cs.gelu,
      layerNorm: (x) => cs.layerNorm({ weight: cs.full([4], 1), bias: cs.full([4], 0) })(x),
      "times 0.5": (x) => cs.mul(x, 0.5),
      "above 0.5": (x) => cs.less(0.5, x),
    };
  for (const [name, f] of Object.entries(functions)) {
    for (const dtype of ["i32", "u32"] as const) {
      const error = refuses(() => f(cs.cast(dtype)(n)));
      assert.match(error.fault.hint, "cast", name);
      assert.match(error.at ?? "", "literals.test.ts", name);
    }
  }
});

test("-0 alongside integers is 0", () => {
  assert.is(cs.full([2], -0, "i32"), cs.full([2], 0, "i32"));
  assert.is.not(cs.full([2], -0), cs.full([2], 0));
});

test("means of long f16 axes divide in f32", () => {
  const x = cs.input("x", [70_000], "f16"), data = new Array<number>(70_000).fill(0.5);
  assert.is(cs.interpret([cs.mean()(x)], { x: cs.f16([70_000], data) })[0]!.data[0], 0.5);
});

test.run();
