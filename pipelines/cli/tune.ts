/**
 * Measures schedules for the kernels of a training step on this machine's device, and remembers them.
 *
 *     deno task cos tune --preset small|gpu|full --tokens 32,80,336 [--device deno|dawn]
 *       [--batch N] [--budget SECONDS] [--out FILE] [--json]
 */
import {
  type Device,
  schedulesOf,
  theDevice,
  tune,
  type Tuned,
  type TuningTable,
  withEntries,
} from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { presets, type StepPreset, stepPresets } from "../tune/presets.ts";
import { stepDevice } from "../tune/step_device.ts";
import { stepWork } from "../tune/step_work.ts";
import { atomicWrite } from "../base/disk.ts";
import { identityHere, readTuning, saveTuning } from "../tune/store.ts";
import { print } from "../terminal/output.ts";
import {
  choiceFlag,
  countFlag,
  jsonFlag,
  optionalText,
  presetFlagOf,
  wholeFlag,
  wholesFlag,
} from "./flags.ts";

const flags = {
  preset: presetFlagOf(stepPresets, "model whose training step is tuned").pipe(
    Flag.withDefault("gpu" as StepPreset),
  ),
  tokens: wholesFlag("tokens", "comma-separated numbers of visual tokens").pipe(
    Flag.withDefault([32, 80, 336]),
  ),
  device: choiceFlag("device", ["deno", "dawn"], "deno", "device to run on"),
  batch: Flag.optional(wholeFlag("batch", "batch size in sequences; default: that of the preset")),
  budget: countFlag("budget", 300, "time budget in seconds"),
  out: optionalText("out", "also write all schedules of this device to a file"),
  json: jsonFlag,
};

const line = (form: string, { schedule, ratio, untuned, tried }: Tuned): string =>
  `${(1000 * untuned).toFixed(3).padStart(10)} ms  ${ratio.toFixed(2)}  of ${
    String(tried).padStart(3)
  }  ${form}${ratio < 1 ? `  ${JSON.stringify(schedule)}` : ""}`;

/** The command. */
export const command = Command.make(
  "tune",
  flags,
  ({ preset, tokens, budget, device, json, ...given }) =>
    Effect.gen(function* () {
      const batch = Option.getOrUndefined(given.batch);
      const run = Effect.gen(function* () {
        const { profile } = yield* theDevice(), identity = yield* identityHere(profile);
        let table: TuningTable = yield* readTuning(identity), left = 0;
        if (!json) print(`${profile.name}: untuned time, best over untuned, schedules tried, kernel`);
        for (const [i, count] of tokens.entries()) {
          const { source } = yield* Effect.try({
            try: () => stepWork(presets[preset], count, batch === undefined ? {} : { batch }),
            catch: (e) => e,
          });
          const report = yield* tune(source, {
            budget: budget / tokens.length,
            known: table,
            onTuned: (form, entry) => json || print(line(form, entry)),
          });
          left += report.left;
          table = withEntries(table, report.entries);
          yield* saveTuning(table);
          if (!json && report.left > 0 && i === tokens.length - 1) {
            print(`${left} further forms had no time: run again to go on, or raise --budget`);
          }
        }
        const path = yield* saveTuning(table);
        if (Option.isSome(given.out)) {
          yield* atomicWrite(given.out.value, [
            new TextEncoder().encode(`${JSON.stringify(table, null, 2)}\n`),
          ]);
        }
        const faster = Object.keys(schedulesOf(table)).length;
        const result = { path, forms: Object.keys(table.entries).length, faster, left };
        print(
          json
            ? JSON.stringify({ ...result, table }, null, 2)
            : `${faster} of ${result.forms} forms have a schedule of their own; ${path}`,
        );
      });
      yield* Effect.provide(run as Effect.Effect<void, unknown, Device>, stepDevice(device));
    }),
);
