/**
 * A dry-run GPU of a given profile: programs are compiled, placed and recorded as on a device, but buffers hold
 * nothing and runs are counted. What a device would refuse for its limits is refused here, too.
 */
import * as Effect from "effect/Effect";
import type { DeviceProfile } from "../device_profile.ts";
import type { Plan } from "../plan/plan.ts";
import type { DeviceService } from "./device.ts";
import { Health } from "./health.ts";
import { loadProgram, type Program } from "./program.ts";

/** A program that was put on a dry device. */
export interface DryProgram {
  /** Its plan. */
  readonly plan: Plan;
  /** Bytes of its buffers, without those that it shares. */
  readonly bytes: number;
  /** Dispatches of a run. */
  readonly dispatches: number;
  /** Runs so far. */
  readonly runs: number;
}

/** A dry device and what was put there. */
export interface DryDevice {
  /** The device. Its programs take any value and compute nothing. */
  readonly device: DeviceService;
  /** Programs in the order in which they were loaded. */
  readonly programs: readonly DryProgram[];
}

interface Ledger {
  bindGroups: number;
}

/** The part of a WebGPU device that loading a program needs. */
const emptyGpu = ({ maxBindingBytes, maxBufferBytes }: DeviceProfile, ledger: Ledger): GPUDevice => {
  let fault: string | undefined, report = (_: unknown): void => {};
  const gpu = {
    lost: new Promise<never>(() => {}),
    addEventListener: (_: string, listener: (event: unknown) => void) => void (report = listener),
    pushErrorScope: (): void => {},
    popErrorScope: () => {
      const message = fault;
      fault = undefined;
      return Promise.resolve(message === undefined ? null : { message });
    },
    createBuffer: ({ size }: { readonly size: number }) => {
      if (size > maxBufferBytes) fault ??= `a buffer of ${size} bytes, of at most ${maxBufferBytes}`;
      return { size, destroy: (): void => {} };
    },
    createBindGroupLayout: () => ({}),
    createShaderModule: () => ({}),
    createPipelineLayout: () => ({}),
    createComputePipelineAsync: () => Promise.resolve({}),
    createBindGroup: (
      { entries }: { readonly entries: readonly { readonly resource: GPUBufferBinding }[] },
    ) => {
      ledger.bindGroups++;
      const size = Math.max(...entries.map(({ resource }) => resource.size ?? 0));
      const message = `a binding of ${size} bytes, of at most ${maxBindingBytes}`;
      if (size > maxBindingBytes) report({ preventDefault: () => {}, error: { message } });
      return {};
    },
    queue: { writeBuffer: (): void => {}, submit: (): void => {} },
  };
  return gpu as unknown as GPUDevice;
};

/** Opens a dry device. */
export const dryDevice = (profile: DeviceProfile): DryDevice => {
  const ledger: Ledger = { bindGroups: 0 }, gpu = emptyGpu(profile, ledger), health = new Health(gpu);
  const programs: { -readonly [K in keyof DryProgram]: DryProgram[K] }[] = [];
  const loaded = new Map<Program, Program>(), pipelines = new Map();
  const load: DeviceService["load"] = (plan, alongside = []) =>
    Effect.gen(function* () {
      const before = ledger.bindGroups, around = alongside.map((program) => loaded.get(program)!);
      const program = yield* loadProgram(gpu, plan, profile, pipelines, health, around);
      const { bytes } = program, entry = { plan, bytes, dispatches: ledger.bindGroups - before, runs: 0 };
      programs.push(entry);
      const dry: Program = {
        ...program,
        write: () => Effect.void,
        exchange: () => Effect.void,
        run: Effect.sync(() => void entry.runs++),
      };
      loaded.set(dry, program);
      return dry;
    });
  return { device: { profile, load }, programs };
};
