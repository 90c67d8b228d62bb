/** Our side of a case: one program on the device of the context, in the form that opponents have too. */
import { zerosArray } from "@chain-of-sight/core";
import { compile, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { BenchCase } from "./cases.ts";
import { CHECKED_STEPS, type Prepared } from "./opponents/opponent.ts";

type Numbers = readonly ArrayLike<number>[];

const once = (program: Program, compared: readonly string[]) =>
  Effect.gen(function* () {
    yield* program.run;
    const values = yield* program.read(compared);
    return compared.map((name) => values[name]!.data) as Numbers;
  });

/** The losses of the first steps, as one result. */
const losses = (program: Program, compared: readonly string[]) =>
  Effect.map(
    Effect.forEach(Array.from({ length: CHECKED_STEPS }), () => once(program, compared)),
    (steps): Numbers => [steps.map(([loss]) => loss![0]!)],
  );

/** A case as a loaded program. Its memory is given back with the scope. */
export const prepareOurs = (c: BenchCase) =>
  Effect.gen(function* () {
    const device = yield* theDevice(), program = yield* device.load(compile(c.source, device.profile));
    // the optimiser's memory begins as zeros
    for (const [path, { dtype, shape }] of Object.entries(program.plan.inputs)) {
      yield* program.write({ [path]: c.values[path] ?? zerosArray(dtype, shape) });
    }
    const prepared: Prepared = {
      check: () =>
        Effect.runPromise(
          c.work.kind === "step" ? losses(program, c.compared) : once(program, c.compared),
        ),
      run: (n) =>
        Effect.runPromise(Effect.gen(function* () {
          for (let i = 0; i < n; i++) yield* program.run;
          yield* program.read(c.compared.slice(0, 1));
        })),
      close: () => undefined,
    };
    return prepared;
  });
