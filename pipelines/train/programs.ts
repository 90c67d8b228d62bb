/** The programs of a training: one for each shape of its batches, all over one state on the device. */
import type { TreeError } from "@chain-of-sight/core";
import { compile, type Device, type DeviceError, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type Bindings, type StepSource, stepSource, type Training } from "./training.ts";

/** A step on batches of one shape. */
export interface StepProgram {
  /** Computes it. */
  readonly program: Program;
  /** What it gets done, in the unit of the training. */
  readonly amount: number;
}

/** Steps on batches of every shape. */
export interface StepPrograms {
  /** The step on the training's own batch. */
  readonly step: StepSource;
  /** Its program, in whose memory the state lies. */
  readonly main: Program;
  /** The program that a batch is for; the main one, which refuses it by name, if it is for none. */
  readonly of: (batch: Bindings) => StepProgram;
  /** Bytes that all of them hold on the device. */
  readonly deviceBytes: number;
}

/**
 * Compiles and loads the programs of a training for as long as the scope lives. They take parameters, the optimiser's
 * memory and the ring as they lie in the main program's memory, side by side where its update of all parameters needs
 * them so; one that would need another order updates them apart.
 */
export const loadPrograms = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<StepPrograms, DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* theDevice(), { work, others = [] } = training;
    const step = stepSource(training), main = yield* device.load(compile(step.source, device.profile));
    const more = yield* Effect.forEach(others, ({ batch, amount }) => {
      const { source } = stepSource(training, batch);
      const load = (apart: boolean) =>
        Effect.suspend(() =>
          device.load(compile(source, device.profile, apart ? { batch: false } : {}), [main])
        );
      return load(false).pipe(
        Effect.catchTag("TreeError", () => load(true)),
        Effect.map((program): StepProgram => ({ program, amount })),
      );
    });
    const all: readonly StepProgram[] = [{ program: main, amount: work.amount }, ...more];
    return {
      step,
      main,
      of: (batch) =>
        all.find(({ program }) => Object.keys(batch).every((path) => path in program.plan.inputs)) ?? all[0]!,
      deviceBytes: all.reduce((sum, { program }) => sum + program.bytes, 0),
    };
  });
