/** The CPU device for tests. */
import { Effect, Exit, Scope } from "effect";
import * as Layer from "effect/Layer";
import * as Context from "effect/Context";
import { type CompileOptions, cpu, type Device, evaluate, theDevice } from "@chain-of-sight/kernels";
import type { MakeStepper } from "../trajectory/suite.ts";
import type { Evaluate } from "./evaluate.ts";
import { stepOn } from "./stepper.ts";

const scope = Scope.makeUnsafe();
const opened = new Map<number, Promise<Context.Context<Device>>>();

/** The services of the CPU with some threads; each number is opened once in a process. */
export const cpuServices = (threads = 2): Promise<Context.Context<Device>> => {
  const known = opened.get(threads) ?? Effect.runPromise(Layer.buildWithScope(cpu({ threads }), scope));
  opened.set(threads, known);
  return known;
};

/** Closes the devices. */
export const closeCpu = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void));

/** An evaluator on the CPU. */
export const onCpu = (options: CompileOptions = {}, threads = 2): Evaluate => async (roots, bindings) =>
  await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), await cpuServices(threads)));

/** A stepper on the CPU. */
export const stepOnCpu = (options: CompileOptions = {}, threads = 2): MakeStepper =>
  stepOn(cpuServices(threads).then((context) => Context.get(context, theDevice())), scope, options);
