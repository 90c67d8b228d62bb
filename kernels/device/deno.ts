/** The devices of Deno's own runtime: its WebGPU, and the CPU with `node:worker_threads` and wabt. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { DeviceProfile } from "../device_profile.ts";
import { cpuOn, type CpuOptions } from "./cpu.ts";
import { openAssembler } from "./cpu_assemble.ts";
import { type Device, deviceOf } from "./device.ts";
import { setRuntimeDirectory } from "./driver_noise.ts";
import type { DeviceError } from "./errors.ts";
import type { Provider } from "./provider.ts";
import { nodeThreads } from "./threads_node.ts";

/** Deno's own WebGPU. */
export const denoProvider = (): Provider => {
  const gpu = globalThis.navigator?.gpu;
  return {
    name: "deno",
    gpu: gpu && {
      requestAdapter: (wanted) => {
        setRuntimeDirectory();
        return gpu.requestAdapter(wanted);
      },
    },
    more: [],
    hint:
      "install a Vulkan driver: the GPU vendor's, or Debian's mesa-vulkan-drivers and libvulkan1 for a software device",
  };
};

/** Opens Deno's own WebGPU device for the length of a scope; `as` overrides the profile that the compiler sees. */
export const webGpu = (as: Partial<DeviceProfile> = {}): Layer.Layer<Device, DeviceError> =>
  deviceOf(Effect.sync(denoProvider), as);

/** Opens the CPU with some settings for the length of a scope. */
export const cpu = (options: CpuOptions = {}): Layer.Layer<Device, DeviceError> =>
  cpuOn({ spawn: nodeThreads(), assembler: openAssembler }, options);
