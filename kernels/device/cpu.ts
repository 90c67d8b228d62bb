/** The CPU as a device: WebAssembly on worker threads over one shared memory. Works on any machine. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { noCapabilities } from "../capabilities.ts";
import type { DeviceProfile } from "../device_profile.ts";
import type { OpenAssembler } from "./assembler.ts";
import { Arena } from "./cpu_memory.ts";
import { Pool } from "./cpu_pool.ts";
import { type Cpu, loadCpuProgram, turns } from "./cpu_program.ts";
import { type Device, theDevice } from "./device.ts";
import { DeviceError } from "./errors.ts";
import type { SpawnThread } from "./threads.ts";

/** Settings of the CPU device. */
export interface CpuOptions {
  /** Worker threads; as many as the machine has cores by default. Results do not depend on it. */
  readonly threads?: number;
  /**
   * Multiply and add in one rounding where the machine can; true by default. Without it, machines that can and
   * machines that cannot give the same bits.
   */
  readonly fused?: boolean;
}

/** The profile of the CPU. */
export const cpuProfile: DeviceProfile = {
  ...noCapabilities,
  provider: "cpu",
  // not the number of threads: results do not depend on it
  name: "CPU, WebAssembly SIMD",
  software: true,
  maxBindings: 64,
  maxBindingBytes: 2 ** 32,
  maxBufferBytes: 2 ** 32,
  // the bytes of what is in 4 GiB are counted in words of 32 bits
  maxPositions: 2 ** 30,
  bindingAlignment: 4,
  maxInvocations: 1024,
  workgroupBytes: 32768,
  attention: true,
  minQueries: 6,
  attentionUnits: 8,
  maxWorkgroups: 65535,
  maxSumLength: Infinity,
  maxIterations: Infinity,
};

/** Requirements of the CPU device on the runtime that it is in. */
export interface CpuRuntime {
  /** Starts a thread. */
  readonly spawn: SpawnThread;
  /** Opens an assembler. */
  readonly assembler: OpenAssembler;
}

const open = (
  { spawn, assembler: opening }: CpuRuntime,
  threads: number,
  fused: boolean,
): Effect.Effect<Cpu, DeviceError> =>
  Effect.gen(function* () {
    const assembler = yield* opening;
    return yield* Effect.try({
      try: () => {
        const arena = new Arena();
        let id = 0;
        return {
          arena,
          pool: new Pool(arena.memory, threads, spawn),
          assembler: fused ? assembler : { ...assembler, dialect: { relaxed: false } },
          inTurn: turns(),
          nextId: () => id++,
        };
      },
      catch: (e) =>
        new DeviceError({
          fault: "refused",
          got: String(e),
          hint: "the CPU device needs worker threads, shared memory and WebAssembly SIMD",
        }),
    });
  });

/** Opens the CPU of a runtime with some settings for the length of a scope; `as` overrides its profile. */
export const cpuOn = (
  runtime: CpuRuntime,
  options: CpuOptions = {},
): Layer.Layer<Device, DeviceError> => {
  const threads = Math.max(1, Math.floor(options.threads ?? globalThis.navigator?.hardwareConcurrency ?? 1));
  return Layer.effect(
    theDevice(),
    Effect.acquireRelease(
      open(runtime, threads, options.fused ?? true),
      (opened) => Effect.promise(() => opened.pool.close()),
    ).pipe(
      Effect.map((opened) => ({
        profile: cpuProfile,
        load: (plan, alongside) => loadCpuProgram(opened, plan, alongside),
      })),
    ),
  );
};
