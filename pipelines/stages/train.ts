/** Training as a stage: pre-training with few visual tokens at low resolution, fine-tuning on the grown bridge. */
import type { ConfigError, ParameterSpec, Tree } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { stageOf, stageTrained } from "../runs/manifest.ts";
import { extendedIn } from "../train/extend.ts";
import { train, type TrainError } from "../train/trainer.ts";
import { type LanguageStage, languageTraining } from "./language.ts";
import { modelOf, type ModelParts, type ModelState, type PlacedBridge } from "./model.ts";
import { spread } from "../configs/spread.ts";
import { type LazyArray, randomArrays } from "../weights/lazy.ts";
import { warmStarted } from "./warm_start.ts";
import { note, type Stage, stagePlaces, type StageRun } from "./stage.ts";

/** A model after a training stage. */
export interface TrainedState extends ModelState {
  /** The file of the metrics of every step. */
  readonly metrics: string;
}

/** Parameters that are read instead of initialised, and what they are known by. */
export interface LoadedParams {
  /** Parameters by their first names, such as `model` and `lm_head`. */
  readonly params: Readonly<Record<string, Tree<LazyArray>>>;
  /** Hash of where they come from. */
  readonly identity: string;
}

const withoutLoaded = (specs: Tree<ParameterSpec>, loaded: LoadedParams): Tree<ParameterSpec> =>
  Object.fromEntries(Object.entries(specs).filter(([name]) => !Object.hasOwn(loaded.params, name)));

/**
 * A model before any training: the same decoder for every bridge of a seed, since keys go by path. `loaded` parameters
 * are taken as they are; the others start random.
 */
export const freshModel = (
  bridge: PlacedBridge,
  parts: ModelParts,
  seed: number,
  loaded?: LoadedParams,
): ModelState => {
  const { specs } = modelOf(parts, bridge);
  const fresh = randomArrays(
    [seed, 2],
    spread(loaded === undefined ? specs : withoutLoaded(specs, loaded), parts.init),
  ) as Readonly<Record<string, Tree<LazyArray>>>;
  return {
    bridge,
    params: { ...fresh, ...loaded?.params },
    identity: hashOf({ fresh: seed, bridge, parts, ...(loaded && { loaded: loaded.identity }) }),
  };
};

/** A stage that trains a model where it is: pre-training and fine-tuning are both of this kind. */
export const languageStage = <E, R>(
  run: StageRun,
  stage: LanguageStage<E, R>,
): Stage<ModelState, TrainedState, ConfigError | TrainError | E, Device | R> =>
(given) =>
  Effect.gen(function* () {
    const places = { ...stagePlaces(run, stage.name), every: stage.config.every };
    const { warmStart } = stage.config;
    const start = warmStart === undefined ? given : yield* warmStarted(stage.name, given, warmStart);
    const training = yield* tried(() => languageTraining(stage, start, places));
    const extended = yield* extendedIn(training);
    const trained = yield* train({ ...training, places: { ...places, ...extended } });
    if (stageOf(run.manifest, stage.name)?.status !== "done") {
      const { steps, stopped } = trained, checkpoint = places.checkpoint.slice(run.directory.path.length + 1);
      const early = stopped === undefined ? {} : { endedEarly: stopped };
      yield* note(run, stageTrained(stage.name, { steps, checkpoint, ...early }));
    }
    return {
      bridge: given.bridge,
      params: trained.params,
      identity: training.identity,
      metrics: trained.metrics,
    };
  });
