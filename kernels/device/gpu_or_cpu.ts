/** A GPU where there is one, the CPU back end otherwise. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import * as Scope from "effect/Scope";
import { type Device, theDevice } from "./device.ts";
import type { DeviceError } from "./errors.ts";

const nameOf = (device: Context.Context<Device>): string => Context.get(device, theDevice()).profile.name;

/**
 * The device of `gpu` where that is a GPU. The device of `ours` where there is no adapter, or only a software adapter,
 * which is several times slower than the CPU back end. One logged line says what was chosen and why. Other failures of
 * `gpu` stay failures, and a software adapter serves where `ours` does not open.
 */
export const gpuOrCpu = (
  gpu: Layer.Layer<Device, DeviceError>,
  ours: Layer.Layer<Device, DeviceError>,
): Layer.Layer<Device, DeviceError> =>
  Layer.effectContext(Effect.gen(function* () {
    const scope = yield* Effect.scope, trial = yield* Scope.fork(scope);
    const first = yield* Effect.result(Layer.buildWithScope(gpu, trial));
    if (Result.isFailure(first)) {
      const { fault, got, hint } = first.failure;
      if (fault !== "no adapter") return yield* Effect.fail(first.failure);
      const chosen = yield* Layer.buildWithScope(ours, scope);
      yield* Effect.logInfo(`computing on the ${nameOf(chosen)}: ${got}. For WebGPU, ${hint}`);
      return chosen;
    }
    if (!Context.get(first.success, theDevice()).profile.software) return first.success;
    const second = yield* Effect.result(Layer.buildWithScope(ours, scope)), adapter = nameOf(first.success);
    if (Result.isFailure(second)) {
      yield* Effect.logInfo(`computing on ${adapter}, a software adapter: ${second.failure.got}`);
      return first.success;
    }
    yield* Scope.close(trial, Exit.void);
    yield* Effect.logInfo(
      `computing on the ${nameOf(second.success)}: ${adapter} is a software adapter, and slower`,
    );
    return second.success;
  }));
