/** The device as a scoped service: opened once, closed with its scope, and honest about its failures. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type DeviceProfile, WGSL_POSITIONS } from "../device_profile.ts";
import { compile, type CompileOptions, type Plan, type Source } from "../plan/plan.ts";
import type { Schedules } from "../schedule/schedule.ts";
import type { DeviceError } from "./errors.ts";
import { Health } from "./health.ts";
import { compileKept, type PlanStore } from "./plan_store.ts";
import type { PipelineCache } from "./pipeline.ts";
import { loadProgram, type Program } from "./program.ts";
import { matrixConfigs, type Opened, openGpu, type Provider } from "./provider.ts";

/** What a program may do with a device. */
export interface DeviceService {
  /** What the compiler may know of it. */
  readonly profile: DeviceProfile;
  /** Schedules that measurements found to be better on it than the default ones. */
  readonly schedules?: Schedules;
  /** Where programs that were compiled before are kept; nowhere where it is left out. */
  readonly plans?: PlanStore;
  /**
   * Puts a compiled plan on the device; its buffers live as long as the scope. Inputs that a program of `alongside` has
   * under the same path are shared with it: written once, and state of the one is state of the other.
   */
  readonly load: (plan: Plan, alongside?: readonly Program[]) => ReturnType<typeof loadProgram>;
}

/** Marks programs that need a device. */
export interface Device {
  /** The name of the service. */
  readonly service: "chain-of-sight/Device";
}

const key = Context.Service<Device, DeviceService>("chain-of-sight/Device");

/** The device service: `yield* theDevice()` where a program needs one. */
export const theDevice = (): Context.Service<Device, DeviceService> => key;

/** Compiles for a device, under the schedules that measurements found for it; takes a plan that was kept before. */
export const compileFor = (
  { profile, schedules = {}, plans }: Pick<DeviceService, "profile" | "schedules" | "plans">,
  source: Source,
  options: CompileOptions = {},
): Plan =>
  plans === undefined
    ? compile(source, profile, { schedules, ...options })
    : compileKept(plans, source, profile, { schedules, ...options });

/** The profile of an opened device. */
export const profileOf = (opened: Opened): DeviceProfile => {
  const { adapter, device, features, provider } = opened, info: GPUAdapterInfo = adapter.info;
  const name = info.description || info.device || [info.vendor, info.architecture].join(" ").trim();
  // browsers leave the description empty; the fallback adapter and the architecture tell software apart
  const software = info.isFallbackAdapter === true ||
    /llvmpipe|swiftshader|lavapipe/i.test(`${name} ${info.architecture}`);
  const f16 = features.includes("shader-f16");
  return {
    // Dawn describes an NVIDIA card by its driver alone
    name: provider.name === "dawn"
      ? [info.vendor, info.architecture, name, "(Dawn)"].filter((x) => x !== "").join(" ")
      : name,
    provider: provider.name,
    f16,
    subgroups: features.includes("subgroups")
      ? { least: info.subgroupMinSize, most: info.subgroupMaxSize }
      : undefined,
    matrices: matrixConfigs(opened),
    halfProducts: false,
    halfSums: false,
    software,
    maxBindings: Math.min(32, device.limits.maxStorageBuffersPerShaderStage),
    maxBindingBytes: device.limits.maxStorageBufferBindingSize,
    maxBufferBytes: device.limits.maxBufferSize,
    maxPositions: WGSL_POSITIONS,
    bindingAlignment: Math.max(16, device.limits.minStorageBufferOffsetAlignment),
    maxInvocations: device.limits.maxComputeInvocationsPerWorkgroup,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    attention: true,
    minQueries: 0,
    attentionUnits: software ? 1 : 64,
    maxWorkgroups: device.limits.maxComputeWorkgroupsPerDimension,
    maxSumLength: 2 ** 15,
    // Mesa's LLVM code generator counts the iterations of all loops of an invocation together
    maxIterations: /llvmpipe|lavapipe/i.test(name) ? 65535 : Infinity,
  };
};

/** A profile as overridden for the compiler; sums of f16 decide numbers, so that the name says them. */
export const withOverrides = (profile: DeviceProfile, as: Partial<DeviceProfile>): DeviceProfile => {
  const all = { ...profile, ...as };
  return all.halfSums ? { ...all, name: `${all.name}, sums of f16` } : all;
};

/** Opens the device of a provider for the length of a scope; `as` overrides the profile that the compiler sees. */
export const deviceOf = (
  provider: Effect.Effect<Provider, DeviceError>,
  as: Partial<DeviceProfile>,
): Layer.Layer<Device, DeviceError> =>
  Layer.effect(
    key,
    Effect.acquireRelease(
      Effect.flatMap(provider, openGpu),
      ({ device }) => Effect.sync(() => device.destroy()),
    ).pipe(
      Effect.map((opened) => {
        const profile = withOverrides(profileOf(opened), as), health = new Health(opened.device);
        const pipelines: PipelineCache = new Map();
        return {
          profile,
          load: (plan, alongside) => loadProgram(opened.device, plan, profile, pipelines, health, alongside),
        };
      }),
    ),
  );
