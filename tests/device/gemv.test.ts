/** Products of few rows (GEMV) as sums. */
import {
  input,
  interpret,
  is,
  matmul,
  ndarray,
  reshape,
  simplify,
  type Tensor,
  topological,
  transpose,
} from "@chain-of-sight/core";
import {
  compile,
  cpuProfile,
  type DeviceProfile,
  evaluate,
  portableProfile,
  webGpu,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { productRules } from "../../kernels/graph/rules.ts";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";

const test = suite("products of few rows");

const [gemv] = productRules({});

const isGemv = (t: Tensor): boolean => gemv!.rewrite(t) !== undefined;

const filled = (shape: readonly number[], seed: number) =>
  ndarray(
    "f32",
    shape,
    Float32Array.from({ length: shape.reduce((a, n) => a * n, 1) }, (_, i) => Math.sin(i * seed)),
  );

property(test, "the sums are the products, in any number of rows and batches", [
  fc.integer({ min: 1, max: 4 }),
  fc.constantFrom(64, 65, 130),
  fc.constantFrom(64, 67, 200),
  fc.boolean(),
], async (m, k, n, batched) => {
  const x = input("x", batched ? [m, 1, k] : [m, k]), w = input("w", [n, k]);
  const product = matmul(transpose(w))(x), [sums] = simplify([product], [gemv!]);
  assert.ok(isGemv(product) || topological([product]).some(isGemv));
  assert.not.ok(topological([sums!]).some((t) => is("matmul", t)));
  const values = { x: filled(x.shape, 0.7), w: filled(w.shape, 1.3) };
  const [wanted, got] = interpret([product, sums!], values);
  near("reference", got!, wanted!, { rtol: 1e-12, atol: 1e-12 });
  const [there] = await Effect.runPromise(
    evaluate([product], values).pipe(Effect.provide(webGpu())),
  );
  near("WebGPU", there!, wanted!, { rtol: 1e-5, atol: 1e-5 });
}, { runs: 8 });

test("only products that gain by it are changed, and only on GPUs", () => {
  const w = input("w", [128, 128]), x = (m: number) => input(`x${m}`, [m, 128]);
  assert.ok(isGemv(matmul(transpose(w))(x(4))));
  assert.not.ok(isGemv(matmul(transpose(w))(x(5))), "many rows share what they read");
  assert.not.ok(isGemv(matmul(w)(x(1))), "rows that do not are side by side");
  assert.not.ok(isGemv(matmul(transpose(input("v", [8, 128])))(x(1))), "few sums");
  assert.not.ok(isGemv(matmul(reshape([128, 128])(w))(x(1))));
  const kinds = (profile: DeviceProfile) =>
    compile({ outputs: { y: matmul(transpose(w))(x(1)) } }, profile).kernels.map((k) => k.kind);
  assert.equal(kinds(cpuProfile), ["contraction"], "the CPU back end has a kernel for them");
  assert.equal(kinds(portableProfile), ["loop"]);
});

test.run();
