/**
 * Times a whole Chain-of-Sight training step, the same work as the PyTorch reference.
 *
 *     deno task bench step --preset gpu|full --tokens 32,80,336 [--precision f32|mixed]
 *       [--device deno|dawn|cpu] [--half-sums] [--batch N] [--remat] [--steps N] [--windows N] [--untuned]
 *       [--profile] [--svg FILE] [--json]
 */
import { theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { type StepPreset, stepPresets } from "../pipelines/tune/presets.ts";
import { timeStep } from "./step.ts";
import { stepDevice } from "../pipelines/tune/step_device.ts";
import { profileStep, type StepProfile, stepProfileText } from "./step_profile.ts";
import { type StepReport, type StepRun, stepText } from "./step_report.ts";
import { precisions } from "../pipelines/train/precision.ts";
import { profileChart } from "../pipelines/figures/profile_chart.ts";
import { atomicWrite } from "../pipelines/base/disk.ts";
import { tuned } from "../pipelines/tune/store.ts";
import { print } from "../pipelines/terminal/output.ts";
import {
  benchDeviceFlag,
  choiceFlag,
  countFlag,
  halfSumsFlag,
  jsonFlag,
  optionalText,
  presetFlagOf,
  switchFlag,
  versions,
  wholeFlag,
  wholesFlag,
} from "../pipelines/cli/flags.ts";

const flags = {
  preset: presetFlagOf(stepPresets, "the model").pipe(Flag.withDefault("gpu" as StepPreset)),
  tokens: wholesFlag("tokens", "comma-separated numbers of visual tokens").pipe(
    Flag.withDefault([32, 80, 336]),
  ),
  precision: choiceFlag("precision", precisions, "f32", "element types of the step"),
  device: benchDeviceFlag,
  halfSums: halfSumsFlag,
  batch: Flag.optional(wholeFlag("batch", "batch size in sequences; default: that of the preset")),
  remat: switchFlag("remat", "recompute decoder blocks in the backward pass"),
  steps: Flag.optional(wholeFlag("steps", "steps between two waits; as many as take a second by default")),
  windows: countFlag("windows", 7, "windows of that many steps"),
  untuned: switchFlag("untuned", "leave out the schedules that deno task cos tune found"),
  profile: switchFlag("profile", "also time every kernel, against what the device was measured to reach"),
  svg: optionalText("svg", "write the last profile as an image to a file; means --profile"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "step",
  flags,
  ({ preset, tokens, windows, precision, device, remat, json, ...given }) =>
    Effect.gen(function* () {
      const batch = Option.getOrUndefined(given.batch);
      const steps = Option.getOrUndefined(given.steps);
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
          versions,
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
