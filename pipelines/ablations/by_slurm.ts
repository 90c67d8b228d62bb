/**
 * Runs an ablation by Slurm: its jobs are submitted at once, each after those that it needs, and followed to the same record,
 * summary and figures as on workers. Interrupted, the jobs go on; the same command follows them.
 */
import { type DeviceError, type DeviceName, deviceNamed, theDevice } from "@chain-of-sight/kernels";
import * as E from "fp-ts/lib/Either.js";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Schedule from "effect/Schedule";
import { resolve } from "node:path";
import { type DecodeError, tried } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { readOwnText } from "../base/own_file.ts";
import { artefactPath, readResult } from "../engine/artefact.ts";
import { DEFAULT_CACHE } from "../engine/context.ts";
import { JobError } from "../engine/fault.ts";
import { artefactName, type Job, jobGraph } from "../engine/jobs.ts";
import { readReply, type WireFault } from "../engine/messages.ts";
import type { MakeJob } from "../engine/scheduler.ts";
import { type LiveLog, liveLogsText } from "../runs/live.ts";
import { readJson, writeJson } from "../runs/run_directory.ts";
import { followJob, isOpen, onNode, queue, SlurmError, type SlurmJob, submit } from "../slurm/client.ts";
import { batchScript, type Resources } from "../slurm/script.ts";
import { codeVersions } from "../stages/code.ts";
import { notice } from "../terminal/output.ts";
import {
  type AblateError,
  type AblateOptions,
  type AblationResult,
  checkedExperiments,
  runAblation,
  untimed,
} from "./ablate.ts";
import { defaultDirectory } from "./ablation.ts";
import { type Chain, chainsOf } from "./slurm_chains.ts";
import { DEFAULT_STORE } from "./commands.ts";
import type { SlurmTask } from "./slurm_task.ts";
import { recordCodec } from "../engine/ablation_record.ts";
import { writeAblation } from "./write.ts";

/** How batch jobs are asked for. */
export interface BySlurm {
  /** The device of each, by name. */
  readonly device: DeviceName;
  /** Inputs of each. */
  readonly resources: Resources;
  /** How often one that may go on is begun again. */
  readonly requeues: number;
  /** Programs that show trainings while they go on. */
  readonly logs: readonly LiveLog[];
  /** The program of a task: its arguments are a device and a file with the task. */
  readonly program: string;
}

type Options = Required<Pick<AblateOptions, "out" | "store" | "cache">> & AblateOptions;

const placed = (options: AblateOptions): Options => ({
  out: defaultDirectory(options.config),
  store: DEFAULT_STORE,
  cache: DEFAULT_CACHE,
  ...options,
});

/** A batch job before it is submitted. */
interface Batch {
  readonly name: string;
  readonly file: string;
  readonly log: string;
  readonly task: SlurmTask;
  readonly script: (after: readonly string[]) => string;
}

const batchOf = ({ store }: Options, by: BySlurm, name: string, task: SlurmTask): Batch => {
  const place = resolve(store), file = `${place}/slurm/${name}.json`, log = `${place}/slurm/${name}-%j.log`;
  const batch = {
    name: `cos-${name}-${hashOf({ place }).slice(0, 8)}`,
    resources: by.resources,
    folder: Deno.cwd(),
    log,
    command: [...taskCommand(by), file],
    requeues: by.requeues,
  };
  return { name: batch.name, file, log, task, script: (after) => batchScript({ ...batch, after }) };
};

const taskCommand = ({ program, device }: BySlurm): readonly string[] => [
  ...[Deno.execPath(), "run", "-A", "--quiet", program, device],
];

const chainBatch = (options: Options, by: BySlurm, { name, jobs }: Chain): Batch => {
  const { store, cache, version } = options;
  return batchOf(options, by, name, {
    kind: "make",
    store,
    cache,
    version,
    logs: liveLogsText(by.logs),
    requests: jobs.map(({ key, resolved: { experiment, hashes } }, id) => ({ id, experiment, hashes, key })),
  });
};

/** A batch job that Slurm knows. */
interface Submitted {
  readonly id: string;
  readonly log: string;
}

