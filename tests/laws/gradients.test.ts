/** Vector-Jacobian products against central differences in float64, once and twice, on random shapes and numbers. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Shape, Tensor } from "@chain-of-sight/core";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { property } from "../support/property.ts";

const RUNS = { runs: 12 };
const STEP = 1e-5;

const double = (shape: Shape, values: ArrayLike<number>): NdArray => ({
  dtype: "f32",
  shape,
  data: Float64Array.from(values),
});

/** A scalar of several arguments: the sum of a result with fixed, unequal weights. */
const weigh = (y: Tensor): Tensor => {
  const n = y.shape.reduce((a, b) => a * b, 1);
  const weights = cs.add(cs.mul(cs.sin(cs.mul(cs.cast("f32")(cs.iota([Math.max(n, 1)])), 1.7)), 0.5), 1);
  return cs.sum()(cs.mul(cs.reshape([n])(y), cs.slice([0], [n])(weights)));
};

/** Checks the gradient of `f` at the arguments, and that of a weighted sum of the gradient. */
const agrees = (args: readonly NdArray[], f: (...xs: Tensor[]) => Tensor, rtol = 2e-6): void => {
  const xs = args.map((a, i) => cs.input(`x${i}`, a.shape));
  const first = weigh(f(...xs)), grads = cs.pullback([first], [cs.onesLike(first)], xs);
  const second = grads.map(weigh).reduce((a, b) => cs.add(a, b));
  const check = (scalar: Tensor, label: string) => {
    const exact = cs.interpret(cs.pullback([scalar], [cs.onesLike(scalar)], xs), bind(args));
    args.forEach((a, i) => {
      for (let k = 0; k < Math.min(a.data.length, 6); k++) {
        const at = Math.floor(k * a.data.length / Math.min(a.data.length, 6));
        const moved = (by: number) => {
          const data = Float64Array.from(a.data);
          data[at]! += by;
          const value = cs.interpret([scalar], bind(args.with(i, double(a.shape, data))));
          return value[0]!.data[0]!;
        };
        const h = STEP * Math.max(1, Math.abs(a.data[at]!));
        // fourth order: the error falls with h^4
        const slope = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
        const got = exact[i]!.data[at]!, size = Math.max(1, Math.abs(got), Math.abs(slope));
        if (!(Math.abs(got - slope) <= rtol * size * 10)) {
          throw new Error(`${label}: argument ${i} element ${at}: ${got} against ${slope}`);
        }
      }
    });
  };
  check(first, "first derivative");
  check(second, "second derivative");
};

const bind = (args: readonly NdArray[]) => Object.fromEntries(args.map((a, i) => [`x${i}`, a]));

const side = fc.integer({ min: 1, max: 4 });
const shapes = fc.array(side, { minLength: 0, maxLength: 3 });
const numbers = (shape: Shape, low: number, high: number): fc.Arbitrary<NdArray> => {
  const n = shape.reduce((a, b) => a * b, 1);
  return fc.array(fc.double({ min: low, max: high, noNaN: true }), { minLength: n, maxLength: n }).map((v) =>
    double(shape, v)
  );
};
const array = (low: number, high: number) => shapes.chain((s) => numbers(s, low, high));

const smooth: Readonly<Record<string, readonly [(x: Tensor) => Tensor, number, number]>> = {
  neg: [cs.neg, -3, 3],
  abs: [cs.abs, 0.1, 3],
  exp: [cs.exp, -3, 3],
  log: [cs.log, 0.2, 5],
  sqrt: [cs.sqrt, 0.2, 5],
  rsqrt: [cs.rsqrt, 0.3, 5],
  sin: [cs.sin, -3, 3],
  cos: [cs.cos, -3, 3],
  tanh: [cs.tanh, -3, 3],
  erf: [cs.erf, -2, 2],
  gelu: [cs.gelu, -3, 3],
  silu: [cs.silu, -3, 3],
  softplus: [cs.softplus, 0.1, 3],
  "relu away from 0": [cs.relu, 0.1, 3],
  cast: [cs.cast("f32"), -1, 1],
};
for (const [name, [f, low, high]] of Object.entries(smooth)) {
  property(test, `unary: ${name}`, [array(low, high)], (x) => agrees([x], (t) => f(t!)), RUNS);
}

