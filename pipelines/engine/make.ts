/** Making one artefact from those that it needs, in its own run directory, whatever else would like to make it too. */
import type { ConfigError, TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { type DecodeError, fromEither, tried } from "../base/bridge.ts";
import type { DataError } from "../base/data_error.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import type { EvalError } from "../eval/error.ts";
import type { GenerationError } from "../generate/generator.ts";
import { onLead, type RanksError, theRanks } from "../ranks/ranks.ts";
import { libraryCommit } from "../runs/commit.ts";
import { newManifest } from "../runs/manifest.ts";
import type { MetricsError } from "../runs/metrics.ts";
import { openOrCreateRun, RunError, writeJson } from "../runs/run_directory.ts";
import type { LockError } from "../runs/run_lock.ts";
import type { RecordAnswerError } from "../stages/answer_records.ts";
import { answerGrid } from "../stages/answer_grid.ts";
import { apart, seesImages, withEncoder } from "../stages/encoder.ts";
import { evaluate, questionsFor } from "../stages/evaluate.ts";
import { expand } from "../stages/expand.ts";
import { type MixtureBatchError, openMixtureImages } from "../stages/mixture_source.ts";
import type { ModelState } from "../stages/model.ts";
import { sceneSource } from "../stages/scene_source.ts";
import type { LanguageSource } from "../stages/source.ts";
import { noted, type StageRun, stageRun } from "../stages/stage.ts";
import { languageStage } from "../stages/train.ts";
import type { BatchError } from "../text/batch.ts";
import { digestMetrics, type MetricsDigest } from "../train/digest.ts";
import { type FeatureError, meanFeatures } from "../train/features.ts";
import { lastMean } from "../train/timing.ts";
import type { TrainError } from "../train/trainer.ts";
import { artefactPath, type ArtefactResult, readResult, writeResult } from "./artefact.ts";
import type { JobContext } from "./context.ts";
import { trainEncoder } from "./encoder.ts";
import {
  type MixtureQuestions,
  modelStage,
  type SceneQuestions,
  stageName,
  trainsOf,
  type TrainSpec,
} from "./experiment.ts";
import {
  encodedScenes,
  encoderOf,
  imageJob,
  mixtureFeatures,
  type MixtureInputError,
  openedMixture,
  sceneData,
  scenesOf,
} from "./inputs.ts";
import { artefactName, type Job, jobsOf, neededFor, scenesRead, type SeenScenes } from "./jobs.ts";
import { evaluatePart, imagesShown, type PartScores } from "./mixture_evaluate.ts";
import { mixtureSummary } from "./mixture_summary.ts";
import { modelAfter, seesAt, startingModel } from "./models.ts";
import { controlScores, creditScore, sampleScoresOf, scoresOfSamples } from "./sample_scores.ts";
import { onAllRanks } from "./rank_tasks.ts";
import { writeRecord } from "./record.ts";
import type { Resolved, ResolveError } from "./resolve.ts";
import { heldOutOf } from "./validation.ts";

/** What making an artefact can fail with. */
export type MakeError =
  | BatchError
  | ConfigError
  | DataError
  | DecodeError
  | DiskError
  | EvalError
  | FeatureError
  | GenerationError
  | LockError
  | MetricsError
  | MixtureBatchError
  | MixtureInputError
  | RanksError
  | RecordAnswerError
  | ResolveError
  | RunError
  | TrainError
  | TreeError;

/** Findings of a job; of scenes with the hash of their images, as all others have that of what they need. */
type Found = Pick<ArtefactResult, "numbers" | "outcomes"> & { readonly dataHash?: string };
type Making = Effect.Effect<Found, MakeError, Device>;

/** Findings of a training. */
const trainingNumbers = ({ first, last, timing, losses }: MetricsDigest): Found => {
  const { stepSeconds, measuredSeconds } = timing, { skipped } = last;
  return {
    numbers: {
      firstLoss: first.loss as number,
      loss: lastMean(losses.filter((loss) => Number.isFinite(loss))),
      secondsPerStep: stepSeconds,
      measuredSeconds,
      ...(typeof skipped === "number" ? { skipped } : {}),
    },
  };
};

/** The model that a stage is given: as the stage before left it, or before any. */
const givenTo = (
  context: JobContext,
  resolved: Resolved,
  stage: number,
): Effect.Effect<ModelState, MakeError> => {
  const before = modelStage(resolved.experiment, stage - 1);
  return before < 0 ? startingModel(resolved) : modelAfter(context, resolved, before);
};

/** The data of a training, and the model with an encoder before it where that is trained. */
const learned = (
  context: JobContext,
  { resolved, stage }: Job,
  run: StageRun,
  { name, data }: TrainSpec,
): Effect.Effect<
  { readonly source: LanguageSource<MixtureBatchError>; readonly given: ModelState },
  MakeError,
  Device | Scope.Scope
> =>
  Effect.gen(function* () {
    const before = yield* givenTo(context, resolved, stage), sees = seesAt(resolved.experiment, stage);
    if (typeof data !== "string") {
      const [seen] = scenesRead(resolved, stage) as [SeenScenes];
      return { source: sceneSource(yield* sceneData(context, resolved, stage, seen)), given: before };
    }
    const weights = yield* encoderOf(context, resolved);
    if (!sees) {
      const { mixture, source } = yield* mixtureFeatures(
        context,
        resolved,
        data,
        weights,
        before.bridge,
        name,
      );
      yield* onLead(writeJson(`${run.directory.samples}/${name}.json`, mixtureSummary(mixture)));
      return { source, given: before };
    }
    const opened = yield* openedMixture(context, data);
    const { mixture, source } = yield* openMixtureImages(
      opened,
      { side: before.bridge.resolution },
      context.cache,
    );
    yield* onLead(writeJson(`${run.directory.samples}/${name}.json`, mixtureSummary(mixture)));
    return { source, given: seesImages(before) ? before : withEncoder(before, weights) };
  });

const trained = (context: JobContext, job: Job, run: StageRun, spec: TrainSpec): Making =>
  Effect.scoped(Effect.gen(function* () {
    const { source, given } = yield* learned(context, job, run, spec);
    const { name, data: _data, heldOut: _heldOut, ...config } = spec;
    const held = yield* heldOutOf(context, job, run, spec, given, source);
    const { experiment, parts } = job.resolved;
    const seed = experiment.seed + trainsOf(experiment).findIndex((one) => one.name === name);
    const { metrics } = yield* languageStage<MakeError, Device>(run, {
      name,
      config,
      model: parts,
      source,
      seed,
      ...held,
    })(given);
    // others than rank 0 have no metrics
    if ((yield* theRanks).rank > 0) return { numbers: {} };
    return trainingNumbers(yield* digestMetrics(metrics));
  }));

const askedScenes = (
  context: JobContext,
  { resolved, stage }: Job,
  run: StageRun,
  spec: SceneQuestions,
): Making =>
  Effect.gen(function* () {
    const { parts, experiment } = resolved, name = stageName(experiment.stages[stage]!);
    const [rows, eval_, ...controls] = scenesRead(resolved, stage) as [SeenScenes, SeenScenes];
    const training = yield* encodedScenes(context, imageJob(context, resolved, "features", rows));
    const data = yield* sceneData(context, resolved, stage, eval_),
      given = yield* givenTo(context, resolved, stage);
    // all answers are kept, so that scores can be looked into; the sheet shows those about the first scenes
    const average = meanFeatures(training.features), { batch, resamples, seed, samples } = spec;
    const askedAbout = (title: string, about: typeof data) => {
      const config = { batch, resamples, seed, samples: about.scenes.length };
      return evaluate(run, { name: title, config, model: parts, data: about, average })(given);
    };
    const evaluation = yield* askedAbout(name, data), { answers } = evaluation;
    for (const control of controls as readonly SeenScenes[]) {
      yield* askedAbout(control.split, yield* sceneData(context, resolved, stage, control));
    }
    const answered = questionsFor(data).map((asked, i) => ({ ...asked, answer: answers[i]! }));
    const set = yield* scenesOf(context, imageJob(context, resolved, "scenes", eval_));
    const few = answered.filter((a) => a.scene < samples).map((a) => a.answer);
    yield* onLead(
      atomicWrite(`${run.directory.samples}/sheet.png`, [answerGrid(few, set, data, eval_.side)]),
    );
    const seen = sampleScoresOf(answered, eval_.data), numbers = scoresOfSamples(seen);
    const control = (which: "blind" | "shuffled") => controlScores(seen, evaluation, which);
    return { numbers, outcomes: { seen, blind: control("blind"), shuffled: control("shuffled") } };
  });

/** Images that the trainings before a stage showed, by content. */
const imagesTrained = (
  context: JobContext,
  { resolved: { experiment }, stage }: Job,
): Effect.Effect<ReadonlySet<string>, MakeError, Scope.Scope> => {
  const files = trainsOf({ stages: experiment.stages.slice(0, stage) }).flatMap(({ data }) =>
    typeof data === "string" ? [data] : []
  );
  return Effect.map(Effect.forEach(files, (file) => openedMixture(context, file)), imagesShown);
};

const askedMixture = (context: JobContext, job: Job, run: StageRun, spec: MixtureQuestions): Making =>
  Effect.scoped(Effect.gen(function* () {
    const { resolved, stage } = job, { data, benchmarks, batch, tokens } = spec;
    const whole = yield* givenTo(context, resolved, stage), { tower } = resolved.parts;
    const { model: state, encoder } = seesImages(whole)
      ? yield* fromEither(apart(whole, tower))
      : { model: whole, encoder: yield* encoderOf(context, resolved) };
    const { mixture, store } = yield* mixtureFeatures(
      context,
      resolved,
      data,
      encoder,
      state.bridge,
      job.name,
    );
    const trained = yield* imagesTrained(context, job), scores: Record<string, PartScores> = {};
    const { path: directory } = run.directory, model = resolved.parts;
    const numbers: Record<string, number> = {}, seen: Record<string, ReturnType<typeof creditScore>> = {};
    const shuffled: Record<string, number> = {};
    for (const [part, benchmark] of Object.entries(benchmarks)) {
      const { credits, ...found } = yield* evaluatePart({
        directory,
        model,
        state,
        mixture,
        part,
        benchmark,
        store,
        batch,
        tokens,
        trained,
      });
      const { main, values } = found.scores;
      scores[part] = found;
      numbers[part] = values[main] ?? NaN;
      seen[part] = creditScore(credits);
      if (found.shuffled !== null) shuffled[part] = found.shuffled.values[main] ?? NaN;
    }
    yield* onLead(writeJson(`${run.directory.samples}/${job.name}.json`, {
      scores,
      mixture: mixtureSummary(mixture),
    }));
    return { numbers, outcomes: { seen, blind: {}, shuffled } };
  }));

const grown = (context: JobContext, { resolved, stage, name }: Job, run: StageRun): Making =>
  Effect.gen(function* () {
    const { experiment: { seed, stages }, parts: model } = resolved, spec = stages[stage]!;
    const expansion = "expand" in spec ? spec.expand.by : null;
    yield* expand(run, { name, expansion, model, seed })(yield* givenTo(context, resolved, stage));
    return { numbers: {} };
  });

const drawn = (context: JobContext, job: Job): Making =>
  Effect.map(
    scenesOf(context, job),
    ({ scenes, hash }) => ({ dataHash: hash, numbers: { scenes: scenes.length } }),
  );

const encoded = (context: JobContext, job: Job): Making =>
  Effect.map(Effect.flatMap(theRanks, (ranks) => encodedScenes(context, job, ranks)), ({ features }) => ({
    numbers: { scenes: features.count, cells: features.cells },
  }));

/** Makes what a job is for; on several ranks features, trainings and evaluations are made by all. */
export const made = (context: JobContext, job: Job, run: StageRun): Making => {
  const spec = job.resolved.experiment.stages[job.stage];
  if (job.kind === "scenes") return drawn(context, job);
  if (job.kind === "features") return onAllRanks(job, run, encoded(context, job));
  if (spec === undefined) {
    const training = trainEncoder(job.resolved.experiment, run, `${run.directory.path}/images`);
    return Effect.as(training, { numbers: {} });
  }
  if ("train" in spec) return onAllRanks(job, run, trained(context, job, run, spec.train));
  if ("expand" in spec) return grown(context, job, run);
  return onAllRanks(
    job,
    run,
    "benchmarks" in spec.evaluate
      ? askedMixture(context, job, run, spec.evaluate)
      : askedScenes(context, job, run, spec.evaluate),
  );
};

/** Hash of the data that an artefact comes from: its mixture, and what it needs; scenes are known by what decides them. */
const dataHashOf = (job: Job, needs: readonly ArtefactResult[]): string => {
  const { experiment: { stages }, hashes: files } = job.resolved, spec = stages[job.stage];
  const data = spec === undefined || "expand" in spec
    ? undefined
    : "train" in spec
    ? spec.train.data
    : spec.evaluate.data;
  const own = typeof data === "string" ? [files[data]!] : [];
  const hashes = [...new Set([...own, ...needs.map(({ dataHash }) => dataHash)])];
  return hashes.length === 0 ? job.key : hashes.length === 1 ? hashes[0]! : hashOf(hashes);
};

/** Hears which process is waited for. */
export type OnWait = (holder: string) => void;

/** Time between two tries at a lock. */
const RETRY_INTERVAL = "250 millis";

/** Results of what a job needs; one that is not there is an error. */
const needsOf = (
  context: JobContext,
  job: Job,
): Effect.Effect<readonly ArtefactResult[], DecodeError | DiskError | RunError> =>
  Effect.forEach(
    job.needs,
    (need) =>
      Effect.flatMap(readResult(artefactPath(context.store, need)), (result) =>
        result === undefined
          ? Effect.fail(
            new RunError({
              op: `make ${artefactName(job)}`,
              got: `no finished ${artefactName(need)}`,
              expected: "everything that it needs in the store",
              hint: "make that first; whole experiments do",
              path: context.store,
            }),
          )
          : Effect.succeed(result)),
  );

/**
 * The artefact of a job whose needs are there: read where it is finished, made or gone on with where it is not. One that
 * another process makes is waited for.
 */
export const makeArtefact = (
  context: JobContext,
  job: Job,
  onWait: OnWait = () => {},
): Effect.Effect<ArtefactResult, MakeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const path = artefactPath(context.store, job), before = yield* readResult(path);
    if (before !== undefined) return before;
    const needs = yield* needsOf(context, job), dataHash = dataHashOf(job, needs);
    const { experiment: { seed, world } } = job.resolved;
    const manifest = newManifest({
      name: artefactName(job),
      config: job.config,
      dataHash,
      codeVersion: context.version,
      commit: libraryCommit(),
      device: context.device,
      seeds: { model: seed, ...(world === undefined ? {} : { data: world.data.seed }) },
      stages: [job.name],
    }, new Date().toISOString());
    const opened = yield* openOrCreateRun(path, manifest).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error._tag === "LockError") onWait(error.got);
        })
      ),
      Effect.retry({
        while: (error) => error._tag === "LockError",
        schedule: Schedule.spaced(RETRY_INTERVAL),
      }),
    );
    const meanwhile = yield* readResult(path);
    if (meanwhile !== undefined) return meanwhile;
    const began = performance.now(), run = stageRun(opened);
    yield* writeRecord(path, job, context);
    const found = yield* noted(run, job.name, () => made(context, job, run))(undefined);
    const result: ArtefactResult = {
      format: 1,
      key: job.key,
      dataHash,
      seconds: (performance.now() - began) / 1000,
      ...found,
    };
    yield* writeResult(path, result);
    return result;
  }));

/** The artefact of a stage of an experiment and all that it needs, one after the other in this process. */
export const makeStage = (
  context: JobContext,
  resolved: Resolved,
  name: string,
): Effect.Effect<ArtefactResult & { readonly directory: string }, MakeError, Device> =>
  Effect.gen(function* () {
    const jobs = yield* tried(() => jobsOf(resolved, context));
    const wanted = jobs.findLast((job) => job.name === name);
    if (wanted === undefined) {
      return yield* Effect.fail(
        new RunError({
          op: `make ${name}`,
          got: `the experiment ${resolved.experiment.name}, which has no such stage`,
          expected: `one of ${[...new Set(jobs.map((job) => job.name))].join(", ")}`,
          hint: "name one of its stages",
          path: context.store,
        }),
      );
    }
    for (const job of neededFor(jobs, [wanted.key])) yield* makeArtefact(context, job);
    const directory = artefactPath(context.store, wanted), result = yield* makeArtefact(context, wanted);
    return { ...result, directory };
  });
