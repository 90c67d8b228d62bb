/** The configuration of the vision stage. */
import * as t from "io-ts";
import { amount, natural } from "../base/numbers.ts";
import { dataConfigCodec, defaultData } from "../scenes/config.ts";
import type { TypeOf } from "../base/bridge.ts";

/** Everything that decides the weights of the vision stage. */
export interface VisionConfig extends TypeOf<typeof visionConfigCodec> {}

/** As the shipped weights are made, but for the number of steps. */
export const defaultVision: VisionConfig = {
  data: { ...defaultData, concepts: 48 },
  seed: 1,
  scenes: 4096,
  evalScenes: 256,
  steps: 3000,
  batch: [32, 8],
  rate: 1e-3,
  warmup: 100,
  weightDecay: 0.05,
  joint: 64,
  shallow: 0.25,
  place: 4,
  every: 100,
};

/** @internal */
export const visionConfigCodec = t.strict({
  /** How scenes are made. */
  data: dataConfigCodec(),
  /** Key of the initial weights and of the order of scenes. */
  seed: t.number,
  /** Scenes of the training split. */
  scenes: natural,
  /** Held-out scenes on which region accuracy is measured. */
  evalScenes: natural,
  /** Optimiser steps. */
  steps: natural,
  /** Images of a step at 112 px and at 224 px. */
  batch: t.readonly(t.tuple([natural, natural])),
  /** Highest learning rate. */
  rate: amount,
  /** Steps of warm-up. */
  warmup: amount,
  /** Decay of the weights. */
  weightDecay: amount,
  /** Channels of the space in which regions and names meet. */
  joint: natural,
  /** Weight of the shallower level's loss. */
  shallow: amount,
  /** Weight of the box term. */
  place: amount,
  /** Steps between checkpoints. */
  every: natural,
});
