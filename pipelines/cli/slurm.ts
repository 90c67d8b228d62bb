/** Commands as Slurm's jobs. */
import { Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type { AblateOptions } from "../ablations/ablate.ts";
import { ablateBySlurm, ablationScripts, type BySlurm } from "../ablations/by_slurm.ts";
import { fromEither } from "../base/bridge.ts";
import { existing } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { thisCommand } from "../ranks/launch.ts";
import { liveLogsOf } from "../runs/live.ts";
import { followJob, isOpen, queue, submit } from "../slurm/client.ts";
import { batchScript, resourcesOf, tasksOf } from "../slurm/script.ts";
import { notice, print } from "../terminal/output.ts";
import type { Experiment } from "../engine/experiment.ts";
import { compared } from "./experiment_flags.ts";
import { optionalText, switchFlag } from "./flags.ts";
import { checkTrainings } from "./ranks.ts";
import { UsageError } from "./usage.ts";

/** What Slurm is asked for. */
export const slurmFlags = {
  slurm: optionalText(
    "slurm",
    "run as a job of Slurm with these options of sbatch, such as nodes=2,ntasks-per-node=4,gres=gpu:4,time=4:00:00: " +
      "one training with a rank a task, or a comparison as many jobs of one task that wait for each other",
  ),
  dryRun: switchFlag("dry-run", "print the batch scripts that --slurm would submit, and submit nothing"),
  requeues: Flag.Int("requeues").pipe(
    Flag.withDefault(10),
    Flag.withDescription("number of times that an interrupted job is requeued"),
  ),
};

/** Words of a command line without what is for Slurm alone. */
export const withoutSlurm = (words: readonly string[]): readonly string[] => {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (["--slurm", "--requeues", "--ranks"].includes(word)) i++;
    else if (word !== "--dry-run" && !/^--(slurm|requeues|ranks)=/.test(word)) kept.push(word);
  }
  return kept;
};

/** Runs this command as a job whose result is a run directory; gives whether it was submitted or followed to its end. */
export const asSlurmJob = (
  options: string,
  experiment: Experiment,
  { out, dryRun, requeues, shards }: {
    readonly out: string;
    readonly dryRun: boolean;
    readonly requeues: number;
    readonly shards: boolean;
  },
) =>
  Effect.gen(function* () {
    const resources = yield* fromEither(resourcesOf(options)),
      tasks = tasksOf(resources),
      folder = Deno.cwd();
    yield* checkTrainings(experiment, { size: tasks, shards });
    const batch = {
      name: `cos-${experiment.name}-${hashOf({ out, folder }).slice(0, 8)}`,
      resources,
      folder,
      log: `${out.startsWith("/") ? out : `${folder}/${out}`}-slurm-%j.log`,
      command: [...withoutSlurm(thisCommand()), ...(tasks > 1 ? ["--ranks", String(tasks)] : [])],
      requeues,
    };
    const script = batchScript(batch);
    if (dryRun) {
      print(script.trimEnd());
      return false;
    }
    const before = (yield* queue).find((job) => job.name === batch.name && isOpen(job));
    const id = before?.id ?? (yield* submit(script));
    notice(
      `Slurm's job ${id} ${
        before === undefined ? "is submitted" : "is there already"
      }; it says what it does in ${batch.log.replace("%j", id)}`,
    );
    yield* followJob(id, batch.log, existing(`${out}/summary.json`));
    return true;
  });

/**
 * Runs an ablation as batch jobs, and shows its tables; a dry run prints their scripts, in which jobs that are waited for stand by
 * name.
 */
export const comparedBySlurm = (
  options: string,
  ablation: AblateOptions & { readonly out: string },
  { log, dryRun, json, ...how }: Pick<BySlurm, "device" | "requeues"> & {
    readonly log: Option.Option<string>;
    readonly dryRun: boolean;
    readonly json: boolean;
  },
) =>
  Effect.gen(function* () {
    const resources = yield* fromEither(resourcesOf(options)), tasks = tasksOf(resources);
    if (tasks !== 1) {
      return yield* Effect.fail(
        new UsageError({
          op: "--slurm",
          got: `${tasks} tasks a job`,
          expected: "one task a job in a comparison, as every job makes one model",
          hint: "leave out nodes, ntasks and ntasks-per-node; give a task more with cpus-per-task or gres",
        }),
      );
    }
    const logs = Option.isNone(log) ? [] : yield* fromEither(liveLogsOf(log.value));
    const by = { ...how, logs, resources, program: new URL("./slurm_task.ts", import.meta.url).href };
    if (dryRun) return print((yield* ablationScripts(ablation, by)).join("\n").trimEnd());
    yield* compared(ablateBySlurm(ablation, by), ablation.out, json);
  });
