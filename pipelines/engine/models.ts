/** Models of an experiment: before its first stage, and as earlier jobs left them. */
import {
  adaptersOf,
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
import { PARAMS } from "../train/step_source.ts";
import type { TrainingResult } from "../train/training.ts";
import { visionTower } from "../vision/tower.ts";
import { loadVision, shippedWeights, type VisionWeights } from "../vision/weights.ts";
import { type CheckpointError, open } from "../weights/checkpoint.ts";
import { type LoadError, openDecoder, openVisionTower } from "../weights/huggingface/load.ts";
import { mergeAdapters } from "../weights/merge.ts";
import { fromOrigin, type LazyArray, lazyParams, lazyTrees } from "../weights/lazy.ts";
import { loadShipped } from "../decoder/shipped.ts";
import { artefactPath } from "./artefact.ts";
import type { JobContext } from "./context.ts";
import { type Experiment, type RunDecoder, stageName } from "./experiment.ts";
import { bridgeAfter, jobNamed } from "./jobs.ts";
import { openParts, type Resolved, type ResolveError } from "./resolve.ts";
import { locateRun, savedWeights } from "./run_location.ts";

/** What making or reading a model can fail with. */
export type StartError = CheckpointError | ConfigError | ResolveError | TreeError;

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

/** The decoder of a run after the last stage that is done, its adapters merged. */
const runDecoder = (
  { folder, arm }: RunDecoder,
  hash: string,
): Effect.Effect<LoadedParams, StartError> =>
  Effect.gen(function* () {
    const { experiment, hashes, checkpoint, stage } = yield* locateRun(folder, arm);
    const parts = yield* openParts(experiment), { adapter } = parts;
    const { params } = yield* savedModel(checkpoint, { experiment, parts, hashes, lengths: {} }, stage);
    const { vision: _, bridge: _bridge, lora, ...own } = params as LoadedParams["params"];
    const merged = lora === undefined || adapter === undefined
      ? own
      : mergeAdapters(own, adaptersOf(lazyTrees.flatten(lora)), adapter.alpha);
    return {
      params: fromOrigin(merged, { source: folder, hash }) as LoadedParams["params"],
      identity: hash,
    };
  });

/** The model of an experiment before its first stage. */
export const startingModel = (
  resolved: Resolved,
): Effect.Effect<ModelState, StartError> =>
  Effect.gen(function* () {
    const { experiment: { seed, model: { decoder } }, parts, hashes } = resolved;
    const loaded = decoder.from === "shipped"
      ? yield* loadShipped(parts.decoder)
      : decoder.from === "fresh"
      ? undefined
      : decoder.from === "run"
      ? yield* runDecoder(decoder, hashes[decoder.folder]!)
      : yield* outsideDecoder(decoder.folder, hashes[decoder.folder]!);
    return yield* tried(() => freshModel(bridgeAfter(resolved, -1), parts, seed, loaded));
  });

/** The model of an experiment after a stage that leaves one, from its artefact in the store. */
export const modelAfter = (
  context: JobContext,
  resolved: Resolved,
  stage: number,
): Effect.Effect<ModelState, StartError> => {
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
): Effect.Effect<ModelState, StartError> =>
  Effect.gen(function* () {
    const bridge = bridgeAfter(resolved, stage), specs = specsAfter(resolved, stage);
    const { weights, metadata } = yield* savedWeights({ ...resolved, checkpoint, stage }, want);
    const { vision } = resolved.experiment.model, start = yield* startingModel(resolved);
    const encoder = vision.from === "huggingface" && seesAt(resolved.experiment, stage)
      ? { vision: (yield* encoderFrom(resolved, undefined)).params }
      : {};
    const outside = lazyTrees.entries({ ...start.params as object, ...encoder } as Tree<LazyArray>)
      .filter(([, { origin }]) => origin !== undefined);
    const params = yield* lazyParams({ ...Object.fromEntries(outside), ...weights }, specs);
    return { bridge, params, identity: metadata.identity ?? "" };
  });
