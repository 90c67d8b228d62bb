/** One-off evaluation of descriptions on a device: compile, upload, run, download. For tests and notebooks. */
import * as Effect from "effect/Effect";
import {
  type Bindings,
  is,
  type NdArray,
  type Tensor,
  topological,
  type TreeError,
} from "@chain-of-sight/core";
import type { CompileOptions } from "../plan/plan.ts";
import { compileFor, type Device, theDevice } from "./device.ts";
import type { DeviceError } from "./errors.ts";

/** Values of the roots. */
export const evaluate = (
  roots: readonly Tensor[],
  bindings: Bindings = {},
  options: CompileOptions = {},
): Effect.Effect<readonly NdArray[], DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* theDevice();
    const outputs = Object.fromEntries(roots.map((t, i) => [`root ${i}`, t]));
    const program = yield* device.load(compileFor(device, { outputs }, options));
    const read = new Set(
      topological(roots).filter((t) => is("input", t)).map((t) => (t as Tensor<"input">).attributes.path),
    );
    yield* program.write(Object.fromEntries(Object.entries(bindings).filter(([path]) => read.has(path))));
    yield* program.run;
    const values = yield* program.read(Object.keys(outputs));
    return roots.map((_, i) => values[`root ${i}`]!);
  }));
