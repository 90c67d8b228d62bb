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
import { PARAMS } from "../train/saved_state.ts";
import { visionTower } from "../vision/tower.ts";
import { type CheckpointError, load } from "../weights/checkpoint.ts";
import { paramsIn } from "../weights/params.ts";
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
): Effect.Effect<ModelState, CheckpointError | TreeError> =>
  Effect.gen(function* () {
    const job = jobsOf(e, context).find((one) => one.stage === stage)!, bridge = bridgeAfter(e, stage);
    const { tensors, metadata } = yield* load(
      `${artefactPath(context.store, job)}/checkpoints/${stage}.safetensors`,
    );
    const { specs } = modelOf(e.model, vocabulary, bridge);
    const params = yield* paramsIn(tensors, specs, stage === "expand" ? "" : PARAMS);
    return { bridge, params, identity: metadata.identity ?? "" };
  });
