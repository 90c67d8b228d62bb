/** Pre-training: bridge and decoder learn from few visual tokens at low resolution; the encoder is frozen. */
import { type ConfigError, initialise, type NdArray, type Tree } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { tried } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { stageOf, stageTrained } from "../runs/manifest.ts";
import { extendedIn } from "../train/extend.ts";
import { train, type TrainError } from "../train/trainer.ts";
import { type LanguageStage, languageTraining } from "./language.ts";
import { type Arm, type ModelConfig, modelOf, type ModelState, smallBridge } from "./model.ts";
import { spread } from "../configs/spread.ts";
import { warmStarted } from "./warm_start.ts";
import { note, type Stage, stagePlaces, type StageRun } from "./stage.ts";

/** A model after a training stage. */
export interface TrainedState extends ModelState {
  /** The file of the metrics of every step. */
  readonly metrics: string;
}

/**
 * The model of an arm before any training, on pictures of a side as {@link smallBridge} has them: the same decoder for
 * every arm of a seed, since keys go by path.
 */
export const freshModel = (
  arm: Arm,
  config: ModelConfig,
  vocabulary: number,
  seed: number,
  resolution?: number,
): ModelState => {
  const bridge = smallBridge(arm, resolution), { specs } = modelOf(config, vocabulary, bridge);
  return {
    bridge,
    params: initialise([seed, 2], spread(specs, config.init)) as Tree<NdArray>,
    identity: hashOf({ fresh: seed, bridge, config, vocabulary }),
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

/** Pre-training as a stage: from a fresh model, or from any model of the same bridge. */
export const pretrain: typeof languageStage = languageStage;
