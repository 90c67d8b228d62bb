/** Evaluates descriptions in one call in Deno: for scripts and notebooks. */
import { type DeviceName, deviceNamed } from "./choice.ts";
import { type Run, runWith } from "./run_with.ts";

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
export const run: Run<DeviceName> = runWith(deviceNamed, "auto");
