/** Slurm by its own commands: jobs are submitted and followed; it places, requeues and ends them. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { decode, type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { TaggedFault } from "../base/fault.ts";
import type { Resources } from "./script.ts";
import { notice } from "../terminal/output.ts";

/** What Slurm refuses, or a job that did not end well. */
export class SlurmError extends TaggedFault("SlurmError") {}

const refused = (command: string, got: string): SlurmError =>
  new SlurmError({
    op: command,
    got,
    expected: "Slurm to take the job",
    hint: "look at the script with --dry-run, and at the partitions with sinfo",
  });

const output = (
  command: string,
  args: readonly string[],
  input?: string,
): Effect.Effect<string, SlurmError> =>
  Effect.tryPromise({
    try: async () => {
      const process = new Deno.Command(command, {
        args: [...args],
        stdin: input === undefined ? "null" : "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      if (input !== undefined) {
        const writer = process.stdin.getWriter();
        await writer.write(new TextEncoder().encode(input));
        await writer.close();
      }
      const { success, stdout, stderr } = await process.output(), text = new TextDecoder();
      if (!success) throw refused(command, text.decode(stderr).trim());
      return text.decode(stdout);
    },
    catch: (cause) =>
      cause instanceof SlurmError ? cause : new SlurmError({
        op: command,
        got: cause instanceof Deno.errors.NotFound ? `no ${command} on this machine` : String(cause),
        expected: "Slurm's commands",
        hint: "run this on a login node of the cluster; Debian's package is slurm-client",
      }),
  });

/** Submits a batch script and gives the number of its job. */
export const submit = (script: string): Effect.Effect<string, SlurmError> =>
  Effect.map(output("sbatch", ["--parsable"], script), (text) => text.trim().split(";")[0]!);

/** What a command says on standard output on a node with these resources; it waits until one is free. */
export const onNode = (
  resources: Resources,
  command: readonly string[],
): Effect.Effect<string, SlurmError> =>
  output("srun", [
    "--quiet",
    ...Object.entries(resources).map(([option, value]) => `--${option}=${value}`),
    ...command,
  ]);

// a word in Slurm 22, a list of them from 23.02 on
const stateType = t.union([t.string, t.readonlyArray(t.string)]);
const queueType = t.type({
  jobs: t.readonlyArray(t.intersection([
    t.type({ job_id: t.number, name: t.string, job_state: stateType, nodes: t.union([t.string, t.null]) }),
    t.partial({ restart_cnt: t.number }),
  ])),
});

/** A job as Slurm knows it. */
export interface SlurmJob {
  /** Its number. */
  readonly id: string;
  /** Its name. */
  readonly name: string;
  /** Slurm's word: PENDING, RUNNING, COMPLETED, FAILED, ... */
  readonly state: string;
  /** Where it runs. */
  readonly nodes: string;
  /** How often it was begun again. */
  readonly restarts: number;
}

/** Text of `squeue --json`, as jobs. */
export const readQueue = (text: string): Effect.Effect<readonly SlurmJob[], DecodeError> =>
  Effect.map(
    Effect.flatMap(fromEither(parseJson("squeue --json")(text)), decode(queueType, "squeue --json")),
    ({ jobs }) =>
      jobs.map(({ job_id, name, job_state, nodes, restart_cnt = 0 }) => ({
        id: String(job_id),
        name,
        state: typeof job_state === "string" ? job_state : job_state[0] ?? "UNKNOWN",
        nodes: nodes ?? "",
        restarts: restart_cnt,
      })),
  );

/** The jobs that Slurm still knows: those that wait and run, and those that ended a while ago. */
export const queue: Effect.Effect<readonly SlurmJob[], DecodeError | SlurmError> = Effect.flatMap(
  output("squeue", ["--json", "--states=all"]),
  readQueue,
);

/** Whether a job may still run: as long as it waits, runs, or is begun again. */
export const isOpen = ({ state }: Pick<SlurmJob, "state">): boolean =>
  [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "SUSPENDED",
    "RESIZING",
    "SIGNALING",
  ]
    .includes(state);

/** Time between two looks at the queue. */
const POLL = "2 seconds";

/**
 * Follows a job to its end; interrupted, the job goes on. One that did not end well is an error that names `log`. What left
 * the queue has ended: `done` says how.
 */
export const followJob = <E, R>(
  id: string,
  log: string,
  done: Effect.Effect<boolean, E, R>,
): Effect.Effect<void, DecodeError | E | SlurmError, R> =>
  Effect.gen(function* () {
    for (let before = "";;) {
      const job = (yield* queue).find((one) => one.id === id);
      const now = job === undefined
        ? "gone"
        : `${job.state}${job.nodes === "" ? "" : ` on ${job.nodes}`}${
          job.restarts === 0 ? "" : `, begun again ${job.restarts} times`
        }`;
      if (now !== before) notice(`Slurm's job ${id}: ${now}`);
      before = now;
      if (job === undefined || !isOpen(job)) {
        if (job?.state === "COMPLETED" || (job === undefined && (yield* done))) return;
        return yield* Effect.fail(
          new SlurmError({
            op: `follow Slurm's job ${id}`,
            got: `a job that ended as ${job?.state ?? "unknown"}`,
            expected: "COMPLETED",
            hint: `read ${log.replace("%j", id)}; the same command goes on from the last checkpoint`,
          }),
        );
      }
      yield* Effect.sleep(POLL);
    }
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() =>
        notice(`Slurm's job ${id} goes on; the same command follows it, scancel ${id} ends it`)
      )
    ),
  );
