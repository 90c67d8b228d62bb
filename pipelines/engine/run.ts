/**
 * One experiment run in this process. Its run directory holds what it made under the names of its stages, so that the
 * store is all that it shares with others.
 */
import { type Device, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as t from "io-ts";
import { tried } from "../base/bridge.ts";
import { type DiskError, existing, onDisk } from "../base/disk.ts";
import { hashOf, type Json } from "../base/hash.ts";
import { folderOf } from "../base/paths.ts";
import { libraryCommit } from "../runs/commit.ts";
import { newManifest } from "../runs/manifest.ts";
import { finishedRun, openOrCreateRun, type RunDirectory } from "../runs/run_directory.ts";
import { acquireLock, type LockError } from "../runs/run_lock.ts";
import { hardLink } from "../runs/hard_link.ts";
import { linkCheckpoint } from "../weights/shards.ts";
import { codeHash } from "../stages/code.ts";
import { predictionsPath } from "../stages/predictions.ts";
import { noted, stageRun } from "../stages/stage.ts";
import { notice } from "../terminal/output.ts";
import { keptPath } from "../train/kept.ts";
import { artefactPath, type ArtefactResult, readResult } from "./artefact.ts";
import { jobContext } from "./context.ts";
import { type Experiment, stageName } from "./experiment.ts";
import { type Job, jobsOf } from "./jobs.ts";
import { makeArtefact, type MakeError } from "./make.ts";
import { checkTrainable } from "./models.ts";
import { heldExperiment, writeExperiments } from "./record.ts";
import type { Resolved } from "./resolve.ts";

/** Where a run writes. */
export interface RunPlaces {
  /** Its run directory. */
  readonly out: string;
  /** The store of what is made, for others too; `store` alongside the run directory unless said. */
  readonly store?: string;
  /** Folder of prepared annotations and features of mixtures. */
  readonly cache?: string;
  /** Version of the code, for the manifest. */
  readonly version: string;
}

/** Findings of a finished run. */
export interface RunResults {
  /** Its directory. */
  readonly directory: RunDirectory;
  /** Results of its stages by name. */
  readonly results: Readonly<Record<string, ArtefactResult>>;
}

/**
 * Where a run writes, and what its summary says.
 * @internal
 */
export interface RunOptions<A, E, R> extends RunPlaces {
  /** Codec of its summary, which a finished run is read by. */
  readonly summary: t.Type<A, unknown, unknown>;
  /** Makes the summary and writes it. */
  readonly summarise: (results: RunResults) => Effect.Effect<A, E, R>;
}

/** Name of a stage's files in a run; scenes and features have none. */
const titleOf = ({ kind, name }: Job): string | undefined =>
  kind === "scenes" || kind === "features" ? undefined : name;

/** Names of the stages of a run. */
export const stageNames = ({ model, stages }: Experiment): readonly string[] => [
  ...(model.vision.from === "fresh" ? ["vision"] : []),
  ...stages.map(stageName),
];

/** Files of an artefact, and their names in the run. */
const namesFor = (
  artefact: string,
  { kind, name, resolved: { experiment }, stage }: Job,
  { path, checkpoints, metrics, samples }: RunDirectory,
): readonly (readonly [file: string, name: string])[] => {
  const spec = experiment.stages[stage],
    sample = [`${artefact}/samples/${name}.json`, `${samples}/${name}.json`] as const;
  if (kind !== "evaluate" || spec === undefined || !("evaluate" in spec)) {
    const keptAs: readonly ((path: string) => string)[] = [
      (path) => path,
      (path) => keptPath(path, "best"),
      (path) => keptPath(path, "stable"),
    ];
    return [
      sample,
      [`${artefact}/metrics/${name}.jsonl`, `${metrics}/${name}.jsonl`],
      ...keptAs.map((kept) =>
        [
          kept(`${artefact}/checkpoints/${name}.safetensors`),
          kept(`${checkpoints}/${name}.safetensors`),
        ] as const
      ),
    ];
  }
  const parts = "benchmarks" in spec.evaluate ? Object.keys(spec.evaluate.benchmarks) : [name];
  return [
    sample,
    ...parts.map((part) => [predictionsPath(artefact, part), predictionsPath(path, part)] as const),
    [`${artefact}/samples/sheet.png`, `${samples}/${name}.png`],
  ];
};

/** Makes something, and gives its files their names: those that grow as soon as they are there, the others at its end. */
const showing = <A, E, R>(
  names: readonly (readonly [file: string, name: string])[],
  make: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DiskError, R> => {
  const all = Effect.forEach(names, ([file, name]) => linkCheckpoint(file, name), { discard: true });
  const growing = Effect.forEach(
    names.filter(([file]) => file.endsWith(".jsonl")),
    ([file, name]) => Effect.ignore(hardLink(file, name)),
    { discard: true },
  );
  return Effect.scoped(
    Effect.andThen(
      Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("1 second"), growing))),
      make,
    ),
  ).pipe(Effect.onError(() => Effect.ignore(all)), Effect.tap(() => all));
};

