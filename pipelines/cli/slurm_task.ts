/**
 * The program of a batch job that `ablate --slurm` submits.
 *
 *     deno run -A pipelines/cli/slurm_task.ts <device> <file of a task, or the task as JSON>
 */
import type { DeviceName } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { doSlurmTask, slurmTaskCodec } from "../ablations/slurm_task.ts";
import { decode, fromEither, parseJson } from "../base/bridge.ts";
import { readJson } from "../runs/run_directory.ts";
import { runCommand } from "./main.ts";

if (import.meta.main) {
  const [device, given] = Deno.args as [DeviceName, string];
  const task = given.startsWith("{")
    ? Effect.flatMap(fromEither(parseJson("task")(given)), decode(slurmTaskCodec, "task"))
    : readJson(given, slurmTaskCodec);
  await runCommand(Effect.flatMap(task, (read) => doSlurmTask(read, device)), "saves");
}
