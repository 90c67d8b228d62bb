/** The configuration of the vision stage. */
import * as t from "io-ts";
import { amount, natural } from "../base/numbers.ts";
import { type DataConfig, dataConfigCodec, defaultData } from "../scenes/config.ts";

/** Everything that decides the weights of the vision stage. */
export interface VisionConfig {
  /** How scenes are made. */
  readonly data: DataConfig;
  /** Key of the initial weights and of the order of scenes. */
  readonly seed: number;
  /** Scenes of the training split. */
  readonly scenes: number;
  /** Held-out scenes on which region accuracy is measured. */
  readonly evalScenes: number;
  /** Optimiser steps. */
  readonly steps: number;
  /** Pictures of a step at 112 px and at 224 px. */
  readonly batch: readonly [number, number];
  /** Highest learning rate. */
  readonly rate: number;
  /** Steps of warm-up. */
  readonly warmup: number;
  /** Decay of the weights. */
  readonly weightDecay: number;
  /** Channels of the space in which regions and names meet. */
  readonly joint: number;
  /** Weight of the shallower level's loss. */
  readonly shallow: number;
  /** Weight of the box term. */
  readonly place: number;
  /** Steps between checkpoints. */
  readonly every: number;
}

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

const codec = t.strict({
  data: dataConfigCodec(),
  seed: t.number,
  scenes: natural,
  evalScenes: natural,
  steps: natural,
  batch: t.readonly(t.tuple([natural, natural])),
  rate: amount,
  warmup: amount,
  weightDecay: amount,
  joint: natural,
  shallow: amount,
  place: amount,
  every: natural,
});

/** Codec of {@link VisionConfig}. */
export const visionConfigCodec = (): t.Type<VisionConfig, unknown, unknown> =>
  codec as unknown as t.Type<VisionConfig, unknown, unknown>;
