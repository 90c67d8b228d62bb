/** The training of an experiment's own encoder. */
import type { TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { DataError } from "../base/data_error.ts";
import { stagePlaces, type StageRun } from "../stages/stage.ts";
import { runVision } from "../stages/vision.ts";
import { defaultVision, type VisionConfig } from "../stages/vision_config.ts";
import type { TrainError } from "../train/trainer.ts";
import type { Experiment } from "./experiment.ts";

/** The vision stage of an experiment as that stage's own configuration; nothing where it trains no encoder. */
const visionOf = ({ world, seed, model: { vision } }: Experiment): VisionConfig | undefined =>
  vision.from !== "fresh" ? undefined : {
    ...defaultVision,
    data: world!.data,
    seed,
    steps: vision.steps,
    batch: vision.batch,
    scenes: vision.scenes,
    evalScenes: Math.max(...vision.batch),
    warmup: Math.min(defaultVision.warmup, Math.floor(vision.steps / 2)),
  };

/** Trains the encoder of an experiment, or reads it where that is done; images are drawn into a folder. */
export const trainEncoder = (
  experiment: Experiment,
  run: StageRun,
  images: string,
): Effect.Effect<void, TrainError | DataError | TreeError, Device> => {
  const vision = visionOf(experiment)!;
  return Effect.asVoid(runVision(vision, { ...stagePlaces(run, "vision"), every: vision.every }, images));
};
