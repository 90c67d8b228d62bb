/** Long reductions: in pieces, with the same values; loops that a device would cut short are refused. */
import * as cs from "@chain-of-sight/core";
import { compile, DeviceError, portableProfile } from "@chain-of-sight/kernels";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const inPieces = onWebGpu({}, { maxSumLength: 4 });

const shapes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
const programs = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray(shape.map((_, i) => i), { minLength: 1 }),
    op: fc.constantFrom("sum", "max"),
    seed: fc.integer({ min: 1, max: 1000 }),
  })
);

property(
  test,
  "sums and maxima of any axes in pieces equal the reference",
  [programs],
  async ({ shape, axes, op, seed }) => {
    const x = cs.input("x", shape), reduce = op === "sum" ? cs.sum : cs.max;
    const root = cs.mul(reduce({ axes })(cs.mul(x, x)), 2);
    const data = Float32Array.from({ length: cs.sizeOf(shape) }, (_, i) => Math.sin(seed * (i + 1)));
    const bindings = { x: cs.ndarray("f32", shape, data) };
    const [expected] = cs.interpret([root], bindings), [actual] = await inPieces([root], bindings);
    near("value", actual!, expected!, { atol: 1e-5, rtol: 1e-5 });
  },
  { runs: 60 },
);

test("pieces keep the rules of NaN, infinity and integers", async () => {
  const of = (values: readonly number[]) => cs.ndarray("f32", [values.length], Float32Array.from(values));
  const x = cs.input("x", [11]), i = cs.input("i", [11], "i32");
  const filled = (v: number, at: number, other: number) =>
    of(Array.from({ length: 11 }, (_, k) => k === at ? v : other));
  const roots = [cs.max()(x), cs.sum()(x)];
  for (const values of [filled(NaN, 7, 1), filled(-Infinity, 3, -Infinity), filled(Infinity, 10, -2)]) {
    const expected = cs.interpret(roots, { x: values }), actual = await inPieces(roots, { x: values });
    assert.equal(actual.map((a) => a.data[0]), expected.map((e) => e.data[0]));
  }
  const numbers = cs.i32([11], [-5, -9, -3, -70, -8, -4, -6, -90, -11, -2, -100]);
  const [largest, total] = await inPieces([cs.max()(i), cs.sum()(i)], { i: numbers });
  assert.equal([largest!.data[0], total!.data[0]], [-2, -308]);
});

test("a sum of millions is whole", async () => {
  const n = 2 ** 23 + 5, x = cs.input("x", [n]);
  const [total] = await onWebGpu()([cs.sum()(x)], { x: cs.ndarray("f32", [n], new Float32Array(n).fill(1)) });
  // f32 holds this number only to the next even one
  assert.ok(Math.abs(total!.data[0]! - n) <= 1, String(total!.data[0]));
});

test("long sums have work for many lanes", () => {
  const plan = compile({ outputs: { y: cs.sum()(cs.exp(cs.input("x", [1000, 1000]))) } }, portableProfile);
  const rows = plan.kernels.map((k) => k.kind === "loop" ? k.rows : 0);
  assert.is(rows.length, 2);
  assert.ok(rows[0]! > 500 && rows[1] === 1, rows.join(", "));
});

test("a kernel with more iterations than the device takes is refused by name", async () => {
  const evaluate = onWebGpu({}, { maxIterations: 50 });
  const w = cs.input("w", [1000, 8]), x = cs.input("x", [8, 1000]);
  const bindings = {
    w: cs.ndarray("f32", [1000, 8], new Float32Array(8000)),
    x: cs.ndarray("f32", [8, 1000], new Float32Array(8000)),
  };
  try {
    await evaluate([cs.matmul(w)(x)], bindings);
    assert.unreachable("it was run");
  } catch (e) {
    assert.instance(e, DeviceError);
    assert.is((e as DeviceError).fault, "refused");
    assert.match((e as DeviceError).message, /matmul 1x8x8x1000.*250 iterations/);
  }
});

test.after(closeDevice);
test.run();
