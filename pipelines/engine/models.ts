/** Models of an experiment: before its first stage, and as earlier jobs left them. */
import {
  ConfigError,
  type ParameterSpec,
  specTrees,
  type Tree,
  type TreeError,
  under,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { modelOf, type ModelState, seeingModelOf } from "../stages/model.ts";
import { freshModel, type LoadedParams } from "../stages/train.ts";
import type { TrainingError } from "../train/fault.ts";
import { PARAMS, trainedWeights } from "../train/saved_state.ts";
import type { TrainingResult } from "../train/training.ts";
import { visionTower } from "../vision/tower.ts";
import { loadVision, shippedWeights, type VisionWeights } from "../vision/weights.ts";
import { type CheckpointError, open } from "../weights/checkpoint.ts";
import { type LoadError, openDecoder, openVisionTower } from "../weights/huggingface/load.ts";
import { fromOrigin, type LazyArray, lazyParams, lazyTrees } from "../weights/lazy.ts";
import { loadShipped } from "../decoder/shipped.ts";
import { artefactPath } from "./artefact.ts";
import type { JobContext } from "./context.ts";
import { type Experiment, stageName } from "./experiment.ts";
import { bridgeAfter, jobNamed } from "./jobs.ts";
import type { Resolved } from "./resolve.ts";

/** The encoder of an experiment: the shipped one, one of another project, or the one in the checkpoint of its training. */
export const encoderFrom = (
  { experiment: { model: { vision } }, parts: { tower }, hashes }: Resolved,
  trained: string | undefined,
): Effect.Effect<VisionWeights, CheckpointError | LoadError | TreeError> =>
  Effect.scoped(Effect.gen(function* () {
    if (vision.from === "shipped") return yield* loadVision(shippedWeights());
    if (vision.from === "fresh") {
      const { arrays, hash } = yield* open(trained!);
      const specs = vitSpecs(visionTower.config) as Tree<ParameterSpec>;
      return { tower, params: yield* lazyParams(arrays, specs, `${PARAMS}vit.`), hash: hash! };
    }
    const { folder, blocks } = vision, hash = hashOf({ model: hashes[folder], blocks: blocks ?? null });
    const { params } = yield* openVisionTower(folder, blocks === undefined ? {} : { blocks });
    return { tower, params: fromOrigin(params, { source: folder, hash: hashes[folder]! }), hash };
  }));

/** Whether some training up to a stage trains the vision encoder, which then reads images instead of stored features. */
export const seesAt = ({ stages }: Pick<Experiment, "stages">, stage: number): boolean =>
  stages.slice(0, stage + 1).some((spec) =>
    "train" in spec && spec.train.trainable.some((path) => under("vision")(path))
  );

/** The last stage up to a number that leaves a model: a training or an expansion. */
export const modelStage = ({ stages }: Pick<Experiment, "stages">, stage: number): number =>
  stages.slice(0, stage + 1).findLastIndex((spec) => !("evaluate" in spec));

/** The parameters of the model after a stage. */
export const specsAfter = (resolved: Resolved, stage: number): Tree<ParameterSpec> => {
  const whole = seesAt(resolved.experiment, stage) ? seeingModelOf : modelOf;
  return whole(resolved.parts, bridgeAfter(resolved, stage)).specs;
};

/** Refuses trainable paths under which the model has no parameters. */
export const checkTrainable = (resolved: Resolved): void => {
  resolved.experiment.stages.forEach((spec, stage) => {
    if (!("train" in spec)) return;
    const paths = specTrees.entries(specsAfter(resolved, stage)).map(([path]) => path);
    const lost = spec.train.trainable.find((prefix) => !paths.some(under(prefix)));
    if (lost === undefined) return;
    throw new ConfigError({
      op: `stages.${stage}.train.trainable`,
      got: JSON.stringify(lost),
      expected: `prefixes of parameters, which are under ${
        [...new Set(paths.map((path) => path.split(".")[0]!))].join(", ")
      }`,
      hint: lost === "lora" || lost === "adapter"
        ? 'give the model an adapter, such as { "rank": 64, "alpha": 64 }, and name it lora'
        : "correct the prefix, or remove it",
    });
  });
};

/** A decoder of another project. */
const outsideDecoder = (source: string, hash: string): Effect.Effect<LoadedParams, LoadError> =>
  Effect.map(openDecoder(source), ({ params }) => ({
    params: fromOrigin(params, { source, hash }) as LoadedParams["params"],
    identity: hash,
  }));

/** The model of an experiment before its first stage. */
export const startingModel = (
  resolved: Resolved,
): Effect.Effect<ModelState, CheckpointError | ConfigError | LoadError | TreeError> =>
  Effect.gen(function* () {
    const { experiment: { seed, model: { decoder } }, parts, hashes } = resolved;
    const loaded = decoder.from === "shipped"
      ? yield* loadShipped(parts.decoder)
      : decoder.from === "fresh"
      ? undefined
      : yield* outsideDecoder(decoder.folder, hashes[decoder.folder]!);
    return yield* tried(() => freshModel(bridgeAfter(resolved, -1), parts, seed, loaded));
  });

/** The model of an experiment after a stage that leaves one, from its artefact in the store. */
export const modelAfter = (
  context: JobContext,
  resolved: Resolved,
  stage: number,
): Effect.Effect<ModelState, CheckpointError | LoadError | TrainingError | TreeError> => {
  const spec = resolved.experiment.stages[stage]!, job = jobNamed(resolved, context, stageName(spec))!;
  return savedModel(
    `${artefactPath(context.store, job)}/checkpoints/${job.name}.safetensors`,
    resolved,
    stage,
  );
};

/**
 * The model of an experiment after a stage, from its checkpoint: the weights that its training says, unless `want` asks
 * for others. What the checkpoint leaves out comes from the files of other projects.
 */
export const savedModel = (
  checkpoint: string,
  resolved: Resolved,
  stage: number,
  want: TrainingResult = {},
): Effect.Effect<ModelState, CheckpointError | LoadError | TrainingError | TreeError> =>
  Effect.gen(function* () {
    const bridge = bridgeAfter(resolved, stage), specs = specsAfter(resolved, stage);
    const { weights, metadata } = "expand" in resolved.experiment.stages[stage]!
      ? yield* Effect.scoped(
        Effect.map(open(checkpoint), ({ arrays, metadata }) => ({ weights: arrays, metadata })),
      )
      : yield* trainedWeights(checkpoint, want);
    const { vision } = resolved.experiment.model, start = yield* startingModel(resolved);
    const encoder = vision.from === "huggingface" && seesAt(resolved.experiment, stage)
      ? { vision: (yield* encoderFrom(resolved, undefined)).params }
      : {};
    const outside = lazyTrees.entries({ ...start.params as object, ...encoder } as Tree<LazyArray>)
      .filter(([, { origin }]) => origin !== undefined);
    const params = yield* lazyParams({ ...Object.fromEntries(outside), ...weights }, specs);
    return { bridge, params, identity: metadata.identity ?? "" };
  });
