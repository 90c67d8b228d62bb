/**
 * Experiments run one after the other in this process. Their run directory holds what they made under the names of their
 * stages, so that the store is all that it shares with others.
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
import { alsoNamed } from "../runs/second_name.ts";
import { codeHash } from "../stages/code.ts";
import { predictionsPath } from "../stages/predictions.ts";
import { noted, stageRun } from "../stages/stage.ts";
import { notice } from "../terminal/output.ts";
import { keptPath } from "../train/kept.ts";
import { artefactPath, type ArtefactResult, readResult } from "./artefact.ts";
import { type JobContext, jobContext } from "./context.ts";
import { stageName } from "./experiment.ts";
import { type Job, jobGraph, jobsOf } from "./jobs.ts";
import { makeArtefact, type MakeError } from "./make.ts";
import { checkTrainable } from "./models.ts";
import { heldExperiment, writeExperiments } from "./record.ts";
import type { Resolved } from "./resolve.ts";

/** An experiment of a run; the names of its files begin with `prefix`, where there is one. */
export interface NamedExperiment {
  /** What the names of its files begin with. */
  readonly prefix?: string;
  /** The experiment. */
  readonly resolved: Resolved;
}

/** Where a run writes. */
export interface RunPlaces {
  /** Its run directory. */
  readonly out: string;
  /** The store of what is made, for others too; `store` beside the run directory unless said. */
  readonly store?: string;
  /** Folder of prepared annotations and features of mixtures. */
  readonly cache?: string;
  /** Whether an existing run, and what was trained for it, is moved aside first. */
  readonly fresh?: boolean;
  /** Version of the code, for the manifest. */
  readonly version: string;
}

/** What a finished run found: results of the stages of every experiment, by name. */
export interface RunResults {
  /** Its directory. */
  readonly directory: RunDirectory;
  /** What its jobs shared. */
  readonly context: JobContext;
  /** Hash of all data. */
  readonly dataHash: string;
  /** Results in the order of the experiments. */
  readonly results: readonly Readonly<Record<string, ArtefactResult>>[];
  /** Seconds since the run was begun. */
  readonly wallSeconds: number;
}

/**
 * What is run, and what its manifest and its summary say.
 * @internal
 */
export interface RunOptions<A, E, R> extends RunPlaces {
  /** Name of the run in its manifest. */
  readonly name: string;
  /** Its configuration. */
  readonly config: Json;
  /** Its seeds by name. */
  readonly seeds: Readonly<Record<string, number>>;
  /** Codec of its summary, which a finished run is read by. */
  readonly summary: t.Type<A, unknown, unknown>;
  /** Makes the summary and writes it. */
  readonly summarise: (results: RunResults) => Effect.Effect<A, E, R>;
}

/** Name of a stage's files in a run; scenes and features have none. */
const titleOf = ({ prefix }: NamedExperiment, { kind, name }: Job): string | undefined =>
  kind === "scenes" || kind === "features"
    ? undefined
    : kind === "vision" || prefix === undefined
    ? name
    : `${prefix}-${name}`;

/** Names of the stages of a run. */
export const stageNames = (experiments: readonly NamedExperiment[]): readonly string[] => [
  ...new Set(experiments.flatMap((one) => {
    const { experiment: { model, stages } } = one.resolved;
    const trained = model.vision.from === "fresh" ? ["vision"] : [];
    return [
      ...trained,
      ...stages.map((spec) => titleOf(one, { kind: "train", name: stageName(spec) } as Job)!),
    ];
  })),
];

/** Files of an artefact, and their names in the run. */
const namesFor = (
  artefact: string,
  { kind, name, resolved: { experiment }, stage }: Job,
  { prefix }: NamedExperiment,
  { path, checkpoints, metrics, samples }: RunDirectory,
  title: string,
): readonly (readonly [file: string, name: string])[] => {
  const spec = experiment.stages[stage],
    sample = [`${artefact}/samples/${name}.json`, `${samples}/${title}.json`] as const;
  if (kind !== "evaluate" || spec === undefined || !("evaluate" in spec)) {
    return [
      sample,
      [`${artefact}/metrics/${name}.jsonl`, `${metrics}/${title}.jsonl`],
      ...[
        (path: string) => path,
        (path: string) => keptPath(path, "best"),
        (path: string) => keptPath(path, "stable"),
      ]
        .map((kept) =>
          [
            kept(`${artefact}/checkpoints/${name}.safetensors`),
            kept(`${checkpoints}/${title}.safetensors`),
          ] as const
        ),
    ];
  }
  const parts = "benchmarks" in spec.evaluate ? Object.keys(spec.evaluate.benchmarks) : [name];
  const kept = (part: string): string =>
    part === name ? title : prefix === undefined ? part : `${prefix}-${part}`;
  return [
    sample,
    ...parts.map((part) => [predictionsPath(artefact, part), predictionsPath(path, kept(part))] as const),
    [`${artefact}/samples/sheet.png`, `${samples}/${prefix ?? name}.png`],
  ];
};

