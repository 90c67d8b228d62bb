/** Models of an experiment: before its first stage, and as earlier jobs left them. */
import {
  arrayTrees,
  ConfigError,
  type NdArray,
  type ParameterSpec,
  type PathPredicate,
  specTrees,
  type Tree,
  type TreeError,
  under,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { modelOf, type ModelState, seeingModelOf } from "../stages/model.ts";
import { freshModel, type LoadedParams } from "../stages/train.ts";
import type { TrainingError } from "../train/fault.ts";
import { PARAMS, trainedWeights } from "../train/saved_state.ts";
import type { TrainingResult } from "../train/training.ts";
import { visionTower } from "../vision/tower.ts";
import { type CheckpointError, load } from "../weights/checkpoint.ts";
import { loadDecoder, type LoadError } from "../weights/huggingface/load.ts";
import { paramsIn } from "../weights/params.ts";
import { loadShipped } from "../decoder/shipped.ts";
import { artefactPath } from "./artefact.ts";
import type { JobContext } from "./context.ts";
import { type Experiment, stageName, trainsOf } from "./experiment.ts";
import { bridgeAfter, jobNamed } from "./jobs.ts";
import type { Resolved } from "./resolve.ts";

/** The encoder in the checkpoint of its training. */
export const encoderParams = (
  tensors: Readonly<Record<string, NdArray>>,
): Effect.Effect<VitParams<NdArray>, TreeError> =>
  paramsIn(tensors, vitSpecs(visionTower.config) as Tree<ParameterSpec>, `${PARAMS}vit.`) as Effect.Effect<
    VitParams<NdArray>,
    TreeError
  >;

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
      mend: lost === "lora" || lost === "adapter"
        ? 'give the model an adapter, such as { "rank": 64, "alpha": 64 }, and name it lora'
        : "correct the prefix, or remove it",
    });
  });
};

/**
 * The parameters of another project's decoder that no training of an experiment changes: checkpoints leave them out. None of
 * other decoders, or of one that is trained or starts warm.
 */
export const baseOf = (
  experiment: Pick<Experiment, "stages" | "model">,
): PathPredicate | undefined => {
  const own = under("model", "lm_head");
  const changed = trainsOf(experiment).some(({ trainable, warmStart }) =>
    warmStart !== undefined || trainable.some((path) => own(path))
  );
  return experiment.model.decoder.from === "huggingface" && !changed ? own : undefined;
};

/** The model of an experiment before its first stage. */
export const startingModel = (
  resolved: Resolved,
): Effect.Effect<ModelState, CheckpointError | ConfigError | LoadError | TreeError> =>
  Effect.gen(function* () {
    const { experiment: { seed, model: { decoder } }, parts, hashes } = resolved;
    const loaded: LoadedParams | undefined = decoder.from === "shipped"
      ? yield* loadShipped(parts.decoder)
      : decoder.from === "fresh"
      ? undefined
      : {
        params: (yield* loadDecoder(decoder.folder)).params,
        identity: hashes[decoder.folder]!,
      };
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

/** The folder or id of the decoder that a checkpoint leaves out, if it does. */
const leftOut = (
  { experiment }: Resolved,
  specs: Tree<ParameterSpec>,
  weights: Readonly<Record<string, NdArray>>,
): string | undefined => {
  const { decoder } = experiment.model, base = baseOf(experiment);
  const lacks = specTrees.entries(specs).some(([path]) =>
    weights[path] === undefined && base?.(path) === true
  );
  return decoder.from === "huggingface" && lacks ? decoder.folder : undefined;
};

/**
 * The model of an experiment after a stage, from its checkpoint: the weights that its training says, unless `want` asks
 * for others.
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
      ? yield* Effect.map(load(checkpoint), ({ tensors, metadata }) => ({ weights: tensors, metadata }))
      : yield* trainedWeights(checkpoint, want);
    const left = leftOut(resolved, specs, weights);
    const own = left === undefined
      ? {}
      : arrayTrees.flatten((yield* loadDecoder(left)).params as Tree<NdArray>);
    const params = yield* paramsIn({ ...own, ...weights }, specs);
    return { bridge, params, identity: metadata.identity ?? "" };
  });
