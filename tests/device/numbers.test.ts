/** The rules of `core/ops/rules.md` on numbers: accuracy over the whole range, edges, and derivatives at edges, on every device. */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";
import golden from "./numbers_golden.json" with { type: "json" };
import {
  binaryFunctions,
  bounds,
  errorOf,
  errorOfPair,
  pairs,
  rounded,
  sweep,
  unaryFunctions,
} from "./numbers.ts";

const test = suite("numbers");

const devices: readonly (readonly [name: string, evaluate: Evaluate])[] = [
  ["reference", rounded],
  ["cpu", onCpu()],
  ["webgpu", onWebGpu()],
];

test("the table has a bound for every function, and no other", () => {
  const names = [...Object.keys(unaryFunctions), ...Object.keys(binaryFunctions)];
  assert.equal([...bounds.keys()].sort(), names.sort());
});

for (const [device, evaluate] of devices) {
  for (const [name, f] of Object.entries(unaryFunctions)) {
    test(`${name} over the range of f32, ${device}`, async () => {
      const [worst, where] = await errorOf(evaluate, f), bound = bounds.get(name)!;
      assert.ok(worst <= bound, `off by ${worst} at ${where}`);
    });
  }
  for (const [name, f] of Object.entries(binaryFunctions)) {
    test(`${name} over pairs of f32, ${device}`, async () => {
      const [worst, where] = await errorOfPair(evaluate, f), bound = bounds.get(name)!;
      assert.ok(worst <= bound, `off by ${worst} at ${where}`);
    });
  }
}

// values of mpmath 1.3.0 at 60 digits, rounded to float64
for (const [name, rows] of Object.entries(golden.unary) as [string, [number, number][]][]) {
  test(`${name} of the reference against mpmath`, () => {
    const xs = rows.map(([x]) => x), x = cs.input("x", [xs.length]);
    const [y] = cs.interpret([unaryFunctions[name]!(x)], { x: cs.f32([xs.length], xs) });
    // the factor of log2 is a number in code, and so one of f32
    const bound = name === "log2" ? 2e-8 : 2e-13;
    rows.forEach(([at, want], i) => {
      assert.ok(Math.abs(y!.data[i]! - want) <= bound * Math.abs(want), `${at}: ${y!.data[i]} for ${want}`);
    });
  });
}
for (const [name, rows] of Object.entries(golden.binary) as [string, [number, number, number][]][]) {
  test(`${name} of the reference against exact values`, () => {
    const shape = [rows.length], a = cs.input("a", shape), b = cs.input("b", shape);
    const given = { a: cs.f32(shape, rows.map(([x]) => x)), b: cs.f32(shape, rows.map(([, y]) => y)) };
    const [y] = cs.interpret([binaryFunctions[name]!(a, b)], given);
    rows.forEach(([p, q, want], i) => {
      assert.ok(
        Math.abs(y!.data[i]! - want) <= 2e-13 * Math.abs(want),
        `${p}, ${q}: ${y!.data[i]} for ${want}`,
      );
    });
  });
}

const values = async (evaluate: Evaluate, f: (x: Tensor) => Tensor, xs: readonly number[]) => {
  const x = cs.input("x", [xs.length]);
  const [y] = await evaluate([f(x)], { x: cs.f32([xs.length], xs) });
  return [...y!.data];
};

/** Elementwise derivative: the gradient of the sum. */
const slope = (f: (x: Tensor) => Tensor): (x: Tensor) => Tensor =>
  cs.grad((x: Tensor) => cs.sum()(f(x))) as (x: Tensor) => Tensor;

const INF = Infinity;
/** Derivatives where functions have edges: the function, points, derivatives. */
const derivatives: Readonly<Record<string, readonly [f: (x: Tensor) => Tensor, at: number[], is: number[]]>> =
  {
    "x^0.5": [(x) => cs.pow(x, 0.5), [0, 1, 4], [INF, 0.5, 0.25]],
    "x^2, x^1, x^0": [
      (x) => cs.add(cs.pow(x, 2), cs.add(cs.pow(x, 1), cs.pow(x, 0))),
      [0, -3, 2],
      [1, -5, 5],
    ],
    "x^3 by a tensor": [(x) => cs.pow(x, cs.cast("f32")(cs.full([4], 3, "i32"))), [0, -2, 2, -0], [
      0,
      12,
      12,
      0,
    ]],
    "x^-1": [(x) => cs.pow(x, -1), [0, -2, 2], [-INF, -0.25, -0.25]],
    "0^x, 1^x, 2^x": [(x) => cs.pow(cs.input("base", [3]), x), [1, 5, 2], [0, 0, 4 * Math.LN2]],
    sqrt: [cs.sqrt, [0, 4], [INF, 0.25]],
    rsqrt: [cs.rsqrt, [0, 4], [-INF, -0.0625]],
    abs: [cs.abs, [0, -0, -2, 3], [0, 0, -1, 1]],
    "maximum with 0": [(x) => cs.maximum(x, 0), [0, -1, 1], [0.5, 0, 1]],
    "x mod 3": [(x) => cs.mod(x, 3), [7, -7], [1, 1]],
    "7 mod x": [(x) => cs.mod(7, x), [3, -2, 10], [-2, 3, 0]],
    sigmoid: [cs.sigmoid, [-30, 0, 17, 100], [9.357622968839299e-14, 0.25, 4.1399374045711445e-8, 0]],
    softplus: [cs.softplus, [-20, 0, 20, 100], [2.061153618190204e-9, 0.5, 0.9999999979388464, 1]],
    "log(sigmoid(x))": [(x) => cs.log(cs.sigmoid(x)), [-200, -20, 0, 20, 200], [
      1,
      0.9999999979388464,
      0.5,
      2.061153618190204e-9,
      0,
    ]],
    "log(1 - sigmoid(x))": [(x) => cs.log(cs.sub(1, cs.sigmoid(x))), [-200, 0, 200], [0, -0.5, -1]],
    sinh: [cs.sinh, [0, 1, -80], [1, Math.cosh(1), Math.cosh(80)]],
    expm1: [cs.expm1, [0, -90, 1], [1, 0, Math.E]],
    log1p: [cs.log1p, [0, -1, 1], [1, INF, 0.5]],
    "logsumexp of -Infinity": [cs.logsumexp(), [-INF, -INF], [0, 0]],
    "logsumexp alongside -Infinity": [cs.logsumexp(), [-INF, 2, 2], [0, 0.5, 0.5]],
  };

