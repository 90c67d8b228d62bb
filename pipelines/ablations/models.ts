/** Models of an experiment as earlier jobs left them. */
import {
  arrayTrees,
  initialise,
  type NdArray,
  type Tree,
  type TreeError,
  unflatten,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type ModelConfig, modelOf, type ModelState, type PlacedBridge } from "../stages/model.ts";
import { PARAMS } from "../train/saved_state.ts";
import { visionTower } from "../vision/tower.ts";
import { type CheckpointError, load } from "../weights/checkpoint.ts";
import { artefactPath } from "./artefact.ts";
import { bridgeAfter, type Experiment } from "./experiment.ts";
import { jobsOf } from "./jobs.ts";
import type { Workshop } from "./workshop.ts";

const named = (
  tensors: Readonly<Record<string, NdArray>>,
  prefix: string,
): Readonly<Record<string, NdArray>> =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, value]) => [path.slice(prefix.length), value]),
  );

/** The encoder in the checkpoint of its training. */
export const encoderParams = (
  tensors: Readonly<Record<string, NdArray>>,
): Effect.Effect<VitParams<NdArray>, TreeError> =>
  Effect.try({
    try: () => {
      const like = initialise([0, 0], vitSpecs(visionTower.config)) as Tree<NdArray>;
      return unflatten(arrayTrees, like, named(tensors, `${PARAMS}vit.`)) as VitParams<NdArray>;
    },
    catch: (cause) => cause as TreeError,
  });

const stateAt = (
  path: string,
  prefix: string,
  bridge: PlacedBridge,
  model: ModelConfig,
  vocabulary: number,
): Effect.Effect<ModelState, CheckpointError | TreeError> =>
  Effect.gen(function* () {
    const { tensors, metadata } = yield* load(path);
    const params = yield* Effect.try({
      try: () => {
        const like = initialise([0, 0], modelOf(model, vocabulary, bridge).specs) as Tree<NdArray>;
        return unflatten(arrayTrees, like, named(tensors, prefix)) as Tree<NdArray>;
      },
      catch: (cause) => cause as TreeError,
    });
    return { bridge, params, identity: metadata.identity ?? "" };
  });

/** The model of an experiment after a stage, from its artefact in the store. */
export const modelAfter = (
  { store, device }: Pick<Workshop, "store" | "device">,
  e: Experiment,
  stage: "pretrain" | "expand" | "finetune",
  vocabulary: number,
): Effect.Effect<ModelState, CheckpointError | TreeError> => {
  const job = jobsOf(e, device).find((one) => one.stage === stage)!;
  const bridge = bridgeAfter(e, stage);
  const path = `${artefactPath(store, job)}/checkpoints/${stage}.safetensors`;
  return stateAt(path, stage === "expand" ? "" : PARAMS, bridge, e.model, vocabulary);
};
