/** Expansion: the bridge grows, each part starting as what it comes from. */
import {
  type ConfigError,
  type Expansion,
  initialise,
  type NdArray,
  type ParameterSpec,
  type Tree,
  type TreeError,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { TrainingError } from "../train/fault.ts";
import { openIfThere, originsSaid, withoutOrigin } from "../train/saved_state.ts";
import { type CheckpointError, saveFrom } from "../weights/checkpoint.ts";
import {
  type LazyArray,
  lazyArrays,
  type LazyError,
  lazyParams,
  lazyTrees,
  readLazies,
} from "../weights/lazy.ts";
import { storedLazies } from "../weights/write.ts";
import { seesImages } from "./encoder.ts";
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

/** Parameters of the grown model; the bridge alone is read. Fails where the model has another bridge. */
export const expanded = (
  { expansion, model, seed }: Pick<ExpandStage, "expansion" | "model" | "seed">,
  given: ModelState,
): Effect.Effect<Tree<LazyArray>, LazyError | TreeError> =>
  Effect.gen(function* () {
    const params = given.params as { readonly bridge: Tree<LazyArray> };
    const before = yield* readLazies(params.bridge);
    const bridge = yield* Effect.try({
      try: () => {
        const { inherit, ...grown } = expandedBridge(expansion, model, given.bridge);
        const fresh = (): Tree<NdArray> => {
          const specs = bridgeAt(model, grown).specs as Tree<ParameterSpec>;
          return initialise([seed, 3], spread(specs, model.init)) as Tree<NdArray>;
        };
        return inherit(before, fresh);
      },
      catch: (cause) => cause as ConfigError | TreeError,
    });
    return { ...params, bridge: lazyArrays(bridge) };
  });

/**
 * Expansion as a stage; it writes the parameters of the grown model as a checkpoint, but for those that come from files
 * outside of the run.
 */
export const expand = (
  run: StageRun,
  stage: ExpandStage,
): Stage<ModelState, ModelState, CheckpointError | LazyError | TrainingError | TreeError> =>
(given) =>
  Effect.gen(function* () {
    const { name, expansion, model, seed } = stage;
    const bridge = yield* tried(() => grownBridge(expansion, model, given.bridge));
    const identity = hashOf({ expand: given.identity, expansion, bridge, seed });
    const path = stagePlaces(run, name).checkpoint;
    const before = yield* Effect.scoped(openIfThere(path));
    if (before?.metadata.identity === identity) {
      const whole = seesImages(given) ? seeingModelOf : modelOf;
      const arrays = { ...lazyTrees.flatten(given.params), ...before.arrays };
      return { bridge, params: yield* lazyParams(arrays, whole(model, bridge).specs), identity };
    }
    if (before !== undefined) {
      return yield* Effect.fail(
        new TrainingError({
          op: `expand into ${path}`,
          got: `a checkpoint of the expansion ${before.metadata.identity ?? "without identity"}`,
          expected: identity,
          hint: "go on with the configuration and data of that run, or start in another directory",
          stage: name,
          step: 0,
        }),
      );
    }
    const params = yield* expanded(stage, given), own = withoutOrigin(lazyTrees.entries(params));
    yield* saveFrom(path, storedLazies(own), { identity, stage: name, ...originsSaid(params) });
    return { bridge, params, identity };
  });
