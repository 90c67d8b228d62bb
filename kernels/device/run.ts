/** Values of descriptions in one call: for scripts, notebooks and a first look. */
import type { Bindings, NdArray, Tensor } from "@chain-of-sight/core";
import * as ManagedRuntime from "effect/ManagedRuntime";
import { type DeviceName, deviceNamed } from "./choice.ts";
import type { Device } from "./device.ts";
import type { DeviceError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";

const opened = new Map<DeviceName, ManagedRuntime.ManagedRuntime<Device, DeviceError>>();

const runtimeOf = (name: DeviceName): ManagedRuntime.ManagedRuntime<Device, DeviceError> => {
  const runtime = opened.get(name) ?? ManagedRuntime.make(deviceNamed(name));
  opened.set(name, runtime);
  return runtime;
};

/**
 * The value of a description. The device is opened at the first call and stays open until the process ends; equal
 * descriptions are compiled once.
 *
 * ```ts
 * import { core, kernels } from "@chain-of-sight/chain-of-sight";
 *
 * const x = core.input("x", [2, 3]);
 * const { data } = await kernels.run(core.softmax(-1)(x), { x: core.f32([2, 3], [1, 2, 3, 3, 2, 1]) }, "cpu");
 * if (Math.abs(data[0]! - 0.0900306) > 1e-6) throw new Error("the softmax of 1, 2, 3");
 * ```
 *
 * @param root - what to compute.
 * @param bindings - arrays for its inputs, by path.
 * @param device - what computes; a GPU where there is one and the CPU otherwise, by default.
 * @returns its value; rejects with a DeviceError, or with a TreeError for bindings that do not fit the inputs.
 */
export function run(root: Tensor, bindings?: Bindings, device?: DeviceName): Promise<NdArray>;
/** The values of several descriptions, computed as one program. */
export function run(
  roots: readonly Tensor[],
  bindings?: Bindings,
  device?: DeviceName,
): Promise<readonly NdArray[]>;
export async function run(
  roots: Tensor | readonly Tensor[],
  bindings: Bindings = {},
  device: DeviceName = "auto",
): Promise<NdArray | readonly NdArray[]> {
  const several = "op" in roots ? [roots] : roots;
  const values = await runtimeOf(device).runPromise(evaluate(several, bindings));
  return "op" in roots ? values[0]! : values;
}
