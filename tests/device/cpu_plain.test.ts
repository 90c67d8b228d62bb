/** The device-generic suite on the CPU as machines without fused multiplication and addition run it. */
import { attend, input, pullback, tanh } from "@chain-of-sight/core";
import {
  compile,
  type CompileOptions,
  cpu,
  evaluate,
  renderModule,
  theDevice,
} from "@chain-of-sight/kernels";
import { Effect, Layer, Scope } from "effect";
import * as Context from "effect/Context";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";
import { deviceSuite } from "./suite.ts";

const services = await Effect.runPromise(
  Layer.buildWithScope(cpu({ threads: 2, fused: false }), Scope.makeUnsafe()),
);

const onPlain = (options: CompileOptions = {}): Evaluate => async (roots, bindings) =>
  await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), services));

const test = suite("cpu, without fused multiplication and addition");

test("its programs hold no relaxed instruction", () => {
  const x = input("x", [1, 2, 9, 8]), { values } = attend(x, x, x, { causal: true, scale: 1 });
  const y = tanh(values), profile = Context.get(services, theDevice()).profile;
  const plan = compile({ outputs: { y, dx: pullback([y], [y], [x])[0]! } }, profile);
  assert.not.match(renderModule(plan, { relaxed: false }).text, /relaxed/);
  assert.match(renderModule(plan, { relaxed: true }).text, /relaxed/);
});

test.run();
deviceSuite("cpu, without fused multiplication and addition", onPlain());
