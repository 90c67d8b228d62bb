/**
 * Dawn on SwiftShader for tests. Where `SWIFTSHADER_ICD` names the driver's file, it must be there and work; without
 * it, Debian's place is tried, and tests that need the driver are left out where that is empty.
 */
import {
  type CompileOptions,
  dawn,
  type DawnOptions,
  dawnProvider,
  type Device,
  type DeviceProfile,
  evaluate,
  type Opened,
  openGpu,
  theDevice,
} from "@chain-of-sight/kernels";
import process from "node:process";
import { Effect, Scope } from "effect";
import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type { MakeStepper } from "../trajectory/suite.ts";
import type { Evaluate } from "./evaluate.ts";
import { stepOn } from "./stepper.ts";

const DEBIAN = "/usr/lib/chromium/vk_swiftshader_icd.json";

const exists = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

const asked = Deno.env.get("SWIFTSHADER_ICD");

/** The driver's file, if tests shall run on it. */
export const swiftShader: string | undefined = asked ?? (exists(DEBIAN) ? DEBIAN : undefined);

const scope = Scope.makeUnsafe(), opened = new Map<string, Promise<Context.Context<Device>>>();

let checker: Opened | undefined;

/** The services of a device of Dawn of which the compiler is informed something else than is true; opened once. */
export const dawnServices = (
  as: Partial<DeviceProfile> = {},
  options: DawnOptions = {},
): Promise<Context.Context<Device>> => {
  // the Vulkan loader looks at it whenever someone begins with it, as Dawn does here
  if (swiftShader !== undefined) Deno.env.set("VK_DRIVER_FILES", swiftShader);
  const key = JSON.stringify([as, options]);
  const found = opened.get(key) ?? Effect.runPromise(Layer.buildWithScope(dawn(as, options), scope));
  opened.set(key, found);
  return found;
};

/** What Dawn's compiler says against a text; nothing for one that it takes. No limit of a device plays a part. */
export const complaintsOf = async (code: string): Promise<readonly string[]> => {
  checker ??= await Effect.runPromise(Effect.flatMap(dawnProvider({ backend: "null" }), openGpu));
  const { device } = checker;
  device.pushErrorScope("validation");
  const info = await device.createShaderModule({ code }).getCompilationInfo();
  await device.popErrorScope();
  return info.messages.filter((m) => m.type === "error").map((m) => `line ${m.lineNum}: ${m.message}`);
};

/** An evaluator on Dawn. */
export const onDawn =
  (options: CompileOptions = {}, as: Partial<DeviceProfile> = {}): Evaluate => async (roots, bindings) =>
    await Effect.runPromise(Effect.provide(evaluate(roots, bindings, options), await dawnServices(as)));

/** A stepper on Dawn. */
export const stepOnDawn = (options: CompileOptions = {}): MakeStepper =>
  stepOn(dawnServices().then((context) => Context.get(context, theDevice())), scope, options);

/** Ends the process with its tests: Dawn's threads would keep it alive. */
export const endWithTests = (): void => {
  setInterval(() => process.exitCode !== undefined && Deno.exit(Number(process.exitCode)), 50);
};
