/** Long sums keep their digits: sums, products and gradients of weights over 65,536 and more equal terms, the worst case. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Shape, Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const test = suite("long sums");

const BOUND = 5e-5;

const devices: readonly (readonly [name: string, evaluate: Evaluate, positions: number])[] = [
  ["cpu", onCpu(), 70_000],
  ["webgpu", onWebGpu(), 65_000],
  ["webgpu, schedules of GPUs", onWebGpu({}, { software: false, maxSumLength: 2 ** 15 }), 65_000],
];

/** An array whose element depends on one of its axes alone: equal terms are rounded one way, again and again. */
const along = (shape: Shape, axis: number): NdArray => {
  const step = cs.sizeOf(shape.slice(axis + 1)), n = shape[axis]!;
  return cs.ndarray(
    "f32",
    shape,
    Float32Array.from({ length: cs.sizeOf(shape) }, (_, i) => 0.1 + 0.03 * (Math.floor(i / step) % n)),
  );
};

const term = (i: number): number => Math.fround(0.1 + 0.03 * i);

interface Case {
  readonly name: string;
  readonly arrays: readonly NdArray[];
  readonly build: (...x: Tensor[]) => Tensor;
  /** The exact element of the result. */
  readonly exact: (i: number) => number;
}

const K = 65_536;

const product = (m: number, n: number, k: number): Case => ({
  name: `product ${m} x ${n} over ${k}`,
  arrays: [along([m, k], 0), along([k, n], 1)],
  build: (a, b) => cs.matmul(b!)(a!),
  exact: (i) => k * term(Math.floor(i / n)) * term(i % n),
});

const weights = (m: number, n: number, k: number): Case => ({
  name: `gradient of weights ${m} x ${n} over ${k} rows`,
  arrays: [along([k, m], 1), along([k, n], 1)],
  build: (x, ct) => {
    const w = cs.input("w", [m, n]);
    return cs.pullback([cs.matmul(w)(x!)], [ct!], [w])[0]!;
  },
  exact: (i) => k * term(Math.floor(i / n)) * term(i % n),
});

const sums = (shape: Shape, axes: readonly number[]): Case => {
  const kept = shape.map((_, i) => i).find((i) => !axes.includes(i)) ?? 0;
  const x = axes.length === shape.length ? along([1, ...shape], 0) : along(shape, kept);
  const count = axes.reduce((n, a) => n * shape[a]!, 1);
  return {
    name: `sum of [${shape}] over [${axes}]`,
    arrays: [cs.ndarray("f32", shape, x.data)],
    build: (t) => cs.sum({ axes })(t!),
    exact: (i) => count * term(axes.length === shape.length ? 0 : i),
  };
};

const cases: readonly Case[] = [
  sums([2 ** 20], [0]),
  sums([3, 2 ** 17], [1]),
  sums([130, K], [1]),
  sums([K + 3, 5], [0]),
  sums([K, 70], [0]),
  sums([256, 256, 3], [0, 1]),
  product(1, 1, K),
  product(1, 64, K),
  product(2, 3, 2 * K),
  product(5, 9, K + 3),
  product(17, 33, K),
  product(48, 52, K),
  weights(3, 2, 2 * K),
  weights(24, 40, K),
  {
    name: "sum of squares",
    arrays: [along([1, 2 ** 18], 0)],
    build: (x) => cs.sum()(cs.mul(x!, x!)),
    exact: () => 2 ** 18 * term(0) ** 2,
  },
  {
    name: "average of an image",
    arrays: [along([1, 256, 256, 1], 0)],
    build: (x) => cs.averagePool2d([256, 256])(x!),
    exact: () => term(0),
  },
];

for (const [device, evaluate, positions] of devices) {
  const picked: Case = {
    name: `gradient of an embedding that is read ${positions} times`,
    arrays: [along([positions, 6], 1)],
    build: (ct) => cs.scatterAdd(3)(cs.full([positions], 1, "i32"), ct!),
    exact: (i) => i >= 6 && i < 12 ? positions * term(i - 6) : 0,
  };
  for (const { name, arrays, build, exact } of [...cases, picked]) {
    test(`${name}, ${device}`, async () => {
      const inputs = arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype));
      const given = Object.fromEntries(arrays.map((a, i) => [`x${i}`, a]));
      const [y] = await evaluate([build(...inputs)], { ...given });
      y!.data.forEach((got, i) => {
        const want = exact(i);
        assert.ok(Math.abs(got - want) <= BOUND * want, `element ${i}: ${got} for ${want}`);
      });
    });
  }
}

test.after(closeCpu);
test.after(closeDevice);
test.run();
