/**
 * What this machine has to compute with: adapters, features, limits, drivers, threads, and what they reach.
 *
 *     deno task cos doctor [--device all|webgpu|dawn|cpu] [--no-measure] [--json]
 *     srun -N2 -n2 deno task cos doctor --store folder
 *
 * `--store` proves with two processes, of this machine or of two nodes, that locks in a folder exclude.
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { examine } from "../doctor/examine.ts";
import { doctorText, examined } from "../doctor/report.ts";
import { onDisk } from "../base/disk.ts";
import { holdLock, storeText, tryLock } from "../doctor/store.ts";
import { thisCommand } from "../ranks/launch.ts";
import { choiceFlag, jsonFlag, optionalText, printResult } from "./flags.ts";
import { ExitCode } from "./usage.ts";

const flags = {
  device: choiceFlag("device", ["all", ...examined], "all", "devices to examine"),
  measure: Flag.Boolean("measure").pipe(
    Flag.withDefault(true),
    Flag.withDescription("measure the peak rates of each device; takes seconds"),
  ),
  store: optionalText("store", "check that file locks work in this folder, and nothing else"),
  holds: Flag.Boolean("holds-lock").pipe(Flag.withDefault(false), Flag.withHidden),
  json: jsonFlag,
};

/** Proves the locks of a store: as one of two tasks of Slurm, or alongside a process that it starts. */
const provedStore = (store: string, holds: boolean, json: boolean) =>
  Effect.gen(function* () {
    const tasks = Number(Deno.env.get("SLURM_NTASKS") ?? 1), task = Number(Deno.env.get("SLURM_PROCID") ?? 0);
    const job = `${Deno.env.get("SLURM_JOB_ID") ?? Deno.ppid}.${Deno.env.get("SLURM_STEP_ID") ?? 0}`;
    const folder = `${store}/doctor-${holds || tasks > 1 ? job : `${Deno.pid}.0`}`;
    if (holds || (tasks > 1 && task === 0)) return yield* holdLock(folder);
    if (task > 1) return;
    const [command = "", ...args] = [...thisCommand(), "--holds-lock"];
    const other = tasks > 1
      ? undefined
      : new Deno.Command(command, { args, stdin: "null", stdout: "null" }).spawn();
    const checks = yield* tryLock(folder);
    if (other !== undefined) yield* Effect.promise(() => other.status);
    yield* onDisk("remove", folder, () => Deno.remove(folder, { recursive: true }));
    printResult(json, checks, (all) => storeText(store, all));
    if (checks.some((check) => !check.holds)) return yield* Effect.fail(new ExitCode({ code: 1 }));
  });

/** The command. */
export const command = Command.make(
  "doctor",
  flags,
  ({ device, measure, store, holds, json }) =>
    Option.isSome(store)
      ? provedStore(store.value, holds, json)
      : Effect.map(examine(device === "all" ? examined : [device], measure), (report) => {
        printResult(json, report, doctorText);
      }),
);