for (const [device, evaluate] of devices) {
  for (const [name, [f, at, is]] of Object.entries(derivatives)) {
    test(`derivative of ${name}, ${device}`, async () => {
      const x = cs.input("x", [at.length]), base = { base: cs.f32([3], [0, 1, 2]) };
      const [y] = await evaluate([slope(f)(x)], { x: cs.f32([at.length], at), ...base });
      is.forEach((want, i) => {
        const got = y!.data[i]!;
        const same = Number.isFinite(want) ? Math.abs(got - want) <= 1e-6 * Math.abs(want) : got === want;
        assert.ok(same || want === 0 && Math.abs(got) < 1.2e-38, `at ${at[i]}: ${got} for ${want}`);
      });
    });
  }
  test(`erf is monotone within [-1, 1], and gelu below 0 never positive, ${device}`, async () => {
    const xs = [...sweep].filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
    const y = await values(evaluate, cs.erf, xs), g = await values(evaluate, cs.gelu, xs);
    y.forEach((v, i) => {
      assert.ok(v >= -1 && v <= 1 && (i === 0 || v >= y[i - 1]! - 6e-8), `erf(${xs[i]}) is ${v}`);
      assert.ok(!(xs[i]! < 0 && g[i]! > 0), `gelu(${xs[i]}) is ${g[i]}`);
    });
    assert.ok(Number.isNaN((await values(evaluate, cs.erf, [NaN]))[0]!));
  });
  test(`log(1 - sigmoid(x)) keeps its digits, ${device}`, async () => {
    const at = [-300, -20, 0, 20, 300], f = (x: Tensor) => cs.log(cs.sub(1, cs.sigmoid(x)));
    const got = await values(evaluate, f, at);
    at.forEach((x, i) => {
      const want = -(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
      assert.ok(
        Math.abs(got[i]! - want) <= Math.max(1e-6 * Math.abs(want), 1.2e-38),
        `${x}: ${got[i]} for ${want}`,
      );
    });
  });
  test(`statistics of nothing, ${device}`, async () => {
    const x = cs.input("x", [0]),
      rows = cs.input("rows", [3, 0]),
      given = { x: cs.f32([0], []), rows: cs.f32([3, 0], []) };
    const roots = [
      cs.mean()(x),
      cs.variance()(x),
      cs.sum()(x),
      cs.product()(x),
      cs.mean({ axes: [1] })(rows),
    ];
    const got = (await evaluate(roots, given)).map((y) => [...y.data]);
    assert.equal(got, [[NaN], [NaN], [0], [1], [NaN, NaN, NaN]]);
    assert.throws(() => cs.max()(x), (e: Error) => e instanceof cs.ShapeError);
  });
  test(`constants that no kernel may spell as they are, ${device}`, async () => {
    const c = (x: number) => cs.full([2], x), x = cs.input("x", [2]);
    const roots = [
      cs.mul(c(3e38), c(10)),
      cs.sqrt(c(-1)),
      cs.log(c(0)),
      cs.div(c(0), c(0)),
      cs.div(c(-1), c(0)),
      cs.exp(c(1e5)),
      cs.add(x, cs.mul(c(3e38), c(-10))),
      cs.mul(x, c(NaN)),
      cs.rsqrt(c(0)),
      cs.pow(c(0), c(-1)),
      cs.maximum(x, c(-INF)),
    ];
    const got = (await evaluate(roots, { x: cs.f32([2], [1, 2]) })).map((y) => y.data[1]!);
    assert.equal(got, [INF, NaN, -INF, NaN, -INF, INF, -INF, NaN, INF, INF, 2]);
  });
}

test("the sweep has every exponent, and pairs have all edges", () => {
  const exponents = new Set([...sweep].map((x) => Math.floor(Math.log2(Math.abs(x)))));
  for (let e = -126; e <= 127; e++) assert.ok(exponents.has(e), `2^${e}`);
  assert.ok(pairs[0].length > 20_000);
});

test.after(closeCpu);
test.after(closeDevice);
test.run();
