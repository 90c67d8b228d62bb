/**
 * Times the steps of a decoder with a cache against the time to read its weights once.
 *
 *     deno task cos bench decode [--preset research] [--device deno|dawn|cpu] [--rows 1] [--prefix 144] [--tokens 64]
 *       [--rounds N] [--json]
 */
import { theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { decodeText, timeDecode } from "../bench/decode.ts";
import { countFlag, countOf, deviceFlag, PRODUCT_VERSION } from "../bench/flags.ts";
import { presetNames } from "../bench/presets.ts";
import { stepDevice } from "../bench/step_device.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const flags = {
  preset: Flag.Literals("preset", presetNames).pipe(
    Flag.withDefault("research" as const),
    Flag.withDescription("the model"),
  ),
  device: deviceFlag,
  rows: countFlag("rows", 1, "texts that are written at once"),
  prefix: countFlag("prefix", 144, "tokens before, visual ones included"),
  tokens: countFlag("tokens", 64, "tokens that there is room for"),
  rounds: countFlag("rounds", 9, "rounds, each of which times everything once"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "decode",
  flags,
  ({ device, json, preset, ...given }) =>
    Effect.gen(function* () {
      const bench = {
        preset,
        rows: yield* countOf("rows", given.rows),
        prefix: yield* countOf("prefix", given.prefix),
        tokens: yield* countOf("tokens", given.tokens),
        rounds: yield* countOf("rounds", given.rounds),
      };
      const run = Effect.gen(function* () {
        const { profile } = yield* theDevice();
        return { deviceName: profile.name, report: yield* timeDecode(bench) };
      });
      const { deviceName, report } = yield* Effect.provide(run, stepDevice(device));
      const versions = { "chain-of-sight": PRODUCT_VERSION, Deno: Deno.version.deno };
      if (json) {
        print(JSON.stringify({ what: "decode", device, deviceName, versions, ...report }, null, 2));
      } else print(`${deviceName}\n${decodeText(report)}`);
    }),
).pipe(Command.withDescription("Times the steps of a decoder against the time to read its weights once."));
