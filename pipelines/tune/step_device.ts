/** Devices of the timed step, by name: where another is plugged in. */
import {
  type Device,
  type DeviceError,
  deviceNamed,
  type DeviceProfile,
  dispatchesOf,
  type NamedDeviceOptions,
  type Plan,
  renderModule,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { Precision } from "../train/precision.ts";
import { BenchError } from "./bench_fault.ts";

/** Who computes: Deno's own WebGPU, Dawn's, or the CPU. */
export type StepDevice = "deno" | "dawn" | "cpu";

/** Every device name. */
export const stepDevices: readonly StepDevice[] = ["deno", "dawn", "cpu"];

/**
 * The device of a name. `halfSums` adds up large products of f16 in f16 within 16 steps.
 */
export const stepDevice = (
  name: StepDevice,
  { halfSums = false }: Pick<NamedDeviceOptions, "halfSums"> = {},
): Layer.Layer<Device, DeviceError> => deviceNamed(name === "deno" ? "webgpu" : name, { halfSums });

/** Fails with BenchError where a device cannot do a precision. */
export const canStep = (
  precision: Precision,
  { f16, name }: DeviceProfile,
): Effect.Effect<void, BenchError> =>
  precision === "f32" || f16 ? Effect.void : Effect.fail(
    new BenchError({
      op: "bench:step",
      got: `--precision ${precision} on ${name}`,
      expected: "a GPU with 16-bit floating point (shader-f16)",
      hint: "time f32, or choose another device",
    }),
  );

/** Dispatches of one run: kernels and their parts, and copies. */
export const dispatchCount = (plan: Plan, profile: DeviceProfile, device: StepDevice): number =>
  plan.memory.copies.length +
  (device === "cpu"
    ? renderModule(plan, { relaxed: true }).phases.length
    : dispatchesOf(plan, profile).length);