/** Makes something, and gives its files their names: those that grow as soon as they are there, the others at its end. */
const showing = <A, E, R>(
  names: readonly (readonly [file: string, name: string])[],
  make: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DiskError, R> => {
  const all = Effect.forEach(names, ([file, name]) => alsoNamed(file, name), { discard: true });
  const growing = Effect.forEach(
    names.filter(([file]) => file.endsWith(".jsonl")),
    ([file, name]) => Effect.ignore(alsoNamed(file, name)),
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

/** A function that tells once who is waited for. */
const tellOnce = (what: string): (holder: string) => void => {
  let told = false;
  return (holder) => {
    if (!told) notice(`${what}: waits for ${holder}`);
    told = true;
  };
};

/** Runs experiments. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const runExperiments = <A, E, R>(
  experiments: readonly NamedExperiment[],
  options: RunOptions<A, E, R>,
): Effect.Effect<A, MakeError | E, Device | R> =>
  Effect.scoped(Effect.gen(function* () {
    const { out, store = `${folderOf(out)}/store`, cache, fresh = false, version } = options;
    const began = performance.now(), { profile: { name: device } } = yield* theDevice();
    const context = yield* jobContext(store, device, version, cache);
    const jobs = yield* tried(() => {
      for (const { resolved } of experiments) checkTrainable(resolved);
      return jobGraph(experiments.map(({ resolved }) => resolved), context);
    });
    const trainings = jobs.filter(({ kind }) => kind !== "scenes" && kind !== "features");
    if (fresh) {
      for (const path of [out, ...trainings.map((job) => artefactPath(store, job))]) yield* moveAside(path);
    }
    yield* onDisk("make", store, () => Deno.mkdir(store, { recursive: true }));
    const hashes = new Set(experiments.flatMap(({ resolved }) => Object.values(resolved.hashes)));
    for (const job of jobs.filter(({ kind }) => kind === "scenes")) {
      hashes.add((yield* makeArtefact(context, job, tellOnce("scenes"))).dataHash);
    }
    const dataHash = hashOf([...hashes]);
    const begun = newManifest({
      name: options.name,
      config: options.config,
      dataHash,
      codeVersion: version,
      commit: libraryCommit(),
      code: codeHash(context.code),
      device,
      seeds: options.seeds,
      stages: stageNames(experiments),
    }, new Date().toISOString());
    const before = yield* finishedRun(out, begun, options.summary);
    if (before !== undefined) return before;
    const run = stageRun(yield* openOrCreateRun(out, begun)), done = new Set<string>();
    yield* writeExperiments(
      out,
      experiments.map((one) => ({
        ...(one.prefix === undefined ? {} : { arm: one.prefix }),
        ...heldExperiment(one.resolved, (name) => {
          const kind = name === "vision" ? "vision" : "train";
          return `checkpoints/${titleOf(one, { kind, name } as Job)!}.safetensors`;
        }),
      })),
    );
    const results: Record<string, ArtefactResult>[] = [];
    for (const [i, one] of experiments.entries()) {
      if (experiments.length > 1) notice(`${one.prefix}, arm ${i + 1} of ${experiments.length}`);
      const found: Record<string, ArtefactResult> = {};
      for (const job of jobsOf(one.resolved, context)) {
        const title = titleOf(one, job), artefact = artefactPath(store, job);
        const make = makeArtefact(context, job, tellOnce(title ?? job.name));
        if (title === undefined || done.has(title)) found[job.name] = yield* make;
        else {
          if ((yield* readResult(artefact)) !== undefined) notice(`${title}: reused (${artefact})`);
          const names = namesFor(artefact, job, one, run.directory, title);
          found[job.name] = yield* noted(run, title, () => showing(names, make))(undefined);
        }
        done.add(title ?? job.key);
      }
      results.push(found);
    }
    const wallSeconds = (performance.now() - began) / 1000;
    return yield* options.summarise({ directory: run.directory, context, dataHash, results, wallSeconds });
  }));
