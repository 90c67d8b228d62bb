/** Looks at a machine: what it has to compute with, and what that reaches. */
import { add, input, ndarray, type TreeError } from "@chain-of-sight/core";
import {
  compile,
  cpu,
  dawn,
  dawnProvider,
  denoProvider,
  type Device,
  type DeviceError,
  type DeviceProfile,
  measureRoofline,
  openGpu,
  theDevice,
  webGpu,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import member from "../deno.json" with { type: "json" };
import {
  adviceOf,
  autoOf,
  type DeviceReport,
  type DoctorReport,
  type Examined,
  fastestOf,
  type Findings,
} from "./report.ts";

const layers: { readonly [name in Examined]: () => Layer.Layer<Device, DeviceError> } = {
  webgpu: webGpu,
  dawn,
  cpu,
};

const WAITS = 7;

/** Milliseconds from handing in a small program to its result: the middle of several. */
const waitMs: Effect.Effect<number, DeviceError | TreeError, Device> = Effect.scoped(Effect.gen(function* () {
  const device = yield* theDevice(), n = 64;
  const program = yield* device.load(
    compile({ outputs: { y: add(input("x", [n]), 1) } }, device.profile),
  );
  yield* program.write({ x: ndarray("f32", [n], new Float32Array(n)) });
  const times: number[] = [];
  for (let i = 0; i < WAITS; i++) {
    const before = performance.now();
    yield* program.run;
    yield* program.read(["y"]);
    times.push(performance.now() - before);
  }
  return times.toSorted((a, b) => a - b)[WAITS >> 1]!;
}));

const measured = Effect.gen(function* () {
  const wait = yield* waitMs, { bytes, flops } = yield* measureRoofline();
  return { bytesPerSecond: bytes, flopsPerSecond: flops, waitMs: wait };
});

/** Features that a provider's device was granted; none of the CPU. */
const featuresOf = (name: Examined): Effect.Effect<readonly string[], DeviceError> =>
  name === "cpu" ? Effect.succeed([]) : Effect.gen(function* () {
    const provider = name === "webgpu" ? denoProvider() : yield* dawnProvider();
    const { device, features } = yield* openGpu(provider);
    device.destroy();
    return features;
  });

const limitsOf = (p: DeviceProfile): Readonly<Record<string, number>> => ({
  bufferBytes: p.maxBufferBytes,
  bindingBytes: p.maxBindingBytes,
  workgroupBytes: p.workgroupBytes,
  bindings: p.maxBindings,
  invocations: p.maxInvocations,
  workgroups: p.maxWorkgroups,
});

/** What one device is, and what it reaches where that is asked for. A device that fails is a finding, not a failure. */
export const examineDevice = (device: Examined, measure: boolean): Effect.Effect<DeviceReport> =>
  Effect.gen(function* () {
    const features = yield* featuresOf(device), { profile } = yield* theDevice();
    const { name, software, f16, subgroups, matrices } = profile;
    const limits = limitsOf(profile);
    return {
      device,
      adapter: { name, software, features, limits, f16, subgroups: subgroups ?? null, matrices },
      problem: null,
      measured: measure ? yield* measured : null,
    };
  }).pipe(
    Effect.provide(layers[device]()),
    Effect.catch((e) => {
      const problem = e._tag === "DeviceError"
        ? { got: e.got, hint: e.hint }
        : { got: e.message, hint: "report it: the doctor's own programs should run everywhere" };
      return Effect.succeed({ device, adapter: null, problem, measured: null });
    }),
  );

const PLACES = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

const filesIn = (folder: string): readonly string[] => {
  try {
    return [...Deno.readDirSync(folder)].filter((e) => e.name.endsWith(".json")).map((e) =>
      `${folder}/${e.name}`
    )
      .toSorted();
  } catch {
    return [];
  }
};

/** Files that describe Vulkan drivers: those that the environment names, else those that are installed. */
const driverFiles = (): readonly string[] => {
  const named = Deno.env.get("VK_DRIVER_FILES") ?? Deno.env.get("VK_ICD_FILENAMES");
  return named === undefined ? PLACES.flatMap(filesIn) : named.split(":").filter((path) => path !== "");
};

/** A module with one function: the body leaves a vector. */
const vectorModule = (...body: readonly number[]): Uint8Array<ArrayBuffer> =>
  // deno-fmt-ignore
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, body.length + 4, 1, body.length + 2, 0,
    ...body, 11);

const splat = (n: number): readonly number[] => [65, n, 253, 15];

const sharesMemory = (): boolean => {
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return memory.buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
};

/** Looks at devices, one after another, and says what to do. */
export const examine = (
  devices: readonly Examined[],
  measure: boolean,
): Effect.Effect<DoctorReport> =>
  Effect.gen(function* () {
    const drivers = driverFiles();
    const findings: Findings = {
      what: "doctor",
      versions: { "chain-of-sight": member.version, Deno: Deno.version.deno, V8: Deno.version.v8 },
      machine: {
        os: Deno.build.os,
        arch: Deno.build.arch,
        cores: navigator.hardwareConcurrency,
        memoryBytes: Deno.systemMemoryInfo().total,
      },
      wasm: {
        // i8x16.popcnt, i8x16.relaxed_swizzle
        simd: WebAssembly.validate(vectorModule(...splat(0), 253, 98)),
        relaxedSimd: WebAssembly.validate(vectorModule(...splat(1), ...splat(2), 253, 128, 2)),
        threads: sharesMemory(),
      },
      drivers,
      devices: yield* Effect.forEach(devices, (device) => examineDevice(device, measure)),
    };
    return {
      ...findings,
      fastest: fastestOf(findings.devices),
      auto: autoOf(findings.devices),
      advice: adviceOf(findings),
    };
  });
