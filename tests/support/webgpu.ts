/** The WebGPU device for tests. A missing adapter is a failure, never a skip. */
import { Effect, Exit, Scope } from "effect";
import * as Layer from "effect/Layer";
import * as Context from "effect/Context";
import { type CompileOptions, type Device, evaluate, theDevice, webGpu } from "@chain-of-sight/kernels";
import type { MakeStepper } from "../trajectory/suite.ts";
import type { Evaluate } from "./evaluate.ts";
import { stepOn } from "./stepper.ts";

const scope = Scope.makeUnsafe();

/** The services of the one device that this process opens. */
export const services: Promise<Context.Context<Device>> = Effect.runPromise(
  Layer.buildWithScope(webGpu(), scope),
);

/** Closes the device; the process can then end. */
export const closeDevice = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void));

/** An evaluator on WebGPU. */
export const onWebGpu = (options: CompileOptions = {}): Evaluate => async (roots, bindings) =>
  await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), await services));

/** A stepper on WebGPU. */
export const stepOnWebGpu = (options: CompileOptions = {}): MakeStepper =>
  stepOn(services.then((context) => Context.get(context, theDevice())), scope, options);
