/** Runs an ablation: its experiments as jobs, on worker processes or here, then its summary, table and figures. */
import type { ConfigError } from "@chain-of-sight/core";
import { type Device, type DeviceName, deviceNamed, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { relative } from "node:path";
import { type DecodeError, tried } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { libraryCommit } from "../runs/commit.ts";
import { hashOf, type Json } from "../base/hash.ts";
import {
  type Manifest,
  newManifest,
  stageDone,
  stageFailed,
  stageOf,
  stageStarted,
  stageStopped,
} from "../runs/manifest.ts";
import type { MetricsError } from "../runs/metrics.ts";
import {
  beginRunFolder,
  finishedRun,
  openOrCreateRun,
  type RunDirectory,
  type RunError,
  writeJson,
  writeManifest,
} from "../runs/run_directory.ts";
import type { LockError } from "../runs/run_lock.ts";
import { type ProgressSink, stderrSink } from "../terminal/progress.ts";
import { artefactPath, readResult } from "../engine/artefact.ts";
import { trainsOf } from "../engine/experiment.ts";
import { codeHash, type CodeVersions, codeVersions } from "../stages/code.ts";
import { defaultDirectory } from "./ablation.ts";
import { DEFAULT_STORE } from "./commands.ts";
import { type AblationConfig, experimentsOf } from "./config.ts";
import { AblationError } from "./fault.ts";
import { JobError } from "../engine/fault.ts";
import { deviceOf, makeOnWorker, openWorkerClient, type WorkerClient } from "../engine/worker_client.ts";
import { artefactName, bridgeAfter, type Job, jobGraph, jobsOf, type MadeBy } from "../engine/jobs.ts";
import { labelOf, onJobEvent, startLive, stepsOf } from "../engine/live.ts";
import { makeArtefact } from "../engine/make.ts";
import { wireFault } from "../engine/messages.ts";
import { type JobEvent, type MakeJob, runJobs } from "../engine/scheduler.ts";
import { timePaired, TIMES } from "./paired.ts";
import { readAblation, type StoredAblation } from "./summary.ts";
import type { AblationRecord } from "../engine/ablation_record.ts";
import { type AblationSummary, summaryCodec } from "./summary_types.ts";
import { DEFAULT_CACHE, jobContext } from "../engine/context.ts";
import { checkTrainable } from "../engine/models.ts";
import type { Resolved, ResolveError } from "../engine/resolve.ts";
import { setAside } from "../engine/run.ts";
import type { StepError } from "../train/programs.ts";
import { workOf } from "../engine/work.ts";
import type { LiveLog } from "../runs/live.ts";
import { writeAblation } from "./write.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import type { UploadError } from "../weights/lazy.ts";

/** What is run, where to, and on what. */
export interface AblateOptions {
  /** The ablation. */
  readonly config: AblationConfig;
  /** The command that makes it again, for the record. */
  readonly command: string;
  /** Its directory; `defaultDirectory` unless said. */
  readonly out?: string;
  /** The store; `runs/store` unless said. */
  readonly store?: string;
  /** Folder of prepared annotations and features of mixtures; `cache/mixtures` unless said. */
  readonly cache?: string;
  /** Version of the code, for manifests. */
  readonly version: string;
  /** Whether an existing directory, and what was trained for it, is moved aside first; in this process alone. */
  readonly fresh?: boolean;
  /** How often a job is tried again where that may help; 3 unless said. */
  readonly retries?: number;
  /** Seconds before the first new try, doubled with every further one; 2 unless said. */
  readonly backoffSeconds?: number;
  /** Where progress is shown; standard error unless said. */
  readonly sink?: ProgressSink;
}

/** Worker processes. */
export interface Workers {
  /** The device of each. */
  readonly device: DeviceName;
  /** How many; times are those of a machine that they share. */
  readonly workers: number;
  /** Programs that show trainings while they go on. */
  readonly logs?: readonly LiveLog[];
  /** The program of a worker, for tests. */
  readonly program?: string;
}

/** An ablation that was run. */
export interface AblationResult {
  /** Its directory. */
  readonly directory: string;
  /** Its findings. */
  readonly summary: AblationSummary;
}

/** Errors of an ablation. A job that failed is reported in an AblationError once all others are done. */
export type AblateError =
  | AblationError
  | ConfigError
  | DecodeError
  | DiskError
  | JobError
  | LockError
  | MetricsError
  | ResolveError
  | RunError
  | StepError
  | CheckpointError
  | UploadError;

/**
 * What makes the jobs of an ablation.
 * @internal
 */
export interface Team extends MadeBy {
  /** Jobs that share one machine. */
  readonly slots: number;
}

/**
 * Makes jobs, so many at a time.
 * @internal
 */
export interface Making<R> {
  /** Jobs at a time. */
  readonly slots: number;
  /** Makes one. */
  readonly make: MakeJob<R>;
}

/**
 * Begins to make the jobs of an ablation, but for those whose keys are done.
 * @internal
 */
export type BeginMaking<R, E = never> = (
  jobs: readonly Job[],
  done: ReadonlySet<string>,
) => Effect.Effect<Making<R>, AblateError | E, R | Scope.Scope>;

/** Cost of an arm, training by training. */
const workIn = (resolved: Resolved): AblationRecord["arms"][number] => {
  const { experiment: { name, model: { bridge }, stages } } = resolved;
  return {
    arm: name,
    bridge: bridge.kind,
    trainings: Object.fromEntries(stages.flatMap((spec, stage) => {
      if (!("train" in spec)) return [];
      const { visualTokens: tokens, flops } = workOf(resolved, spec.train.name);
      const { resolution } = bridgeAfter(resolved, stage);
      return [[spec.train.name, { tokens, resolution, steps: spec.train.steps, flops }] as const];
    })),
  };
};

const recordOf = (
  { config, command }: AblateOptions,
  experiments: readonly Resolved[],
  { slots, ...by }: Team,
  store: string,
  jobs: readonly Job[],
): AblationRecord => ({
  format: 2,
  command,
  store,
  device: by.device,
  workers: slots,
  jobs: jobs.map((job) => ({
    artefact: artefactName(job),
    stage: job.name,
    needs: job.needs.map(artefactName),
    label: labelOf(job),
    steps: stepsOf(job),
  })),
  runs: experiments.map((resolved) => ({
    arm: resolved.experiment.name,
    seed: resolved.experiment.seed,
    artefacts: Object.fromEntries(
      jobsOf(resolved, by).flatMap((job) => job.stage < 0 ? [] : [[job.name, artefactName(job)] as const]),
    ),
  })),
  arms: experiments.filter(({ experiment: { seed } }) => seed === config.seeds[0]).map(workIn),
});

/** Hash of what the experiments read: scenes by what decides them, as they may not be drawn yet, and files by content. */
const dataHashOf = ({ base }: AblationConfig, experiments: readonly Resolved[]): string =>
  hashOf({
    world: base.world?.data ?? null,
    files: [...new Set(experiments.flatMap(({ hashes }) => Object.values(hashes)))].toSorted(),
  });

const now = (): string => new Date().toISOString();

const noted = (event: JobEvent): (manifest: Manifest) => Manifest => {
  const name = artefactName(event.job);
  switch (event.kind) {
    case "done":
      return stageDone(name, now());
    case "started":
      return stageStarted(name, now());
    case "failed":
      return stageFailed(name, now(), event.error.message);
    case "skipped":
      return stageFailed(name, now(), `needs ${labelOf(event.because)}`);
    default:
      return (manifest) => manifest;
  }
};

const runningIn = ({ stages }: Manifest): readonly string[] =>
  stages.filter(({ status }) => status === "running").map(({ name }) => name);

const stopped = (manifest: Manifest): Manifest =>
  runningIn(manifest).reduce((sofar, name) => stageStopped(name)(sofar), manifest);

/** Keeps the manifest as an ablation goes; what was found finished is in it from the start. */
const bookkeeper = (directory: RunDirectory, start: Manifest) => {
  let manifest = start;
  const change = (by: (manifest: Manifest) => Manifest): Effect.Effect<void, DiskError> =>
    Effect.suspend(() => {
      const after = by(manifest), changed = after !== manifest;
      manifest = after;
      return changed ? writeManifest(directory, manifest) : Effect.void;
    });
  return {
    note: (event: JobEvent): Effect.Effect<void, DiskError> => change(noted(event)),
    stop: change(stopped),
  };
};

/** Whether the arms of a finished ablation are still to be timed: those of one arm, and on mixtures, are not. */
const isUntimed = ({ config, times }: StoredAblation): boolean =>
  times === undefined && config.arms.length > 1 && typeof trainsOf(config.base)[0]?.data === "object";

/**
 * Whether {@link timeArms} has something to do.
 * @internal
 */
export const untimed = (directory: string): Effect.Effect<boolean, AblateError> =>
  Effect.map(readAblation(directory), isUntimed);

/** Steps that an arm does in a round of {@link timeArms}, and rounds. */
const TIMED = { steps: 2, rounds: 8 };

/**
 * Times the arms of a finished ablation side by side, on the device of the context, and writes its summary again. Nothing
 * is done where times are there, with one arm alone, and for trainings on mixtures.
 */
export const timeArms = (directory: string): Effect.Effect<AblationSummary, AblateError, Device> =>
  Effect.gen(function* () {
    const stored = yield* readAblation(directory);
    if (isUntimed(stored)) {
      const { config, manifest: { configHash }, record: { command } } = stored;
      const timed = yield* timePaired({ config, configHash, command, ...TIMED });
      yield* writeJson(`${directory}/${TIMES}`, timed);
    }
    return yield* writeAblation(directory);
  });

/**
 * The ablation with a team that is there; `finish` makes its summary once all is done.
 * @internal
 */
export const runAblation = <R, E = never>(
  options: AblateOptions,
  experiments: readonly Resolved[],
  team: Team,
  begin: BeginMaking<R, E>,
  finish: (directory: string) => Effect.Effect<AblationSummary, AblateError | E, R>,
): Effect.Effect<AblationResult, AblateError | E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { config, out = defaultDirectory(config), store = DEFAULT_STORE, sink = stderrSink } = options;
    const jobs = yield* tried(() => jobGraph(experiments, team));
    if (options.fresh === true) yield* setAside(out, store, jobs);
    const begun = newManifest({
      name: config.name,
      config: config as unknown as Json,
      dataHash: dataHashOf(config, experiments),
      codeVersion: options.version,
      commit: libraryCommit(),
      code: codeHash(team.code),
      device: team.device,
      seeds: Object.fromEntries(config.seeds.map((seed, i) => [`run${i + 1}`, seed])),
      stages: jobs.map(artefactName),
    }, now());
    const before = yield* finishedRun(out, begun, summaryCodec());
    if (before !== undefined) return { directory: out, summary: before };
    const { directory, manifest } = yield* openOrCreateRun(out, begun);
    yield* onDisk("make", store, () => Deno.mkdir(store, { recursive: true }));
    const record = yield* tried(() => recordOf(options, experiments, team, relative(out, store), jobs));
    yield* writeJson(`${out}/record.json`, record);
    const done = new Set<string>();
    for (const job of jobs) {
      if ((yield* readResult(artefactPath(store, job))) !== undefined) done.add(job.key);
    }
    const live = yield* startLive(config.name, store, jobs, sink);
    const found = jobs.filter(({ key }) => done.has(key)).map(artefactName);
    // times of what was done before stay
    const known = found.filter((name) => stageOf(manifest, name)?.status !== "done")
      .reduce((sofar, name) => stageDone(name, now())(sofar), stopped(manifest));
    yield* writeManifest(directory, known);
    const { note, stop } = bookkeeper(directory, known);
    const { slots, make } = yield* begin(jobs, done), failed: JobError[] = [];
    const everywhere = yield* runJobs<DiskError, R>(jobs, {
      slots,
      retries: options.retries ?? 3,
      backoffSeconds: options.backoffSeconds ?? 2,
      isDone: ({ key }) => done.has(key),
      make,
      onEvent: (event) => {
        if (event.kind === "failed") failed.push(event.error);
        return Effect.andThen(onJobEvent(live, event), note(event));
      },
    }).pipe(Effect.onInterrupt(() => Effect.ignore(stop)));
    if (everywhere !== undefined) return yield* Effect.fail(everywhere);
    const [first] = failed;
    const summary = yield* (first === undefined ? finish : writeAblation)(out);
    if (first === undefined) return { directory: out, summary };
    return yield* Effect.fail(
      new AblationError({
        op: `run the ablation in ${out}`,
        got: `${failed.length} failed ${failed.length === 1 ? "job" : "jobs"}, first ${first.message}`,
        expected: "every job to go through",
        hint: "hint that and give the same command again: what is done is kept, and the summary has the rest",
        path: out,
      }),
    );
  });

