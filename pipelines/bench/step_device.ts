/** Devices and precisions of the timed step, by name: where another of either is plugged in. */
import {
  compile,
  cpu,
  type Device,
  type DeviceError,
  type DeviceProfile,
  dispatchesOf,
  type Plan,
  renderModule,
  type Source,
  webGpu,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { BenchError } from "./fault.ts";

/** Who computes: Deno's own WebGPU, Dawn's, or the CPU. */
export type StepDevice = "deno" | "dawn" | "cpu";

/** Every device name. */
export const stepDevices: readonly StepDevice[] = ["deno", "dawn", "cpu"];

/** Element types of the step: all of it f32, or products in half precision with f32 parameters. */
export type Precision = "f32" | "mixed";

/** Every precision. */
export const precisions: readonly Precision[] = ["f32", "mixed"];

const lacking = (got: string, expected: readonly string[]): BenchError =>
  new BenchError({
    op: "bench:step",
    got,
    expected: expected.join(" or "),
    mend: "this build does not have it yet: choose one that it has",
  });

type Open = () => Layer.Layer<Device, DeviceError>;

const opens: { readonly [name in StepDevice]?: Open } = { deno: webGpu, cpu };

type Compile = (source: Source, profile: DeviceProfile) => Plan;

const compilers: { readonly [name in Precision]?: Compile } = { f32: compile };

/** The device of a name. Fails with BenchError for one that this build does not have. */
export const stepDevice = (
  name: StepDevice,
): Effect.Effect<Layer.Layer<Device, DeviceError>, BenchError> => {
  const open = opens[name];
  return open === undefined
    ? Effect.fail(lacking(`--device ${name}`, Object.keys(opens)))
    : Effect.succeed(open());
};

/** The compiler of a precision. Fails with BenchError for one that this build does not have. */
export const stepCompiler = (precision: Precision): Effect.Effect<Compile, BenchError> => {
  const found = compilers[precision];
  return found === undefined
    ? Effect.fail(lacking(`--precision ${precision}`, Object.keys(compilers)))
    : Effect.succeed(found);
};

/** Dispatches of one run: kernels and their parts, and copies. */
export const dispatchCount = (plan: Plan, profile: DeviceProfile, device: StepDevice): number =>
  plan.memory.copies.length +
  (device === "cpu"
    ? renderModule(plan, { relaxed: true }).phases.length
    : dispatchesOf(plan, profile).length);