const broadcasting: readonly (readonly [Shape, Shape])[] = [
  [[3, 2], [3, 2]],
  [[3, 2], [2]],
  [[3, 1], [1, 2]],
  [[], [2]],
];
const binary: Readonly<Record<string, readonly [(a: Tensor, b: Tensor) => Tensor, number, number]>> = {
  add: [cs.add, -3, 3],
  sub: [cs.sub, -3, 3],
  mul: [cs.mul, -3, 3],
  div: [cs.div, 0.5, 3],
  pow: [cs.pow, 0.5, 2],
};
for (const [name, [f, low, high]] of Object.entries(binary)) {
  for (const [a, b] of broadcasting) {
    property(
      test,
      `binary, broadcast: ${name} of [${a}] and [${b}]`,
      [numbers(a, low, high), numbers(b, low, high)],
      (x, y) => agrees([x, y], (p, q) => f(p!, q!)),
      { runs: 4 },
    );
  }
}

property(
  test,
  "maximum and minimum where the arguments differ",
  [numbers([5], 0, 1), numbers([5], 1.5, 2)],
  (x, y) => {
    agrees([x, y], (a, b) => cs.mul(cs.maximum(a!, b!), cs.minimum(a!, b!)));
  },
  RUNS,
);

property(
  test,
  "mod where the quotient does not jump",
  [numbers([4], 0.2, 0.8)],
  (x) => agrees([x], (a) => cs.mul(cs.mod(a!, 1), a!)),
  RUNS,
);

property(test, "select", [numbers([3, 2], -2, 2), numbers([2], -2, 2)], (x, y) => {
  const odd = cs.equal(cs.mod(cs.iota([3, 1]), 2), 1);
  agrees([x, y], (a, b) => cs.mul(cs.select(odd, a!, b!), a!));
}, RUNS);

property(
  test,
  "sums and means over any axes",
  [numbers([2, 3, 2], -2, 2), fc.subarray([0, 1, 2]), fc.boolean()],
  (x, axes, keep) => agrees([x], (t) => cs.exp(cs.mean({ axes, keep })(cs.mul(t!, t!)))),
  RUNS,
);

property(
  test,
  "max of distinct elements",
  [fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 })],
  (v) => {
    agrees([double([2, 3], v)], (t) => cs.mul(cs.max({ axes: [1], keep: true })(t!), t!));
  },
  RUNS,
);

test("ties share the gradient of max", () => {
  const x = cs.input("x", [4]), top = cs.max()(x);
  const [g] = cs.interpret(cs.pullback([top], [cs.onesLike(top)], [x]), { x: cs.f32([4], [1, 3, 3, 0]) });
  assert.equal([...g!.data], [0, 0.5, 0.5, 0]);
});

const moves: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  reshape: cs.reshape([4, 6]),
  permute: cs.permute([2, 0, 1]),
  expand: (x) => cs.broadcastTo([3, 2, 3, 4])(x),
  "expand of an axis": (x) => cs.broadcastTo([2, 3, 5])(cs.sum({ axes: [2], keep: true })(x)),
  slice: cs.slice([0, 1, 0], [2, 3, 4], [1, 1, 1]),
  "slice with steps": cs.slice([0, 0, 1], [2, 3, 4], [1, 2, 2]),
  pad: cs.pad([1, 0, 0], [0, 2, 1], 0.5),
  flip: cs.flip([0, 2]),
  concat: (x) => cs.concat([x, cs.mul(x, x), x], 1),
};
for (const [name, f] of Object.entries(moves)) {
  property(test, `movement: ${name}`, [numbers([2, 3, 4], -2, 2)], (x) => agrees([x], (t) => cs.sin(f(t!))), {
    runs: 4,
  });
}

