/**
 * Trains a small model in f32 and in mixed precision with the same seeds, and says whether the difference is within
 * the noise of seeds; then forces an overflow.
 *
 *     deno task bench mixed [--device deno|dawn] [--steps 1000] [--seeds 1,2,3] [--batch 4] [--json]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { BenchError } from "../pipelines/tune/bench_fault.ts";
import { compareMixed } from "./mixed.ts";
import { mixedText } from "./mixed_report.ts";
import { stepDevice } from "../pipelines/tune/step_device.ts";
import { onDisk } from "../pipelines/base/disk.ts";
import { benchDeviceFlag, countFlag, jsonFlag, printResult, wholesFlag } from "../pipelines/cli/flags.ts";

const flags = {
  device: benchDeviceFlag,
  steps: countFlag("steps", 1000, "optimiser steps of each training"),
  seeds: wholesFlag("seeds", "two seeds or more, with commas between").pipe(Flag.withDefault([1, 2, 3])),
  batch: countFlag("batch", 4, "rows of a step"),
  scenes: countFlag("scenes", 256, "scenes that are learned from"),
  window: countFlag("window", 100, "steps whose mean losses are compared"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "mixed",
  flags,
  ({ device, json, ...given }) =>
    Effect.scoped(Effect.gen(function* () {
      const { seeds } = given;
      if (seeds.length < 2) {
        yield* Effect.fail(
          new BenchError({
            op: "--seeds",
            got: seeds.join(","),
            expected: "two seeds or more: their spread is what differences are compared with",
            hint: "give three",
          }),
        );
      }
      const folder = yield* Effect.acquireRelease(
        onDisk("make a folder in", "the system's temporary folder", () =>
          Deno.makeTempDir({ prefix: "mixed-" })),
        (path) =>
          Effect.promise(() =>
            Deno.remove(path, { recursive: true })
          ),
      );
      const caches = { scenes: "cache/scenes", features: "cache/features" };
      const report = yield* Effect.provide(
        compareMixed({ ...given, caches, folder }),
        stepDevice(device),
      );
      printResult(json, report, mixedText);
    })),
).pipe(
  Command.withDescription("Trains in f32 and in mixed precision, and compares with the noise of seeds."),
);
