/**
 * Times a whole Chain-of-Sight training step, the same work as the PyTorch yardstick.
 *
 *     deno task cos bench step --preset research|base --tokens 32,80,336 [--precision f32|mixed]
 *       [--device deno|dawn|cpu] [--unchecked] [--half-sums] [--batch N] [--remat] [--steps N] [--windows N] [--untuned]
 *       [--profile] [--svg FILE] [--json]
 */
import { theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { countFlag, countOf, countsOf, deviceFlag, PRODUCT_VERSION } from "../bench/flags.ts";
import { presetNames } from "../bench/presets.ts";
import { timeStep } from "../bench/step.ts";
import { stepDevice } from "../bench/step_device.ts";
import { profileStep, type StepProfile, stepProfileText } from "../bench/step_profile.ts";
import { type StepReport, type StepRun, stepText } from "../bench/step_report.ts";
import { precisions } from "../train/precision.ts";
import { profileChart } from "../figures/profile_chart.ts";
import { atomicWrite } from "../base/disk.ts";
import { tuned } from "../tune/store.ts";
import { print } from "../terminal/output.ts";
import { halfSumsFlag, jsonFlag } from "./flags.ts";

const flags = {
  preset: Flag.Literals("preset", presetNames).pipe(
    Flag.withDefault("research" as const),
    Flag.withDescription("the model"),
  ),
  tokens: Flag.String("tokens").pipe(
    Flag.withDefault("32,80,336"),
    Flag.withDescription("numbers of visual tokens, with commas between"),
  ),
  precision: Flag.Literals("precision", precisions).pipe(
    Flag.withDefault("f32" as const),
    Flag.withDescription("element types of the step"),
  ),
  device: deviceFlag,
  unchecked: Flag.Boolean("unchecked").pipe(
    Flag.withDefault(false),
    Flag.withDescription("leave out the bounds checks of dawn, if every access is proved in range"),
  ),
  halfSums: halfSumsFlag,
  batch: Flag.optional(Flag.Int("batch")).pipe(
    Flag.withDescription("sequences of a step; the preset's by default"),
  ),
  remat: Flag.Boolean("remat").pipe(
    Flag.withDefault(false),
    Flag.withDescription("compute decoder blocks again in the backward pass"),
  ),
  steps: Flag.optional(Flag.Int("steps")).pipe(
    Flag.withDescription("steps between two waits; as many as take a second by default"),
  ),
  windows: countFlag("windows", 7, "windows of that many steps"),
  untuned: Flag.Boolean("untuned").pipe(
    Flag.withDefault(false),
    Flag.withDescription("leave out the schedules that deno task cos tune found"),
  ),
  profile: Flag.Boolean("profile").pipe(
    Flag.withDefault(false),
    Flag.withDescription("also time every kernel, against what the device was measured to reach"),
  ),
  svg: Flag.optional(Flag.String("svg")).pipe(
    Flag.withDescription("write the last profile as a picture to a file; means --profile"),
  ),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "step",
  flags,
  ({ preset, precision, device, remat, json, ...given }) =>
    Effect.gen(function* () {
      const tokens = yield* countsOf("tokens", given.tokens);
      const windows = yield* countOf("windows", given.windows);
      const batch = Option.isSome(given.batch) ? yield* countOf("batch", given.batch.value) : undefined;
      const steps = Option.isSome(given.steps) ? yield* countOf("steps", given.steps.value) : undefined;
      const plain = stepDevice(device, given),
        layer = given.untuned ? plain : tuned(plain);
      const profiled = given.profile || Option.isSome(given.svg);
      const run = Effect.gen(function* () {
        const { profile } = yield* theDevice(), results: StepReport[] = [], profiles: StepProfile[] = [];
        for (const count of tokens) {
          const options = {
            preset,
            tokens: count,
            precision,
            device,
            remat,
            windows,
            ...(batch === undefined ? {} : { batch }),
            ...(steps === undefined ? {} : { steps }),
          };
          results.push(yield* timeStep(options));
          if (profiled) profiles.push(yield* profileStep(options));
        }
        const run = {
          what: "step",
          device,
          deviceName: profile.name,
          versions: { "chain-of-sight": PRODUCT_VERSION, Deno: Deno.version.deno },
          results,
        } satisfies StepRun;
        return { run, profiles };
      });
      const { run: result, profiles } = yield* Effect.provide(run, layer);
      const drawn = profiles.at(-1);
      if (Option.isSome(given.svg) && drawn !== undefined) {
        const { svg } = profileChart({ ...drawn, title: `${drawn.title}: ${result.deviceName}` });
        yield* atomicWrite(given.svg.value, [new TextEncoder().encode(svg)]);
      }
      print(
        json
          ? JSON.stringify(profiled ? { ...result, profiles } : result, null, 2)
          : [stepText(result), ...profiles.map(stepProfileText)].join("\n\n"),
      );
    }),
).pipe(Command.withDescription("Times a whole Chain-of-Sight training step."));
