/** Which device to open: a GPU where there is one, the CPU back end otherwise. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import * as Scope from "effect/Scope";
import { cpu } from "./cpu.ts";
import { dawn, type Device, theDevice, webGpu } from "./device.ts";
import { DeviceError } from "./errors.ts";

/** Names of devices, as settings and command lines spell them. */
export type DeviceName = "webgpu" | "dawn" | "cpu" | "auto";

/** Every device name. */
export const deviceNames: readonly DeviceName[] = ["auto", "webgpu", "dawn", "cpu"];

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
      const { fault, got, mend } = first.failure;
      if (fault !== "no adapter") return yield* Effect.fail(first.failure);
      const chosen = yield* Layer.buildWithScope(ours, scope);
      yield* Effect.logInfo(`computing on the ${nameOf(chosen)}: ${got}. For WebGPU, ${mend}`);
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

/** Settings of a device that is opened by name. */
export interface NamedDeviceOptions {
  /** Threads of the CPU; the machine's by default. */
  readonly threads?: number;
  /** Dawn without its bounds checks: it then refuses programs with an access that is not proved in range. */
  readonly unchecked?: boolean;
  /** Large products of f16 add up in f16 within 16 steps; in f32 by default. */
  readonly halfSums?: boolean;
}

/** Refuses a device that cannot add up in f16, where it was asked to. */
const withHalfSums = (device: Layer.Layer<Device, DeviceError>): Layer.Layer<Device, DeviceError> =>
  Layer.effectContext(Effect.gen(function* () {
    const opened = yield* Layer.buildWithScope(device, yield* Effect.scope);
    const { name, f16, software, halfSums } = Context.get(opened, theDevice()).profile;
    if (f16 && halfSums && !software) return opened;
    return yield* Effect.fail(
      new DeviceError({
        fault: "refused",
        got: `sums of f16 on ${name}, which is not a GPU with 16-bit floating point`,
        mend: "leave out --half-sums, or choose a GPU with the feature shader-f16",
      }),
    );
  }));

/**
 * The device of a name. `auto` takes a GPU through Deno's WebGPU, the CPU back end otherwise; never Dawn, and a software
 * adapter only where the CPU back end does not run. Fails with a DeviceError where bounds
 * checks shall be left out of a device that has no such switch, and where a device without f16 shall sum in f16.
 */
export const deviceNamed = (
  name: DeviceName,
  { threads, unchecked = false, halfSums = false }: NamedDeviceOptions = {},
): Layer.Layer<Device, DeviceError> => {
  if (unchecked && name !== "dawn") {
    return Layer.unwrap(Effect.fail(
      new DeviceError({
        fault: "refused",
        got: `device ${name} without bounds checks`,
        mend: "leave out --unchecked, or choose --device dawn, whose checks can be left out",
      }),
    ));
  }
  const ours = cpu(threads === undefined ? {} : { threads }), as = halfSums ? { halfSums } : {};
  const devices: { readonly [N in DeviceName]: () => Layer.Layer<Device, DeviceError> } = {
    cpu: () => ours,
    webgpu: () => webGpu(as),
    dawn: () => dawn(as, { unchecked }),
    auto: () => gpuOrCpu(webGpu(as), ours),
  };
  return halfSums ? withHalfSums(devices[name]()) : devices[name]();
};