/** Moves a run aside, unless another process uses it. */
const moveAside = (path: string): Effect.Effect<void, DiskError | LockError> =>
  Effect.gen(function* () {
    if (!(yield* existing(path))) return;
    yield* Effect.scoped(acquireLock(`${path}/lock`));
    const aside = `${path}.${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
    yield* onDisk("move aside", path, () => Deno.rename(path, aside));
    yield* Effect.logInfo(`${path} is now at ${aside}`);
  });

/** Moves a run and what was trained for it aside. */
export const setAside = (
  out: string,
  store: string,
  jobs: readonly Job[],
): Effect.Effect<void, DiskError | LockError> =>
  Effect.forEach(
    [
      out,
      ...jobs.filter(({ kind }) => kind !== "scenes" && kind !== "features").map((job) =>
        artefactPath(store, job)
      ),
    ],
    moveAside,
    { discard: true },
  );

/** A function that tells once who is waited for. */
const tellOnce = (what: string): (holder: string) => void => {
  let announced = false;
  return (holder) => {
    if (!announced) notice(`${what}: waits for ${holder}`);
    announced = true;
  };
};

/** Runs an experiment. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const runExperiment = <A, E, R>(
  resolved: Resolved,
  options: RunOptions<A, E, R>,
): Effect.Effect<A, MakeError | E, Device | R> =>
  Effect.scoped(Effect.gen(function* () {
    const { out, store = `${folderOf(out)}/store`, cache, version } = options, { experiment } = resolved;
    const { profile: { name: device } } = yield* theDevice();
    const context = yield* jobContext(store, device, version, cache);
    const jobs = yield* tried(() => {
      checkTrainable(resolved);
      return jobsOf(resolved, context);
    });
    yield* onDisk("make", store, () => Deno.mkdir(store, { recursive: true }));
    const hashes = new Set(Object.values(resolved.hashes));
    for (const job of jobs.filter(({ kind }) => kind === "scenes")) {
      hashes.add((yield* makeArtefact(context, job, tellOnce("scenes"))).dataHash);
    }
    const begun = newManifest({
      name: experiment.name,
      config: experiment as unknown as Json,
      dataHash: hashOf([...hashes]),
      codeVersion: version,
      commit: libraryCommit(),
      code: codeHash(context.code),
      device,
      seeds: { model: experiment.seed },
      stages: stageNames(experiment),
    }, new Date().toISOString());
    const before = yield* finishedRun(out, begun, options.summary);
    if (before !== undefined) return before;
    const run = stageRun(yield* openOrCreateRun(out, begun)), results: Record<string, ArtefactResult> = {};
    yield* writeExperiments(out, [heldExperiment(resolved, (name) => `checkpoints/${name}.safetensors`)]);
    for (const job of jobs) {
      const title = titleOf(job), artefact = artefactPath(store, job);
      const make = makeArtefact(context, job, tellOnce(title ?? job.name));
      if (title === undefined) results[job.name] = yield* make;
      else {
        if ((yield* readResult(artefact)) !== undefined) notice(`${title}: reused (${artefact})`);
        const names = namesFor(artefact, job, run.directory);
        results[job.name] = yield* noted(run, title, () => showing(names, make))(undefined);
      }
    }
    return yield* options.summarise({ directory: run.directory, results });
  }));
