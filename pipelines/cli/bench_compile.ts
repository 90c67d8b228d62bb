/**
 * Times the way from a model to a program on a device, in a new process and again in the same one.
 *
 *     deno task cos bench compile [--preset base] [--tokens 336] [--batch 1] [--device deno|dawn|cpu] [--json]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { compileText, timeCompile } from "../bench/compile.ts";
import { countFlag, countOf, deviceFlag, PRODUCT_VERSION } from "../bench/flags.ts";
import { presetNames } from "../bench/presets.ts";
import { stepDevice } from "../bench/step_device.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const flags = {
  preset: Flag.Literals("preset", presetNames).pipe(
    Flag.withDefault("base" as const),
    Flag.withDescription("the model"),
  ),
  tokens: countFlag("tokens", 336, "number of visual tokens"),
  batch: countFlag("batch", 1, "sequences of a step"),
  device: deviceFlag,
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "compile",
  flags,
  ({ preset, device, json, ...given }) =>
    Effect.gen(function* () {
      const tokens = yield* countOf("tokens", given.tokens), batch = yield* countOf("batch", given.batch);
      const versions = { "chain-of-sight": PRODUCT_VERSION, Deno: Deno.version.deno };
      const timed = timeCompile({ preset, tokens, batch, device }, versions);
      const report = yield* Effect.provide(timed, stepDevice(device));
      print(json ? JSON.stringify(report, null, 2) : compileText(report));
    }),
).pipe(Command.withDescription("Times the way from a model to a program."));
