/**
 * Measures everything that is asked of a GPU, on Deno's own WebGPU and on Dawn's, alongside the bars and what others reach.
 *
 *     deno task bench gpu [--device deno|dawn|both] [--tune SECONDS] [--no-steps] [--json]
 *
 * On a software device sizes are small and no bar is judged.
 */
import { type Device, theDevice, webGpu } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { measureGpu } from "./gpu.ts";
import type { GpuProvider } from "./gpu_bars.ts";
import { type GpuLine, type GpuRun, gpuText } from "./gpu_report.ts";
import { stepDevice } from "../pipelines/tune/step_device.ts";
import { identityHere, readShipped, readTuning, saveTuning } from "../pipelines/tune/store.ts";
import { notice } from "../pipelines/terminal/output.ts";
import { choiceFlag, intFlag, jsonFlag, printResult, versions } from "../pipelines/cli/flags.ts";

const flags = {
  device: choiceFlag("device", ["both", "deno", "dawn"], "both", "what computes"),
  tune: intFlag("tune", 20, "seconds of tuning before each measurement on a GPU; 0 for none"),
  steps: Flag.Boolean("steps").pipe(Flag.withDefault(true), Flag.withDescription("time whole steps too")),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make("gpu", flags, ({ device, tune, steps, json }) =>
  Effect.gen(function* () {
    const devices: Record<string, string> = {}, lines: GpuLine[] = [];
    let software = false;
    const providers: readonly GpuProvider[] = device === "both" ? ["deno", "dawn"] : [device];
    const opened = providers.flatMap((provider) => [
      { provider, halfSums: false, layer: stepDevice(provider) },
      ...(provider === "deno" ? [{ provider, halfSums: true, layer: webGpu({ halfSums: true }) }] : []),
    ]);
    for (const { provider, halfSums, layer } of opened) {
      const run = Effect.gen(function* () {
        const { profile } = yield* theDevice(), identity = yield* identityHere(profile);
        devices[provider] = profile.name;
        software ||= profile.software;
        const measured = yield* readTuning(identity), shipped = yield* readShipped(identity);
        const known = {
          identity,
          entries: Object.assign({}, ...[...shipped, measured].map((t) => t.entries)),
        };
        if (!json && !halfSums) notice(`${provider}: ${profile.name}`);
        const tuning = profile.software ? 0 : tune;
        const found = yield* measureGpu({
          provider,
          halfSums,
          tuning,
          known,
          steps,
          onLine: ({ what, value, unit, note }) =>
            json ||
            notice(`  ${what}: ${value === undefined ? note : `${value.toPrecision(4)} ${unit}`}`),
        });
        lines.push(...found.lines);
        if (tuning > 0) yield* saveTuning(found.known);
      });
      // a provider that this machine lacks is a line of the report
      yield* Effect.catch(
        Effect.provide(run as Effect.Effect<void, unknown, Device>, layer),
        (e) =>
          Effect.sync(() => {
            const note = (e instanceof Error ? e.message : String(e)).split("\n")[0]!;
            lines.push({ what: "device", provider, unit: "", others: "", note });
          }),
      );
    }
    const run: GpuRun = {
      what: "gpu",
      devices,
      software,
      versions: versions,
      lines,
    };
    printResult(json, run, gpuText);
  })).pipe(Command.withDescription("Measures everything that is asked of a GPU."));
