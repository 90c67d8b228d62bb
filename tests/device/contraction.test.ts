/** Contractions of every layout, ragged and batched, under the schedules of software devices and of GPUs. */
import * as cs from "@chain-of-sight/core";
import { compile, dispatchesOf, theDevice, webGpu } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("contractions");

/** Batch, rows, columns, summed length, whether the left and right operand are stored transposed. */
const sizes = [
  [1, 64, 64, 16, false, false],
  [1, 130, 100, 50, false, false],
  [1, 130, 100, 50, true, false],
  [1, 128, 128, 64, false, true],
  [1, 128, 128, 64, true, true],
  [3, 97, 66, 40, false, true],
  [2, 68, 72, 44, true, false],
  [1, 200, 300, 37, false, true],
  [1, 1, 257, 33, false, false],
  [5, 3, 2, 1, false, true],
] as const;

const run = (software: boolean, [b, m, n, k, ta, tb]: typeof sizes[number]) =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const a = cs.input("a", ta ? [b, k, m] : [b, m, k]), w = cs.input("w", tb ? [b, n, k] : [b, k, n]);
    const product = cs.matmul(tb ? cs.transpose(w) : w)(ta ? cs.transpose(a) : a);
    const bias = cs.input("bias", [n]), y = cs.tanh(cs.mul(cs.add(product, bias), 0.2));
    const bindings = { a: floats("a", a.shape), w: floats("w", w.shape), bias: floats("b", [n]) };
    const plan = compile({ outputs: { y } }, device.profile);
    assert.is(plan.kernels.length, 1, "one kernel with its epilogue");
    const staged = dispatchesOf(plan, device.profile)[0]!.code.includes("workgroupBarrier");
    assert.is(staged, !software && Math.min(m, n) >= 48 && k >= 16, "large products of GPUs are staged");
    const program = yield* device.load(plan);
    yield* program.write(bindings);
    yield* program.run;
    const { y: value } = yield* program.read(["y"]);
    near("y", value!, cs.interpret([y], bindings)[0]!, { rtol: 1e-5, atol: 2e-6 });
  });

const scope = Scope.makeUnsafe();
for (const software of [true, false]) {
  const services = Effect.runPromise(Layer.buildWithScope(webGpu({ software }), scope));
  for (const size of sizes) {
    test(`${software ? "software" : "GPU"} schedule, ${size.join(" ")}`, async () =>
      await Effect.runPromise(Effect.provide(Effect.scoped(run(software, size)), await services)));
  }
}
test.run();
