/** The WebGPU device for tests. A missing adapter is a failure, never a skip. */
import { Effect, Exit, Scope } from "effect";
import * as Layer from "effect/Layer";
import * as Context from "effect/Context";
import {
  compile,
  type CompileOptions,
  type Device,
  evaluate,
  theDevice,
  webGpu,
} from "@chain-of-sight/kernels";
import type { MakeStepper } from "../trajectory/suite.ts";
import type { Evaluate } from "./evaluate.ts";

const scope = Scope.makeUnsafe();

/** The services of the one device that this process opens. */
export const services: Promise<Context.Context<Device>> = Effect.runPromise(
  Layer.buildWithScope(webGpu(), scope),
);

/** Closes the device; the process can then end. */
export const closeDevice = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void));

/** An evaluator on WebGPU. */
export const onWebGpu = (options: CompileOptions = {}): Evaluate => async (roots, bindings) =>
  await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), await services));

/** A stepper on WebGPU: one Program whose state stays on the device. */
export const stepOnWebGpu =
  (options: CompileOptions = {}): MakeStepper => async ({ next, metrics, initial }) => {
    const context = await services, device = Context.get(context, theDevice());
    const donate = Object.fromEntries(Object.keys(next).map((path) => [path, path]));
    const plan = compile({ outputs: { ...next, ...metrics }, donate }, device.profile, options);
    const program = await Effect.runPromise(Scope.provide(device.load(plan), scope));
    await Effect.runPromise(program.write(initial));
    const names = Object.keys(metrics);
    return {
      step: async (batch) => {
        const values = await Effect.runPromise(
          Effect.gen(function* () {
            yield* program.write(batch);
            yield* program.run;
            return yield* program.read(names);
          }),
        );
        return Object.fromEntries(names.map((name) => [name, values[name]!.data[0]!]));
      },
      state: () => Effect.runPromise(program.read(Object.keys(next))),
    };
  };
