/** Scenes, encoders and features of experiments, kept in memory for the jobs of one process that need them again. */
import type { TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DataError } from "../base/data_error.ts";
import { hashOf } from "../base/hash.ts";
import { loadMixture } from "../mixtures/mixture_config.ts";
import { type MixtureError, type OpenMixture, openMixture } from "../mixtures/mixture_open.ts";
import { oneRank, type Ranks, theRanks } from "../ranks/ranks.ts";
import type { SceneSet } from "../images/image_set.ts";
import { renderDataset } from "../scenes/workers.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import { type MixtureFeatures, openMixtureFeatures } from "../stages/mixture_source.ts";
import { type PlacedBridge, viewsRead } from "../stages/model.ts";
import type { LanguageData } from "../stages/scene_source.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureError, type FeatureSet, featuresOf } from "../train/features.ts";
import type { FillError } from "../train/fill_features.ts";
import type { VisionWeights } from "../vision/weights.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import type { LoadError } from "../weights/huggingface/load.ts";
import { artefactPath } from "./artefact.ts";
import { type JobContext, keeping } from "./context.ts";
import type { Experiment } from "./experiment.ts";
import { type Job, jobsOf, rowsOf, type SeenScenes } from "./jobs.ts";
import { encoderFrom } from "./models.ts";
import type { Resolved } from "./resolve.ts";

/** The artefact of the scenes, or of the features, that some images are. */
export const imageJob = (
  context: JobContext,
  resolved: Resolved,
  kind: "scenes" | "features",
  { split, side, tiles, data, count }: SeenScenes,
): Job =>
  jobsOf(resolved, context).find(({ kind: made, images: p }) =>
    made === kind && p!.split === split && p!.side === side && p!.count === count &&
    (kind === "scenes" || p!.tiles === tiles) && hashOf(p!.data) === hashOf(data)
  )!;

/** The scenes of an artefact, drawn, or read from where they were kept. */
export const scenesOf = (context: JobContext, job: Job): Effect.Effect<SceneSet, DataError> => {
  const { split, side, count, data } = job.images!;
  return renderDataset(data, split, count, {
    sides: [side],
    cache: `${artefactPath(context.store, job)}/images`,
  });
};

/** The encoder of an experiment; its numbers are read when they are needed. */
export const encoderOf = (
  context: JobContext,
  resolved: Resolved,
): Effect.Effect<VisionWeights, CheckpointError | LoadError | TreeError> => {
  const { experiment: { model: { vision } }, hashes } = resolved;
  const job = jobsOf(resolved, context).find(({ kind }) => kind === "vision");
  const trained = job && `${artefactPath(context.store, job)}/checkpoints/vision.safetensors`;
  return keeping(context, hashOf({ vision, hashes, job: job?.key ?? null }), encoderFrom(resolved, trained));
};

/** Images in memory are many bytes: only records, hash and features are kept. */
export interface EncodedScenes {
  /** The records. */
  readonly scenes: SceneSet["scenes"];
  /** Hash of the images. */
  readonly hash: string;
  /** What the encoder saw. */
  readonly features: FeatureSet;
}

/** Images per submit when features are computed, unless an experiment says another number. */
const FEATURE_BATCH = 32;

/** Features of an artefact, computed, by all of some ranks, or read from where they were kept. */
export const encodedScenes = (
  context: JobContext,
  job: Job,
  ranks: Ranks = oneRank,
): Effect.Effect<EncodedScenes, DataError | FeatureError | LoadError | TreeError, Device> =>
  keeping(
    context,
    job.key,
    Effect.gen(function* () {
      const { resolved, resolved: { experiment } } = job, { split, side, tiles } = job.images!;
      const set = yield* scenesOf(context, imageJob(context, resolved, "scenes", job.images!));
      const features = yield* featuresOf(set, yield* encoderOf(context, resolved), {
        side,
        tiles,
        batch: Math.max(1, Math.floor((experiment.featureBatch ?? FEATURE_BATCH) * (112 / side) ** 2)),
        cache: `${artefactPath(context.store, job)}/checkpoints`,
        label: `features of ${split}`,
      }).pipe(Effect.provideService(theRanks, ranks));
      return { scenes: set.scenes, hash: set.hash, features };
    }),
  );

/** The encoding of an experiment's world. */
export const tokenizerOf = (
  context: JobContext,
  { world }: Pick<Experiment, "world">,
): Effect.Effect<Tokenizer> => keeping(context, hashOf(world), Effect.sync(() => tokenizerFor(world!)));

/** Scenes as a stage learns from them or is asked about them. */
export const sceneData = (
  context: JobContext,
  resolved: Resolved,
  stage: number,
  seen: SeenScenes,
): Effect.Effect<
  LanguageData & { readonly hash: string },
  DataError | FeatureError | LoadError | TreeError,
  Device
> =>
  Effect.gen(function* () {
    const { scenes, features, hash } = yield* encodedScenes(
      context,
      imageJob(context, resolved, "features", seen),
    );
    const { length, turns } = rowsOf(resolved, stage);
    const tokenizer = yield* tokenizerOf(context, resolved.experiment);
    return { scenes, features, hash, data: seen.data, text: { length, turns }, tokenizer };
  });

/**
 * What opening a mixture with its features can fail with.
 * @internal
 */
export type MixtureInputError = FeatureError | FillError | LoadError | MixtureError | TreeError;

/** A mixture that an experiment names. */
export const openedMixture = (
  context: JobContext,
  file: string,
): Effect.Effect<OpenMixture, MixtureError, Scope.Scope> =>
  Effect.flatMap(loadMixture(file), (config) => openMixture(config, context.cache));

/** A mixture with features of its images by an encoder, of the views that a bridge reads. */
export const mixtureFeatures = (
  context: JobContext,
  { experiment }: Resolved,
  file: string,
  weights: VisionWeights,
  bridge: PlacedBridge,
  label: string,
): Effect.Effect<MixtureFeatures, MixtureInputError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { cache: folder, device, code: { store: code } } = context;
    const mixture = yield* openedMixture(context, file);
    return yield* openMixtureFeatures(mixture, weights, viewsRead(bridge), { folder, device, code }, {
      batch: experiment.featureBatch ?? FEATURE_BATCH,
      label: `features of ${label}`,
    });
  });
