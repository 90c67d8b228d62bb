/** Devices by name, as settings and command lines spell them. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { dawn } from "./dawn.ts";
import { cpu, webGpu } from "./deno.ts";
import { type Device, theDevice } from "./device.ts";
import { DeviceError } from "./errors.ts";
import { gpuOrCpu } from "./gpu_or_cpu.ts";

/** Names of devices, as settings and command lines spell them. */
export type DeviceName = "webgpu" | "dawn" | "cpu" | "auto";

/** Every device name. */
export const deviceNames: readonly DeviceName[] = ["auto", "webgpu", "dawn", "cpu"];

/** Settings of a device that is opened by name. */
export interface NamedDeviceOptions {
  /** Threads of the CPU; the machine's by default. */
  readonly threads?: number;
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
        hint: "leave out --half-sums, or choose a GPU with the feature shader-f16",
      }),
    );
  }));

/**
 * The device of a name. `auto` takes a GPU through Deno's WebGPU, the CPU back end otherwise; never Dawn, and a software
 * adapter only where the CPU back end does not run. Fails with a DeviceError where a device without f16 shall sum
 * in f16.
 */
export const deviceNamed = (
  name: DeviceName,
  { threads, halfSums = false }: NamedDeviceOptions = {},
): Layer.Layer<Device, DeviceError> => {
  const ours = cpu(threads === undefined ? {} : { threads }), as = halfSums ? { halfSums } : {};
  const devices: { readonly [N in DeviceName]: () => Layer.Layer<Device, DeviceError> } = {
    cpu: () => ours,
    webgpu: () => webGpu(as),
    dawn: () => dawn(as),
    auto: () => gpuOrCpu(webGpu(as), ours),
  };
  return halfSums ? withHalfSums(devices[name]()) : devices[name]();
};
