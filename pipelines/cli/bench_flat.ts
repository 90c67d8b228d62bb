/**
 * Shows that memory stays flat over many training steps on a device.
 *
 *     deno task cos bench flat [--device deno|dawn|cpu] [--steps 10000] [--samples 20] [--json]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import { countFlag, countOf, deviceFlag } from "../bench/flags.ts";
import { flatText, runFlat } from "../bench/flat.ts";
import { stepDevice } from "../bench/step_device.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const flags = {
  device: deviceFlag,
  steps: countFlag("steps", 10000, "steps in all"),
  samples: countFlag("samples", 20, "how often memory is looked at"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "flat",
  flags,
  ({ device, json, ...given }) =>
    Effect.gen(function* () {
      const steps = yield* countOf("steps", given.steps), samples = yield* countOf("samples", given.samples);
      const report = yield* Effect.provide(runFlat(steps, samples), stepDevice(device));
      print(json ? JSON.stringify(report, null, 2) : flatText(report));
    }),
).pipe(Command.withDescription("Shows that memory stays flat over many training steps."));
