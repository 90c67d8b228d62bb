/** Scenes, encoder and features of experiments, kept in memory for the jobs of one process that need them again. */
import type { NdArray, TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { DataError } from "../base/data_error.ts";
import type { SceneSet } from "../images/picture_set.ts";
import { renderDataset } from "../scenes/workers.ts";
import { hashOf } from "../base/hash.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import type { LanguageData } from "../stages/scene_source.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureError, type FeatureSet, featuresOf } from "../train/features.ts";
import { loadVision, shippedWeights, type VisionWeights } from "../vision/weights.ts";
import { load } from "../weights/checkpoint.ts";
import { artefactPath } from "./artefact.ts";
import type { Experiment } from "./experiment.ts";
import { dataIn, type Job, jobsOf, type LanguageSplit, scenesIn } from "./jobs.ts";
import { encoderParams } from "./models.ts";
import { type JobContext, keeping } from "./context.ts";

/** The artefact of scenes or features of a split. */
export const pictureJob = (
  context: JobContext,
  e: Experiment,
  stage: "scenes" | "features",
  split: LanguageSplit,
): Job => jobsOf(e, context).find((job) => job.stage === stage && job.pictures?.split === split)!;

/** The scenes of an artefact, drawn, or read from where they were kept. */
export const scenesOf = (context: JobContext, job: Job): Effect.Effect<SceneSet, DataError> => {
  const { split, side } = job.pictures!, { experiment: e } = job;
  const cache = `${artefactPath(context.store, job)}/pictures`;
  return renderDataset(dataIn(e, split), split, scenesIn(e, split), { sides: [side], cache });
};

/** The encoder of an experiment: the shipped one, or the one that was trained for it. */
export const encoderOf = (
  context: JobContext,
  e: Experiment,
): Effect.Effect<VisionWeights, FeatureError> => {
  const job = jobsOf(e, context).find(({ stage }) => stage === "vision");
  if (job === undefined) return keeping(context, "shipped encoder", loadVision(shippedWeights()));
  const path = `${artefactPath(context.store, job)}/checkpoints/vision.safetensors`;
  return Effect.gen(function* () {
    const { tensors, hash } = yield* load(path);
    return { params: yield* encoderParams(tensors as Readonly<Record<string, NdArray>>), hash };
  });
};

/** Pictures in memory are many bytes: only records, hash and features are kept. */
export interface SeenScenes {
  /** The records. */
  readonly scenes: SceneSet["scenes"];
  /** Hash of the pictures. */
  readonly hash: string;
  /** What the encoder saw. */
  readonly features: FeatureSet;
}

/** Features of an artefact, computed, or read from where they were kept. */
export const seenScenes = (
  context: JobContext,
  job: Job,
): Effect.Effect<SeenScenes, DataError | FeatureError | TreeError, Device> =>
  keeping(
    context,
    job.key,
    Effect.gen(function* () {
      const e = job.experiment, { split, side, tiles } = job.pictures!;
      const set = yield* scenesOf(context, pictureJob(context, e, "scenes", split));
      const features = yield* featuresOf(set, yield* encoderOf(context, e), {
        side,
        tiles,
        batch: Math.max(1, Math.floor(e.featureBatch * (112 / side) ** 2)),
        cache: `${artefactPath(context.store, job)}/checkpoints`,
        label: `features of ${split}`,
      });
      return { scenes: set.scenes, hash: set.hash, features };
    }),
  );

/** The encoding of an experiment. */
export const tokenizerOf = (context: JobContext, e: Experiment): Effect.Effect<Tokenizer> =>
  keeping(context, hashOf([e.data, e.vocabulary]), Effect.sync(() => tokenizerFor(e)));

/** What a stage of an experiment learns from or is asked about. */
export const dataOf = (
  context: JobContext,
  e: Experiment,
  split: LanguageSplit,
): Effect.Effect<LanguageData & { readonly hash: string }, DataError | FeatureError | TreeError, Device> =>
  Effect.gen(function* () {
    const { scenes, features, hash } = yield* seenScenes(context, pictureJob(context, e, "features", split));
    const text = split === "pretrain" ? e.text.pretrain : e.text.finetune;
    return {
      scenes,
      features,
      hash,
      data: dataIn(e, split),
      text,
      tokenizer: yield* tokenizerOf(context, e),
    };
  });