const submitted = (
  { file, log, task, script }: Batch,
  after: readonly string[],
): Effect.Effect<Submitted, DiskError | SlurmError> =>
  Effect.gen(function* () {
    yield* writeJson(file, task);
    const id = yield* submit(script(after));
    return { id, log: log.replace("%j", id) };
  });

/** Submits the chains that Slurm does not know yet, and gives the batch job of every key. */
const submitAll = (
  options: Options,
  by: BySlurm,
  chains: readonly Chain[],
): Effect.Effect<ReadonlyMap<string, Submitted>, DecodeError | DiskError | SlurmError> =>
  Effect.gen(function* () {
    yield* onDisk("make", options.store, () => Deno.mkdir(`${options.store}/slurm`, { recursive: true }));
    const there = (yield* queue).filter(isOpen), ids = new Map<string, string>();
    const found = new Map<string, Submitted>();
    let before = 0;
    for (const chain of chains) {
      const batch = chainBatch(options, by, chain), known = there.find(({ name }) => name === batch.name);
      if (known !== undefined) before++;
      const job = known === undefined
        ? yield* submitted(batch, chain.after.map((name) => ids.get(name)!))
        : { id: known.id, log: batch.log.replace("%j", known.id) };
      ids.set(chain.name, job.id);
      chain.jobs.forEach(({ key }) => found.set(key, job));
    }
    if (chains.length > 0) {
      const more = before === 0 ? "" : `, ${before} of them before`;
      notice(`${chains.length} jobs of Slurm are submitted${more}; their logs are in ${options.store}/slurm`);
    }
    return found;
  });

/** Times that the queue is asked for while Slurm's controller does not answer, and the time between them. */
const PATIENCE = { times: 30, schedule: Schedule.spaced("2 seconds") };

/** Bytes of a log that are looked through. */
const LOG_BYTES = 2 ** 26;

/** The last fault that a task told in its log. */
const faultIn = (log: string): Effect.Effect<WireFault | undefined> =>
  Effect.promise(async () => {
    const lines = (await readOwnText(log, LOG_BYTES).catch(() => "")).split("\n");
    return lines.flatMap((line) => {
      const reply = readReply(line);
      return E.isRight(reply) && reply.right.kind === "failed" ? [reply.right.fault] : [];
    }).at(-1);
  });

const failure = (job: Job, parts: Partial<WireFault> & Pick<WireFault, "got" | "hint">): JobError => {
  const { tag: cause = "crash", ...told } = parts, artefact = artefactName(job);
  const rest = { op: `make ${artefact}`, expected: "it to go through", everywhere: false };
  return new JobError({ ...rest, ...told, artefact, cause, again: false });
};

/** Looks at the store after a batch job has ended, as another node's file may be seen late, and the time between them. */
const LATE = { looks: 20, every: "500 millis" } as const;

/** Waits for artefacts by looking at the store and at the queue. */
const following = (
  { store }: Options,
  batches: ReadonlyMap<string, Submitted>,
): Effect.Effect<MakeJob<never>> =>
  Effect.map(
    Effect.cachedWithTTL(Effect.retry(queue, PATIENCE), "2 seconds"),
    (jobs) => (_lane, job, onWait) => {
      const path = artefactPath(store, job), { id, log } = batches.get(job.key)!;
      const isThere = Effect.map(readResult(path), (result) => result !== undefined);
      // a folder that is listed is not remembered as it was
      const listed = Effect.promise(() => Array.fromAsync(Deno.readDir(path)).catch(() => []));
      const ended = (state: string | undefined) =>
        Effect.gen(function* () {
          const looks = state === "COMPLETED" || state === undefined ? LATE.looks : 1;
          for (let look = 0; look < looks; look++) {
            yield* listed;
            if (yield* isThere) return;
            yield* Effect.sleep(LATE.every);
          }
          const fault = yield* faultIn(log), hint = `read ${log}; the same command submits it again`;
          const got = `Slurm's job ${id}, which ended as ${state ?? "unknown"}`;
          return yield* Effect.fail(failure(job, fault ?? { got, hint }));
        });
      const wait = Effect.gen(function* () {
        for (let told = false;;) {
          if (yield* isThere) return;
          const found = (yield* jobs).find((one: SlurmJob) => one.id === id);
          if (found === undefined || !isOpen(found)) return yield* ended(found?.state);
          if (!told && found.state === "PENDING") onWait(`Slurm's job ${id}`);
          told = true;
          yield* Effect.sleep("1 second");
        }
      });
      return Effect.mapError(wait, (error) =>
        error._tag === "JobError"
          ? error
          : failure(job, { tag: error._tag, got: error.message, hint: error.hint, everywhere: true }));
    },
  );

