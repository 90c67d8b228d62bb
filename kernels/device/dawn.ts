/**
 * Dawn's WebGPU, from the npm package `webgpu`: waits of microseconds, and matrix units where the adapter has them.
 * Nothing of it is loaded before it is asked for.
 */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { DeviceProfile } from "../device_profile.ts";
import { throttleDawn } from "./dawn_throttle.ts";
import { type Device, deviceOf } from "./device.ts";
import { withoutStderr } from "./driver_noise.ts";
import { DeviceError } from "./errors.ts";
import { MATRICES, type Provider } from "./provider.ts";

/** Settings of Dawn. */
export interface DawnOptions {
  /** Dawn's back end; the platform's own by default. `null` computes nothing and checks every text. */
  readonly backend?: string;
}

interface Module {
  readonly create: (options: readonly string[]) => GPU;
}

/** Toggles: matrix units are experimental, and f16 on NVIDIA is off by default. */
const TOGGLES = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];

/** What `create` is called with. */
const dawnArguments = ({ backend }: DawnOptions): readonly string[] => [
  `enable-dawn-features=${TOGGLES.join(",")}`,
  ...(backend === undefined ? [] : [`backend=${backend}`]),
];

// Dawn ends the process when a root is collected while its devices live: one for each way to make it, for good
const roots = new Map<string, GPU>();

const rootOf = (create: Module["create"], args: readonly string[]): GPU => {
  const key = args.join(" "), gpu = roots.get(key) ?? create(args);
  roots.set(key, gpu);
  return gpu;
};

/** Loads Dawn. Its constants are those of Deno's own WebGPU, whose globals stay as they are. */
export const dawnProvider = (options: DawnOptions = {}): Effect.Effect<Provider, DeviceError> =>
  Effect.tryPromise({
    try: async () => {
      throttleDawn();
      const { create } = await import("webgpu") as unknown as Module;
      const root = rootOf(create, dawnArguments(options));
      return {
        name: "dawn" as const,
        gpu: { requestAdapter: (wanted) => withoutStderr(() => root.requestAdapter(wanted)) },
        more: [MATRICES],
        hint:
          "install the GPU's Vulkan driver and libvulkan1; for a software device extract vk_swiftshader_icd.json and " +
          "libvk_swiftshader.so of Debian's chromium-common and point VK_DRIVER_FILES at the first (Dawn refuses " +
          "Debian's lavapipe), or use --device webgpu",
      };
    },
    catch: (e) =>
      new DeviceError({
        fault: "no adapter",
        got: `Dawn cannot be loaded: ${e instanceof Error ? e.message : String(e)}`,
        hint:
          "add `npm:webgpu@0.6.2` to the imports as `webgpu` and allow --allow-ffi, or use --device webgpu",
      }),
  });

/**
 * Opens a device of Dawn for the length of a scope. Programs that used one must end with `Deno.exit`: its threads keep
 * the process alive.
 */
export const dawn = (
  as: Partial<DeviceProfile> = {},
  options: DawnOptions = {},
): Layer.Layer<Device, DeviceError> => deviceOf(dawnProvider(options), as);
