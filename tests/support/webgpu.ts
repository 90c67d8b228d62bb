/** The WebGPU device for tests. A missing adapter is a failure, never a skip. */
import { Effect, Exit, Scope } from "effect";
import * as Layer from "effect/Layer";
import * as Context from "effect/Context";
import {
  type CompileOptions,
  type Device,
  type DeviceProfile,
  evaluate,
  theDevice,
  webGpu,
} from "@chain-of-sight/kernels";
import type { MakeStepper } from "../trajectory/suite.ts";
import type { Evaluate } from "./evaluate.ts";
import { stepOn } from "./stepper.ts";

const scope = Scope.makeUnsafe();

const opened = new Map<string, Promise<Context.Context<Device>>>();

/** The services of a device of which the compiler is informed something else than is true; opened once. */
export const servicesAs = (as: Partial<DeviceProfile>): Promise<Context.Context<Device>> => {
  const key = JSON.stringify(as);
  const found = opened.get(key) ?? Effect.runPromise(Layer.buildWithScope(webGpu(as), scope));
  opened.set(key, found);
  return found;
};

/** The services of the device as it is. */
export const services: Promise<Context.Context<Device>> = servicesAs({});

/** Closes the device; the process can then end. */
export const closeDevice = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void));

/** An evaluator on WebGPU. */
export const onWebGpu =
  (options: CompileOptions = {}, as: Partial<DeviceProfile> = {}): Evaluate => async (roots, bindings) =>
    await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), await servicesAs(as)));

/** A stepper on WebGPU. */
export const stepOnWebGpu = (
  options: CompileOptions = {},
  as: Partial<DeviceProfile> = {},
): MakeStepper => stepOn(servicesAs(as).then((context) => Context.get(context, theDevice())), scope, options);
