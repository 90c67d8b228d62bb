/** Models of an experiment as earlier jobs left them. */
import {
  type NdArray,
  type ParameterSpec,
  type Tree,
  type TreeError,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { modelOf, type ModelState } from "../stages/model.ts";
import { PARAMS, trainedWeights } from "../train/saved_state.ts";
import { visionTower } from "../vision/tower.ts";
import { type CheckpointError, load } from "../weights/checkpoint.ts";
import { paramsIn } from "../weights/params.ts";
import type { TrainingError } from "../train/fault.ts";
import { artefactPath } from "./artefact.ts";
import { bridgeAfter, type Experiment } from "./experiment.ts";
import { jobsOf } from "./jobs.ts";
import type { JobContext } from "./context.ts";

/** The encoder in the checkpoint of its training. */
export const encoderParams = (
  tensors: Readonly<Record<string, NdArray>>,
): Effect.Effect<VitParams<NdArray>, TreeError> =>
  paramsIn(tensors, vitSpecs(visionTower.config) as Tree<ParameterSpec>, `${PARAMS}vit.`) as Effect.Effect<
    VitParams<NdArray>,
    TreeError
  >;

/** The model of an experiment after a stage, from its artefact in the store. */
export const modelAfter = (
  context: JobContext,
  e: Experiment,
  stage: "pretrain" | "expand" | "finetune",
  vocabulary: number,
): Effect.Effect<ModelState, CheckpointError | TrainingError | TreeError> =>
  Effect.gen(function* () {
    const job = jobsOf(e, context).find((one) => one.stage === stage)!, bridge = bridgeAfter(e, stage);
    const path = `${artefactPath(context.store, job)}/checkpoints/${stage}.safetensors`;
    const { weights, metadata } = stage === "expand"
      ? yield* Effect.map(load(path), ({ tensors, metadata }) => ({ weights: tensors, metadata }))
      : yield* trainedWeights(path);
    const params = yield* paramsIn(weights, modelOf(e.model, vocabulary, bridge).specs);
    return { bridge, params, identity: metadata.identity ?? "" };
  });
