/** Making one artefact from those that it needs, in its own run directory, whoever else would like to make it too. */
import type { ConfigError, TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import { type DecodeError, tried } from "../base/bridge.ts";
import type { DataError } from "../base/data_error.ts";
import type { EvalError } from "../eval/error.ts";
import type { GenerationError } from "../generate/generator.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import { libraryCommit } from "../runs/commit.ts";
import { hashOf } from "../base/hash.ts";
import { newManifest } from "../runs/manifest.ts";
import type { MetricsError } from "../runs/metrics.ts";
import { openOrCreateRun, RunError } from "../runs/run_directory.ts";
import type { LockError } from "../runs/run_lock.ts";
import { sheetOf } from "../stages/answer_sheet.ts";
import { evaluate, questionsFor } from "../stages/evaluate.ts";
import { expand } from "../stages/expand.ts";
import { finetune } from "../stages/finetune.ts";
import type { ModelState } from "../stages/model.ts";
import { freshModel, pretrain } from "../stages/pretrain.ts";
import { type LanguageData, sceneSource, vocabularyOf } from "../stages/scene_source.ts";
import { noted, type StageRun, stageRun } from "../stages/stage.ts";
import type { BatchError } from "../text/batch.ts";
import type { TrainingError } from "../train/fault.ts";
import { meanFeatures } from "../train/features.ts";
import { digestMetrics, type MetricsDigest } from "../train/digest.ts";
import { lastMean } from "../train/timing.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import { artefactPath, type ArtefactResult, readResult, writeResult } from "./artefact.ts";
import { trainEncoder } from "./encoder.ts";
import type { Experiment } from "./experiment.ts";
import { artefactName, type Job, jobsOf, type JobStage, neededFor } from "./jobs.ts";
import { dataOf, pictureJob, scenesOf, seenScenes, tokenizerOf } from "./inputs.ts";
import type { JobContext } from "./context.ts";
import { modelAfter } from "./models.ts";
import { controlScores, outcomesOf, scoresOfOutcomes } from "./outcomes.ts";

/** What making an artefact can fail with. */
export type MakeError =
  | BatchError
  | CheckpointError
  | ConfigError
  | DataError
  | DecodeError
  | DiskError
  | EvalError
  | GenerationError
  | LockError
  | MetricsError
  | RunError
  | TrainingError
  | TreeError;

/** What a job found; of scenes with the hash of their pictures, as all others have that of what they need. */
type Found = Pick<ArtefactResult, "numbers" | "outcomes"> & { readonly dataHash?: string };
type Making = Effect.Effect<Found, MakeError, Device>;

/** What a training found out. */
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

const trained = (context: JobContext, { experiment: e, stage }: Job, run: StageRun): Making =>
  Effect.gen(function* () {
    const data = yield* dataOf(context, e, stage as "pretrain" | "finetune"), source = sceneSource(data);
    const { model, seed } = e;
    if (stage === "pretrain") {
      const fresh = yield* tried(() => freshModel(e.arm, model, source.vocabulary, seed, e.resolution));
      const done = yield* pretrain(run, { name: stage, config: e.pretrain, model, source, seed })(fresh);
      return trainingNumbers(yield* digestMetrics(done.metrics));
    }
    const given = yield* modelAfter(context, e, "expand", source.vocabulary);
    const settings = { name: stage, config: e.finetune, model, source, seed: seed + 1 };
    const { metrics } = yield* finetune(run, settings)(given);
    return trainingNumbers(yield* digestMetrics(metrics));
  });

const grown = (context: JobContext, { experiment: e, stage }: Job, run: StageRun): Making =>
  Effect.gen(function* () {
    const { arm, model, seed } = e, vocabulary = vocabularyOf(yield* tokenizerOf(context, e));
    const given = yield* modelAfter(context, e, "pretrain", vocabulary);
    yield* expand(run, { name: stage, arm, model, vocabulary, seed })(given);
    return { numbers: {} };
  });

const evaluated = (context: JobContext, { experiment: e, stage }: Job, run: StageRun): Making =>
  Effect.gen(function* () {
    const data = yield* dataOf(context, e, "eval");
    const training = yield* seenScenes(context, pictureJob(context, e, "features", "finetune"));
    const given: ModelState = yield* modelAfter(context, e, "finetune", vocabularyOf(data.tokenizer));
    // all answers are kept, so that scores can be looked into; the sheet shows those about the first scenes
    const average = meanFeatures(training.features);
    const askedAbout = (name: string, about: LanguageData) =>
      evaluate(run, {
        name,
        config: { ...e.evaluate, samples: about.scenes.length },
        model: e.model,
        data: about,
        average,
      })(given);
    const evaluation = yield* askedAbout(stage, data), { answers } = evaluation;
    if (e.largeObjects !== undefined) {
      yield* askedAbout("large-objects", yield* dataOf(context, e, "large-objects"));
    }
    const answered = questionsFor(data).map((asked, i) => ({ ...asked, answer: answers[i]! }));
    const job = pictureJob(context, e, "scenes", "eval"), set = yield* scenesOf(context, job);
    const few = answered.filter((a) => a.scene < e.evaluate.samples).map((a) => a.answer);
    yield* atomicWrite(`${run.directory.samples}/sheet.png`, [sheetOf(few, set, data, job.pictures!.side)]);
    const seen = outcomesOf(answered, e.data), numbers = scoresOfOutcomes(seen);
    const control = (which: "blind" | "shuffled") => controlScores(seen, evaluation, which);
    return { numbers, outcomes: { seen, blind: control("blind"), shuffled: control("shuffled") } };
  });

const drawn = (context: JobContext, job: Job): Making =>
  Effect.map(
    scenesOf(context, job),
    ({ scenes, hash }) => ({ dataHash: hash, numbers: { scenes: scenes.length } }),
  );

const seen = (context: JobContext, job: Job): Making =>
  Effect.map(seenScenes(context, job), ({ features }) => ({
    numbers: { scenes: features.count, cells: features.cells },
  }));

const taught = (_shop: JobContext, { experiment: e }: Job, run: StageRun): Making =>
  Effect.as(trainEncoder(e, run, `${run.directory.path}/pictures`), { numbers: {} });

const makers: Readonly<Record<Job["stage"], (context: JobContext, job: Job, run: StageRun) => Making>> = {
  scenes: drawn,
  vision: taught,
  features: seen,
  pretrain: trained,
  expand: grown,
  finetune: trained,
  evaluate: evaluated,
};

/** Hash of the pictures that an artefact comes from, by those of what it needs; scenes are known by what decides them. */
const dataHashOf = (job: Job, needs: readonly ArtefactResult[]): string => {
  const hashes = [...new Set(needs.map(({ dataHash }) => dataHash))];
  return hashes.length === 0 ? job.key : hashes.length === 1 ? hashes[0]! : hashOf(hashes);
};

/**
 * Hears which process is waited for.
 * @internal
 */
export type OnWait = (holder: string) => void;

/** Time between two tries at a lock. */
const PATIENCE = "250 millis";

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
              mend: "make that first; whole experiments do",
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
    const { seed, data, evaluate: { seed: evaluation } } = job.experiment;
    const manifest = newManifest({
      name: artefactName(job),
      config: job.config,
      dataHash,
      codeVersion: context.version,
      commit: libraryCommit(),
      device: context.device,
      seeds: { data: data.seed, model: seed, evaluation },
      stages: [job.stage],
    }, new Date().toISOString());
    const opened = yield* openOrCreateRun(path, manifest).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error._tag === "LockError") onWait(error.got);
        })
      ),
      Effect.retry({
        while: (error) => error._tag === "LockError",
        schedule: Schedule.spaced(PATIENCE),
      }),
    );
    const meanwhile = yield* readResult(path);
    if (meanwhile !== undefined) return meanwhile;
    const began = performance.now(), run = stageRun(opened);
    const found = yield* noted(run, job.stage, () => makers[job.stage](context, job, run))(undefined);
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

/** An artefact of an experiment and all that it needs, one after the other in this process. */
export const makeStage = (
  context: JobContext,
  experiment: Experiment,
  stage: JobStage,
): Effect.Effect<ArtefactResult & { readonly directory: string }, MakeError, Device> =>
  Effect.gen(function* () {
    const jobs = yield* tried(() => jobsOf(experiment, context));
    const wanted = jobs.findLast((job) => job.stage === stage);
    if (wanted === undefined) {
      return yield* Effect.fail(
        new RunError({
          op: `make ${stage}`,
          got: "an experiment that takes the shipped encoder",
          expected: "one that trains its own",
          mend: "give it steps: vision.steps=400",
          path: context.store,
        }),
      );
    }
    for (const job of neededFor(jobs, [wanted.key])) yield* makeArtefact(context, job);
    const directory = artefactPath(context.store, wanted), result = yield* makeArtefact(context, wanted);
    return { ...result, directory };
  });