/**
 * The experiments of an ablation, of which every bridge fits and everything that is trained exists.
 * @internal
 */
export const checkedExperiments = (
  { config, cache = DEFAULT_CACHE }: AblateOptions,
  code: CodeVersions,
): Effect.Effect<readonly Resolved[], AblateError> =>
  Effect.tap(experimentsOf(config, cache), (experiments) =>
    tried(() => {
      experiments.forEach(checkTrainable);
      return jobGraph(experiments, { device: "", code });
    }));

/**
 * Runs an ablation on worker processes, which end with this one however that ends. The same again goes on where it
 * stopped: with finished artefacts kept, and trainings from their checkpoints.
 */
export const ablate = (
  options: AblateOptions,
  { device: deviceName, workers, program, logs = [] }: Workers,
): Effect.Effect<AblationResult, AblateError> =>
  Effect.scoped(Effect.gen(function* () {
    const { config, out = defaultDirectory(config), store = DEFAULT_STORE, version } = options;
    const code = yield* codeVersions, experiments = yield* checkedExperiments(options, code);
    const folder = `${out}/logs`, clients: WorkerClient[] = [], cache = options.cache ?? DEFAULT_CACHE;
    yield* beginRunFolder(out);
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    for (let i = 0; i < workers; i++) {
      const log = `${folder}/worker-${i}.log`, more = program === undefined ? {} : { program };
      clients.push(
        yield* openWorkerClient({ store, cache, device: deviceName, version, log, logs, ...more }),
      );
    }
    const device = yield* deviceOf(clients[0]!);
    const make: MakeJob<never> = (slot, job, onWait) => makeOnWorker(clients[slot]!, job, onWait);
    return yield* runAblation(
      options,
      experiments,
      { device, code, slots: workers },
      () => Effect.succeed({ slots: workers, make }),
      (directory) => timeArms(directory).pipe(Effect.provide(deviceNamed(deviceName))),
    );
  }));

/** Runs an ablation in this process on its device, one job after the other. */
export const ablateHere = (options: AblateOptions): Effect.Effect<AblationResult, AblateError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { profile } = yield* theDevice(), { store = DEFAULT_STORE, cache, version } = options;
    const context = yield* jobContext(store, profile.name, version, cache), { device, code } = context;
    const experiments = yield* checkedExperiments(options, code);
    const make: MakeJob<Device> = (_slot, job, onWait) =>
      makeArtefact(context, job, onWait).pipe(
        Effect.asVoid,
        Effect.mapError((error) => {
          const { tag, ...parts } = wireFault(error, "make an artefact");
          return new JobError({ ...parts, artefact: artefactName(job), cause: tag, again: false });
        }),
      );
    return yield* runAblation(
      options,
      experiments,
      { device, code, slots: 1 },
      () => Effect.succeed({ slots: 1, make }),
      timeArms,
    );
  }));
