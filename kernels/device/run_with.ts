/** Evaluates descriptions in one call, on devices that are opened by name and stay open. */
import type { Bindings, NdArray, Tensor } from "@chain-of-sight/core";
import type * as Layer from "effect/Layer";
import * as ManagedRuntime from "effect/ManagedRuntime";
import type { Device } from "./device.ts";
import type { DeviceError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";

/** Computes one description, or several as one program; `Name` is what devices are called. */
export interface Run<Name> {
  /** The value of a description; rejects with a DeviceError, or with a TreeError for bindings that do not fit. */
  (root: Tensor, bindings?: Bindings, device?: Name): Promise<NdArray>;
  /** The values of several descriptions, computed as one program. */
  (roots: readonly Tensor[], bindings?: Bindings, device?: Name): Promise<readonly NdArray[]>;
}

/** {@link Run} over devices that `open` gives, each opened at its first use. */
export const runWith = <Name>(
  open: (name: Name) => Layer.Layer<Device, DeviceError>,
  usual: NoInfer<Name>,
): Run<Name> => {
  const opened = new Map<Name, ManagedRuntime.ManagedRuntime<Device, DeviceError>>();
  const runtimeOf = (name: Name): ManagedRuntime.ManagedRuntime<Device, DeviceError> => {
    const runtime = opened.get(name) ?? ManagedRuntime.make(open(name));
    opened.set(name, runtime);
    return runtime;
  };
  function run(root: Tensor, bindings?: Bindings, device?: Name): Promise<NdArray>;
  function run(roots: readonly Tensor[], bindings?: Bindings, device?: Name): Promise<readonly NdArray[]>;
  async function run(
    roots: Tensor | readonly Tensor[],
    bindings: Bindings = {},
    device: Name = usual,
  ): Promise<NdArray | readonly NdArray[]> {
    const several = "op" in roots ? [roots] : roots;
    const values = await runtimeOf(device).runPromise(evaluate(several, bindings));
    return "op" in roots ? values[0]! : values;
  }
  return run;
};
