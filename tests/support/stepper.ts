/** A stepper on any device: one Program whose state stays there. */
import { compile, type CompileOptions, type DeviceService } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import type { MakeStepper } from "../trajectory/suite.ts";

/** Steps on an opened device; the program lives as long as the scope. */
export const stepOn =
  (opened: Promise<DeviceService>, scope: Scope.Scope, options: CompileOptions): MakeStepper =>
  async ({ next, metrics, initial }) => {
    const device = await opened;
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
