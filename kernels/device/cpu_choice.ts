/** Which device to open: a GPU where there is one, the CPU otherwise. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { cpu } from "./cpu.ts";
import { dawn, type Device, webGpu } from "./device.ts";
import { DeviceError } from "./errors.ts";

/** Names of devices, as settings and command lines spell them. */
export type DeviceName = "webgpu" | "dawn" | "cpu" | "auto";

/** Every device name. */
export const deviceNames: readonly DeviceName[] = ["auto", "webgpu", "dawn", "cpu"];

/** A device, or the CPU where it has no adapter; the change is said once. Other failures stay failures. */
export const orCpu = (
  first: Layer.Layer<Device, DeviceError>,
  second: Layer.Layer<Device, DeviceError> = cpu(),
): Layer.Layer<Device, DeviceError> =>
  first.pipe(
    Layer.catch((e) =>
      Layer.unwrap(
        e.fault !== "no adapter"
          ? Effect.fail(e)
          : Effect.as(Effect.logWarning(`${e.got}: running on the CPU. For WebGPU, ${e.mend}`), second),
      )
    ),
  );

/** WebGPU where there is an adapter, the CPU otherwise. */
export const anyDevice = (): Layer.Layer<Device, DeviceError> => orCpu(webGpu());

/** Settings of a device that is opened by name. */
export interface NamedDeviceOptions {
  /** Threads of the CPU; the machine's by default. */
  readonly threads?: number;
  /** Dawn without its bounds checks: it then refuses programs with an access that is not proved in range. */
  readonly unchecked?: boolean;
}

/**
 * The device of a name; `auto` never takes Dawn, which is asked for by name. Fails with a DeviceError where bounds
 * checks shall be left out of a device that has no such switch.
 */
export const deviceNamed = (
  name: DeviceName,
  { threads, unchecked = false }: NamedDeviceOptions = {},
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
  const ours = cpu(threads === undefined ? {} : { threads });
  switch (name) {
    case "cpu":
      return ours;
    case "webgpu":
      return webGpu();
    case "dawn":
      return dawn({}, { unchecked });
    case "auto":
      return orCpu(webGpu(), ours);
  }
};