/** The name of the device: of this machine's CPU, of the run that is gone on with, or of what a node has. */
const deviceName = (
  { out, command }: Options,
  by: BySlurm,
): Effect.Effect<string, DeviceError | DiskError | SlurmError> =>
  Effect.gen(function* () {
    if (by.device === "cpu") {
      return (yield* Effect.provide(theDevice(), deviceNamed("cpu"))).profile.name;
    }
    const record = yield* Effect.option(readJson(`${out}/record.json`, recordCodec()));
    if (record._tag === "Some" && record.value.command === command) return record.value.device;
    notice(`asks a node for the name of its device ${by.device}`);
    const said = yield* onNode(by.resources, [...taskCommand(by), JSON.stringify({ kind: "device" })]);
    const names = said.split("\n").flatMap((line) => {
      const reply = readReply(line);
      return E.isRight(reply) && reply.right.kind === "ready" ? [reply.right.device] : [];
    });
    if (names[0] !== undefined) return names[0];
    return yield* Effect.fail(
      new SlurmError({
        op: "ask a node for its device",
        got: said,
        expected: "its name",
        hint: "run cos doctor on a node",
      }),
    );
  });

/** Says, where the one who follows leaves, that the batch jobs go on. */
const onLeaving = (ids: readonly string[]) => (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.sync(() => {
    if (ids.length === 0 || Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause)) return;
    notice(`Slurm's jobs go on; the same command follows them, and this ends them: scancel ${ids.join(" ")}`);
  });

/** Errors of an ablation by Slurm. */
export type BySlurmError = AblateError | DeviceError | SlurmError;

/** The scripts that {@link ablateBySlurm} would submit; jobs that others need are in them by their names. */
export const ablationScripts = (
  asked: AblateOptions,
  by: BySlurm,
): Effect.Effect<readonly string[], BySlurmError> =>
  Effect.gen(function* () {
    const options = placed(asked), code = yield* codeVersions, done = new Set<string>();
    const experiments = yield* checkedExperiments(options, code);
    const device = yield* deviceName(options, by);
    const jobs = yield* tried(() => jobGraph(experiments, { device, code }));
    for (const job of jobs) {
      if ((yield* readResult(artefactPath(options.store, job))) !== undefined) done.add(job.key);
    }
    return chainsOf(jobs, done).map((chain) => chainBatch(options, by, chain).script(chain.after));
  });

/** Runs an ablation by Slurm, over a store that all nodes share. */
export const ablateBySlurm = (
  asked: AblateOptions,
  by: BySlurm,
): Effect.Effect<AblationResult, BySlurmError> =>
  Effect.scoped(Effect.gen(function* () {
    const options = placed(asked), code = yield* codeVersions;
    const experiments = yield* checkedExperiments(options, code);
    const device = yield* deviceName(options, by);
    const begin = (jobs: readonly Job[], done: ReadonlySet<string>) =>
      Effect.gen(function* () {
        const batches = yield* submitAll(options, by, chainsOf(jobs, done));
        const ids = [...new Set([...batches.values()].map(({ id }) => id))];
        yield* Effect.addFinalizer(onLeaving(ids));
        return { slots: Math.max(1, jobs.length), make: yield* following(options, batches) };
      });
    const finish = (directory: string) =>
      Effect.gen(function* () {
        if (yield* untimed(directory)) {
          const name = `times-${hashOf(resolve(directory)).slice(0, 16)}`;
          const batch = batchOf(options, by, name, { kind: "time", directory });
          const known = (yield* queue).find((job) => job.name === batch.name && isOpen(job));
          const { id } = known ?? (yield* submitted(batch, []));
          yield* followJob(id, batch.log, Effect.map(untimed(directory), (left) => !left));
        }
        return yield* writeAblation(directory);
      });
    return yield* runAblation<never, SlurmError>(
      options,
      experiments,
      { device, code, slots: 1 },
      begin,
      finish,
    );
  }));
