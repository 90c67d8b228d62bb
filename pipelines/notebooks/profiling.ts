/** Plans and profiles of descriptions on the device at hand, for notebooks. */
import { type Tensor, type TreeError, zerosArray } from "@chain-of-sight/core";
import {
  against,
  compileFor,
  type Device,
  type DeviceError,
  measureRoofline,
  type Plan,
  type Profiled,
  type Roofline,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";

/** Where the time of a plan goes. */
export interface MeasuredPlan {
  /** Its kernels, what could be won most of first. */
  readonly profile: readonly Profiled[];
  /** Achieved rates of the device. */
  readonly roofline: Roofline;
}

/** The plan of outputs for the device at hand. */
export const planHere = (
  outputs: Readonly<Record<string, Tensor>>,
): Effect.Effect<Plan, DeviceError, Device> =>
  Effect.map(theDevice(), (device) => compileFor(device, { outputs }));

/** Runs a plan on zeros `repeats` times, and sets the times of its kernels against what the device reaches. */
export const profileHere = (
  plan: Plan,
  repeats: number,
): Effect.Effect<MeasuredPlan, DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const program = yield* (yield* theDevice()).load(plan);
    yield* program.write(
      Object.fromEntries(
        Object.entries(plan.inputs).map(([path, { dtype, shape }]) => [path, zerosArray(dtype, shape)]),
      ),
    );
    const timed = yield* program.profile(repeats), roofline = yield* measureRoofline();
    return { profile: against(roofline)(timed), roofline };
  }));
