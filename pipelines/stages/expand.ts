/** Expansion: the bridge grows to its larger layout, each new scale starting as the scale that it comes from. */
import {
  arrayTrees,
  bindingsOf,
  type ConfigError,
  type Inflatable,
  inflate,
  initialise,
  type NdArray,
  type Tree,
  TreeError,
  unflatten,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { hashOf } from "../runs/hash.ts";
import { type CheckpointError, load, save } from "../weights/checkpoint.ts";
import { type Arm, grownLayout, type ModelConfig, modelOf, type ModelState } from "./model.ts";
import { type Stage, stagePlaces, type StageRun } from "./stage.ts";

/** Parameters of the grown model. Throws a ConfigError or TreeError where the model is not of the arm's layout. */
export const expanded = (arm: Arm, given: ModelState): Tree<NdArray> => {
  const grown = grownLayout(arm), params = given.params as { readonly bridge: Inflatable };
  return {
    ...params,
    bridge: inflate(given.layout, grown.layout, grown.sources)(params.bridge),
  } as unknown as Tree<NdArray>;
};

/** Expansion as a stage; it writes the inflated parameters as a checkpoint. */
export const expand = (
  run: StageRun,
  name: string,
  arm: Arm,
  model: ModelConfig,
  vocabulary: number,
): Stage<ModelState, ModelState, CheckpointError | ConfigError | TreeError> =>
(given) =>
  Effect.gen(function* () {
    const { layout, sources } = grownLayout(arm);
    const identity = hashOf({ expand: given.identity, layout, sources });
    const path = stagePlaces(run, name).checkpoint;
    const before = yield* load(path).pipe(
      Effect.catch((error): Effect.Effect<undefined, CheckpointError> =>
        error.reason === "missing" ? Effect.succeed(undefined) : Effect.fail(error)
      ),
    );
    if (before?.metadata.identity === identity) {
      const like = initialise([0, 0], modelOf(model, vocabulary, layout).specs) as Tree<NdArray>;
      return { layout, params: unflatten(arrayTrees, like, before.tensors) as Tree<NdArray>, identity };
    }
    const params = yield* Effect.try({
      try: () => expanded(arm, given),
      catch: (cause) => cause as ConfigError | TreeError,
    });
    yield* save(path, bindingsOf("", params), { identity, stage: name });
    return { layout, params, identity };
  });
