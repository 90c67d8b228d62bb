/** The interface to the provider of the `GPU` object: Deno, Dawn or a browser. */
/// <reference types="@webgpu/types" />
import * as Effect from "effect/Effect";
import type { MatrixConfig } from "../capabilities.ts";
import { DeviceError } from "./errors.ts";

/** Where a `GPU` object comes from. */
export interface Provider {
  /** Its name. */
  readonly name: "deno" | "dawn" | "browser";
  /** The root of everything it gives; undefined where the runtime has none. */
  readonly gpu: Pick<GPU, "requestAdapter"> | undefined;
  /** Features asked for alongside the usual ones. */
  readonly more: readonly string[];
  /** What to do where it has no adapter. */
  readonly hint: string;
}

/** An adapter and the device opened on it. */
export interface Opened {
  /**
   * Who provided it. Held as long as the device is used: Dawn ends the process when its root is collected before.
   */
  readonly provider: Provider;
  /** The adapter. */
  readonly adapter: GPUAdapter;
  /** The device. */
  readonly device: GPUDevice;
  /** Features that were granted. */
  readonly features: readonly string[];
}

const WANTED = ["shader-f16", "timestamp-query", "subgroups"] as const;
/** Name of the feature that gives subgroup matrices. */
export const MATRICES = "chromium-experimental-subgroup-matrix";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxStorageBuffersPerShaderStage",
] as const;

const adapterOf = ({ gpu, hint }: Provider): Effect.Effect<GPUAdapter, DeviceError> =>
  Effect.tryPromise({
    try: async () => {
      const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
      if (!adapter) throw new Error(gpu === undefined ? "no WebGPU in this runtime" : "no WebGPU adapter");
      return adapter;
    },
    catch: (e) =>
      new DeviceError({ fault: "no adapter", got: e instanceof Error ? e.message : String(e), hint }),
  });

/** Features that a device may be opened with: asked one by one, since one refusal refuses them all. */
const grantedFeatures = (provider: Provider): Effect.Effect<string[], DeviceError> =>
  Effect.gen(function* () {
    const granted: string[] = [];
    for (const feature of [...WANTED, ...provider.more]) {
      const adapter = yield* adapterOf(provider);
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
export const openGpu = (provider: Provider): Effect.Effect<Opened, DeviceError> =>
  Effect.gen(function* () {
    yield* adapterOf(provider);
    const features = yield* grantedFeatures(provider);
    const adapter = yield* adapterOf(provider);
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
          hint: "update the driver, or choose another adapter",
        }),
    });
    return { provider, adapter, device, features };
  });

/** Shapes of product that an adapter's subgroups compute; none where it lists none. */
export const matrixConfigs = ({ adapter, features }: Opened): readonly MatrixConfig[] => {
  if (!features.includes(MATRICES)) return [];
  const info = adapter.info as { readonly subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  return [...info.subgroupMatrixConfigs ?? []].map(({ M, N, K, componentType, resultComponentType }) => ({
    M,
    N,
    K,
    componentType,
    resultComponentType,
  }));
};
