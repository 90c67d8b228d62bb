/**
 * The quickstart: every arm as an experiment with one seed, made by the jobs of `ablations/` in their store. Its run
 * directory holds what they made under the names of the arms, so that a store is all that it shares with others.
 */
import { type Device, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { artefactPath, readResult } from "../engine/artefact.ts";
import { codeHash } from "../stages/code.ts";
import { baseOf, type Experiment } from "../engine/experiment.ts";
import { type Job, jobGraph, jobsOf } from "../engine/jobs.ts";
import { makeArtefact, type MakeError } from "../engine/make.ts";
import { tokenizerOf } from "../engine/inputs.ts";
import { jobContext } from "../engine/context.ts";
import { tried } from "../base/bridge.ts";
import { type DiskError, existing, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { libraryCommit } from "../runs/commit.ts";
import { hashOf, type Json } from "../base/hash.ts";
import { newManifest } from "../runs/manifest.ts";
import { finishedRun, openOrCreateRun, type RunDirectory } from "../runs/run_directory.ts";
import { acquireLock, type LockError } from "../runs/run_lock.ts";
import { alsoNamed } from "../runs/second_name.ts";
import { predictionsPath } from "../stages/predictions.ts";
import { vocabularyOf } from "../stages/scene_source.ts";
import { noted, stageRun } from "../stages/stage.ts";
import { notice } from "../terminal/output.ts";
import type { QuickstartConfig } from "../ablations/quickstart_config.ts";
import { writeReport } from "./report.ts";
import { type ArmResult, armResult, type Summary, summaryCodec, summaryOf } from "./summary.ts";

/** Everything that a quickstart can fail with. */
export type QuickstartError = MakeError;

/** Where a quickstart writes. */
export interface QuickstartPlaces {
  /** Its run directory. */
  readonly out: string;
  /** The store of what is made, for others too; `store` beside the run directory unless said. */
  readonly store?: string;
  /** Whether a run that stands there, and what was trained for it, is moved aside first. */
  readonly fresh: boolean;
  /** Version of the code, for the manifest. */
  readonly version: string;
}

const languageStages: readonly Job["stage"][] = ["pretrain", "expand", "finetune", "evaluate"];

/** Names of all stages of a configuration. */
export const stageNames = (config: QuickstartConfig): readonly string[] => [
  ...(config.vision.steps > 0 ? ["vision"] : []),
  ...config.arms.flatMap(({ name }) => languageStages.map((stage) => `${name}-${stage}`)),
];

/** The experiments of a configuration, one an arm. */
export const quickstartExperiments = (config: QuickstartConfig): readonly Experiment[] =>
  config.arms.map((arm) => ({ ...baseOf(config), arm, seed: config.seed }));

/** The name of a job's stage in the run; scenes and features have none. */
const titleOf = ({ stage }: Job, { arm }: Experiment): string | undefined =>
  stage === "vision" ? stage : languageStages.includes(stage) ? `${arm.name}-${stage}` : undefined;

/** Files of an artefact, and their names in the run. */
const namesFor = (
  artefact: string,
  { stage }: Job,
  { arm }: Experiment,
  { path, checkpoints, metrics, samples }: RunDirectory,
  title: string,
): readonly (readonly [file: string, name: string])[] =>
  stage === "evaluate"
    ? [
      [`${artefact}/samples/evaluate.json`, `${samples}/${title}.json`],
      [predictionsPath(artefact, stage), predictionsPath(path, title)],
      [`${artefact}/samples/sheet.png`, `${samples}/${arm.name}.png`],
    ]
    : [
      [`${artefact}/metrics/${stage}.jsonl`, `${metrics}/${title}.jsonl`],
      [`${artefact}/checkpoints/${stage}.safetensors`, `${checkpoints}/${title}.safetensors`],
    ];

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

/** The whole quickstart. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const quickstart = (
  config: QuickstartConfig,
  { out, store = `${folderOf(out)}/store`, fresh, version }: QuickstartPlaces,
): Effect.Effect<Summary, QuickstartError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now(), { profile: { name: device } } = yield* theDevice();
    const context = yield* jobContext(store, device, version), experiments = quickstartExperiments(config);
    const jobs = yield* tried(() => jobGraph(experiments, context));
    const trainings = jobs.filter(({ stage }) => stage !== "scenes" && stage !== "features");
    if (fresh) {
      for (const path of [out, ...trainings.map((job) => artefactPath(store, job))]) yield* moveAside(path);
    }
    yield* onDisk("make", store, () => Deno.mkdir(store, { recursive: true }));
    const hashes: string[] = [];
    for (const job of jobs.filter(({ stage }) => stage === "scenes")) {
      hashes.push((yield* makeArtefact(context, job, tellOnce("scenes"))).dataHash);
    }
    const dataHash = hashOf(hashes);
    const begun = newManifest({
      name: `quickstart-${config.scale}`,
      config: config as unknown as Json,
      dataHash,
      codeVersion: version,
      commit: libraryCommit(),
      code: codeHash(context.code),
      device,
      seeds: { data: config.data.seed, model: config.seed, evaluation: config.evaluate.seed },
      stages: stageNames(config),
    }, new Date().toISOString());
    const before = yield* finishedRun(out, begun, summaryCodec());
    if (before !== undefined) return before;
    const opened = yield* openOrCreateRun(out, begun);
    const run = stageRun(opened), done = new Set<string>(), results: ArmResult[] = [];
    for (const [i, experiment] of experiments.entries()) {
      notice(`${experiment.arm.name}, arm ${i + 1} of ${experiments.length}`);
      for (const job of jobsOf(experiment, context)) {
        const title = titleOf(job, experiment), artefact = artefactPath(store, job);
        if (done.has(title ?? job.key)) continue;
        done.add(title ?? job.key);
        const make = makeArtefact(context, job, tellOnce(title ?? job.stage));
        if (title === undefined) yield* make;
        else {
          if ((yield* readResult(artefact)) !== undefined) {
            notice(`${title} stands in ${artefact}`);
          }
          const names = namesFor(artefact, job, experiment, run.directory, title);
          yield* noted(run, title, () => showing(names, make))(undefined);
        }
      }
      results.push(yield* armResult(run.directory, experiment.arm));
    }
    const summary = summaryOf(config, results, {
      dataHash,
      device,
      vocabulary: vocabularyOf(yield* tokenizerOf(context, experiments[0]!)),
      wallSeconds: (performance.now() - began) / 1000,
    });
    yield* writeReport(run.directory, summary);
    return summary;
  }));