property(
  test,
  "matmul of any sizes, with and without batch",
  [side, side, side, fc.boolean()],
  (m, k, n, batched) => {
    const lead = batched ? [2] : [];
    const make = (s: Shape, seed: number) =>
      double(s, Array.from({ length: s.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + seed)));
    agrees([make([...lead, m, k], m), make([...lead, k, n], n)], (a, b) => cs.tanh(cs.matmul(b!)(a!)));
  },
  RUNS,
);

property(test, "gather with repeated and foreign ids, and scatterAdd", [numbers([4, 2], -2, 2)], (x) => {
  const ids = cs.sub(cs.mod(cs.mul(cs.iota([6]), 5), 7), 1); // -1, 4, 2, 0, 5, 3
  agrees([x], (t) => cs.sin(cs.scatterAdd(3)(cs.mod(cs.iota([6]), 3), cs.exp(cs.gather(t!)(ids)))));
}, RUNS);

property(
  test,
  "layers: normalisations, softmax, attention, cross entropy",
  [numbers([2, 3, 4], -1, 1)],
  (x) => {
    const ones = cs.full([4], 1), zeros = cs.full([4], 0.25);
    agrees([x], (t) => cs.layerNorm({ weight: ones, bias: zeros }, 0.1)(t!), 1e-5);
    agrees([x], (t) => cs.rmsNorm({ weight: ones }, 0.1)(t!), 1e-5);
    agrees([x], (t) => cs.softmax()(cs.mul(t!, 0.4)), 1e-5);
    agrees([x], (t) => cs.logsumexp([1])(cs.mul(t!, 0.4)), 1e-5);
    agrees([x], (t) => cs.attention(t!, cs.sin(t!), t!, { causal: true }), 1e-5);
    agrees([x], (t) => cs.crossEntropy(t!, cs.mod(cs.iota([2, 3], 1), 3)).mean, 1e-5);
  },
  { runs: 4 },
);

property(test, "operations of the library", [numbers([2, 3, 4], 0.5, 2)], (x) => {
  const image = (t: Tensor) => cs.reshape([1, 3, 4, 2])(t), kernel = cs.reshape([3, 2, 2, 2]);
  agrees([x], (t) => cs.product({ axes: [1] })(t!), 1e-5);
  agrees([x], (t) => cs.sin(cs.cumsum(1)(t!)), 1e-5);
  agrees([x], (t) => cs.variance({ axes: [0, 2] })(t!), 1e-5);
  agrees([x], (t) => cs.exp(cs.einsum("abc,abd->cd")(t!, t!)), 1e-5);
  agrees([x, x], (t, w) => cs.tanh(cs.conv2d({ weight: kernel(w!) }, { padding: 1 })(image(t!))), 1e-5);
  agrees([x], (t) => cs.sin(cs.adaptiveAveragePool2d([2, 3])(image(t!))), 1e-5);
  agrees([x], (t) => cs.sin(cs.averagePool2d(2, { stride: 1 })(image(t!))), 1e-5);
  const ids = cs.mod(cs.iota([2, 5, 4], 1), 3);
  agrees([x], (t) => cs.sin(cs.takeAlong(ids, 1)(cs.mul(t!, t!))), 1e-5);
}, { runs: 3 });

property(test, "order and pooling of distinct elements", [
  fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }),
], (v) => {
  const x = double([1, 2, 4, 1], v.map((n) => n / 4));
  agrees([x], (t) => cs.sin(cs.sort(2)(t!)));
  agrees([x], (t) => cs.sin(cs.topK(2, 2)(t!).values));
  agrees([x], (t) => cs.sin(cs.maxPool2d(2)(t!)));
  agrees([x], (t) => cs.sin(cs.min({ axes: [2] })(t!)));
}, { runs: 4 });

test.run();
