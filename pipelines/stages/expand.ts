/** Expansion: the bridge grows, each part starting as what it comes from. */
import {
  bindingsOf,
  type ConfigError,
  type Expansion,
  initialise,
  type NdArray,
  type ParameterSpec,
  type Tree,
  TreeError,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { TrainingError } from "../train/fault.ts";
import { type CheckpointError, load, save } from "../weights/checkpoint.ts";
import { paramsIn } from "../weights/params.ts";
import { seesPictures } from "./encoder.ts";
import {
  bridgeAt,
  expandedBridge,
  grownBridge,
  modelOf,
  type ModelParts,
  type ModelState,
  seeingModelOf,
} from "./model.ts";
import { spread } from "../configs/spread.ts";
import { type Stage, stagePlaces, type StageRun } from "./stage.ts";

/** What an expansion needs to know. */
export interface ExpandStage {
  /** Name of the stage in the run. */
  readonly name: string;
  /** How the bridge grows; null where it stays. */
  readonly expansion: Expansion | null;
  /** The model around the bridge. */
  readonly model: ModelParts;
  /** Key of parts that start fresh. */
  readonly seed: number;
}

/** Parameters of the grown model. Throws a ConfigError or TreeError where the model has another bridge. */
export const expanded = (
  { expansion, model, seed }: Pick<ExpandStage, "expansion" | "model" | "seed">,
  given: ModelState,
): Tree<NdArray> => {
  const { inherit, ...grown } = expandedBridge(expansion, model, given.bridge);
  const fresh = (): Tree<NdArray> => {
    const specs = bridgeAt(model, grown).specs as Tree<ParameterSpec>;
    return initialise([seed, 3], spread(specs, model.init)) as Tree<NdArray>;
  };
  const params = given.params as { readonly bridge: Tree<NdArray> };
  return { ...params, bridge: inherit(params.bridge, fresh) };
};

/** Expansion as a stage; it writes the parameters of the grown model as a checkpoint. */
export const expand = (
  run: StageRun,
  stage: ExpandStage,
): Stage<ModelState, ModelState, CheckpointError | ConfigError | TrainingError | TreeError> =>
(given) =>
  Effect.gen(function* () {
    const { name, expansion, model, seed } = stage;
    const bridge = yield* tried(() => grownBridge(expansion, model, given.bridge));
    const identity = hashOf({ expand: given.identity, expansion, bridge, seed });
    const path = stagePlaces(run, name).checkpoint;
    const before = yield* load(path).pipe(
      Effect.catch((error): Effect.Effect<undefined, CheckpointError> =>
        error.reason === "missing" ? Effect.succeed(undefined) : Effect.fail(error)
      ),
    );
    if (before?.metadata.identity === identity) {
      const whole = seesPictures(given) ? seeingModelOf : modelOf;
      const params = yield* paramsIn(before.tensors, whole(model, bridge).specs);
      return { bridge, params, identity };
    }
    if (before !== undefined) {
      return yield* Effect.fail(
        new TrainingError({
          op: `expand into ${path}`,
          got: `a checkpoint of the expansion ${before.metadata.identity ?? "without identity"}`,
          expected: identity,
          mend: "go on with the configuration and data of that run, or start in another directory",
          stage: name,
          step: 0,
        }),
      );
    }
    const params = yield* Effect.try({
      try: () => expanded(stage, given),
      catch: (cause) => cause as ConfigError | TreeError,
    });
    yield* save(path, bindingsOf("", params), { identity, stage: name });
    return { bridge, params, identity };
  });
