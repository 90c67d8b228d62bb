/** The seam to whoever provides the `GPU` object. Deno's own is the default. */
import * as Effect from "effect/Effect";
import { DeviceError } from "./errors.ts";

/** An adapter and the device opened on it. */
export interface Opened {
  /** The adapter. */
  readonly adapter: GPUAdapter;
  /** The device. */
  readonly device: GPUDevice;
  /** Features that were granted. */
  readonly features: readonly string[];
}

const WANTED = ["shader-f16", "timestamp-query", "subgroups"] as const;
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxStorageBuffersPerShaderStage",
] as const;

const noAdapter = (got: string): DeviceError =>
  new DeviceError({
    fault: "no adapter",
    got,
    mend:
      "install a Vulkan driver: the GPU vendor's, or Debian's mesa-vulkan-drivers and libvulkan1 for a software device",
  });

const adapterOf = (gpu: GPU | undefined): Effect.Effect<GPUAdapter, DeviceError> =>
  Effect.tryPromise({
    try: async () => {
      const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
      if (!adapter) throw new Error(gpu === undefined ? "no WebGPU in this runtime" : "no WebGPU adapter");
      return adapter;
    },
    catch: (e) => noAdapter(e instanceof Error ? e.message : String(e)),
  });

/** Features that a device may be opened with: asked one by one, since one refusal refuses them all. */
const grantedFeatures = (gpu: GPU): Effect.Effect<string[], DeviceError> =>
  Effect.gen(function* () {
    const granted: string[] = [];
    for (const feature of WANTED) {
      const adapter = yield* adapterOf(gpu);
      const ok = yield* Effect.promise(() =>
        adapter.requestDevice({ requiredFeatures: [feature as GPUFeatureName] }).then(
          (d) => (d.destroy(), true),
          () => false,
        )
      );
      if (ok) granted.push(feature);
    }
    return granted;
  });

/** Opens a device with every wanted feature that is granted and the adapter's own limits. */
export const openGpu = (
  gpu: GPU | undefined = globalThis.navigator?.gpu,
): Effect.Effect<Opened, DeviceError> =>
  Effect.gen(function* () {
    yield* adapterOf(gpu);
    const features = yield* grantedFeatures(gpu!);
    const adapter = yield* adapterOf(gpu);
    const device = yield* Effect.tryPromise({
      try: () =>
        adapter.requestDevice({
          requiredFeatures: features as GPUFeatureName[],
          requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
        }),
      catch: (e) =>
        new DeviceError({
          fault: "refused",
          got: String(e),
          mend: "update the driver, or choose another adapter",
        }),
    });
    return { adapter, device, features };
  });
