/** The vision stage: the small encoder learns to tell concepts apart, at both resolutions that later stages use. */
import {
  adamw,
  add,
  bindingsOf,
  decayed,
  mul,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  type Tree,
  type TreeError,
  under,
  vitFeatures,
  type VitParams,
  vitSpecs,
  warmupCosine,
} from "@chain-of-sight/core";
import { compileFor, type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { DataError } from "../base/data_error.ts";
import type { SceneSet } from "../images/image_set.ts";
import { renderDataset } from "../scenes/workers.ts";
import { hashOf } from "../base/hash.ts";
import { batchAt } from "../text/batch.ts";
import { train, type Trained, type TrainError } from "../train/trainer.ts";
import type { Training, TrainingPlaces } from "../train/training.ts";
import { visionTower } from "../vision/tower.ts";
import { randomArrays, readLazies } from "../weights/lazy.ts";
import { type RegionHead, regionHeadSpecs, type RegionScore, regionScore } from "./region_contrast.ts";
import type { VisionConfig } from "./vision_config.ts";
import { visionBindings, type VisionInputs, visionInputs, type VisionView } from "./vision_data.ts";

/** Parameters of the stage: the encoder, and a head for each of its two levels. */
export type VisionParams<A> = {
  /** The encoder; all that is kept. */
  readonly vit: VitParams<A>;
  /** Shallow level, then deep level. */
  readonly heads: readonly RegionHead<A>[];
};

/** Result of the stage. */
export interface VisionResult {
  /** Parameters after the last step. */
  readonly params: VisionParams<NdArray>;
  /** How the training went. */
  readonly trained: Trained;
  /** The sha-256 of the training images. */
  readonly dataHash: string;
  /** Scores on held-out scenes, by side. */
  readonly heldOut: Readonly<Record<number, VisionScore>>;
}

/** Scores of regions. */
export interface VisionScore {
  /** Objects whose own name scores highest. */
  readonly accuracy: number;
  /** Cross entropy over concepts, nats. */
  readonly loss: number;
  /** Mean squared error of box edges, in shares of the side. */
  readonly place: number;
  /** Number of objects. */
  readonly objects: number;
}

const tower = visionTower.config;

/** Specifications of the stage's parameters. */
export const visionSpecs = (config: VisionConfig): VisionParams<ParameterSpec> => ({
  vit: vitSpecs(tower),
  heads: visionTower.levels.map(() => regionHeadSpecs(tower.width, config.joint, config.data.concepts)),
});

/** Both views of the stage: the resolution of pre-training and that of fine-tuning. */
export const visionViews = (config: VisionConfig): readonly VisionView[] =>
  config.batch.map((size, i) => ({
    side: 112 * (i + 1),
    grid: 8 * (i + 1),
    size,
    regions: config.data.objects[1],
  }));

const scoreView = (params: VisionParams<Tensor>, inputs: VisionInputs): readonly RegionScore[] =>
  vitFeatures(tower, visionTower.levels)(params.vit, inputs.images)
    .map((features, level) => regionScore(params.heads[level]!, features, inputs));

const visionLoss = (config: VisionConfig) =>
(
  params: Tree<Tensor>,
  views: readonly VisionInputs[],
): readonly [Tensor, Readonly<Record<string, Tensor>>] => {
  const scores = views.map((inputs) => scoreView(params as VisionParams<Tensor>, inputs));
  const parts = scores.map(([shallow, deep]) =>
    add(
      add(deep!.contrast, mul(shallow!.contrast, config.shallow)),
      mul(deep!.place, config.place),
    )
  );
  const metrics = Object.fromEntries(scores.flatMap(([, deep], i) => {
    const side = 112 * (i + 1);
    return [[`right${side}`, deep!.right], [`objects${side}`, deep!.count], [`place${side}`, deep!.place]];
  }));
  return [parts.reduce((a, b) => add(a, b)), metrics];
};

/** The training of the stage on scenes that are at hand. */
export const visionTraining = (
  config: VisionConfig,
  set: SceneSet,
  places: TrainingPlaces,
): Training<readonly VisionInputs[]> => {
  const views = visionViews(config), specs = visionSpecs(config) as Tree<ParameterSpec>;
  const orders = views.map(({ size }, i) => batchAt(config.seed + i, set.scenes.length, size));
  const { every: _every, evalScenes: _evalScenes, ...deciding } = config;
  return {
    stage: "vision",
    identity: hashOf({ stage: "vision", config: deciding, data: set.hash }),
    specs,
    initial: randomArrays([config.seed, 1], specs),
    batch: views.map(visionInputs),
    loss: visionLoss(config),
    batchAt: (step) =>
      Effect.sync(() =>
        Object.assign(
          {},
          ...views.map((view, i) => visionBindings(view, set, orders[i]!(step).map((e) => e.index))),
        )
      ),
    trainable: () => true,
    optimiser: adamw({
      weightDecay: config.weightDecay,
      betas: [0.9, 0.98],
      decay: (path) => under("vit")(path) && decayed(path),
    }),
    schedule: warmupCosine({
      peak: config.rate,
      warmup: config.warmup,
      total: config.steps,
      floor: config.rate / 100,
    }),
    maxNorm: 1,
    total: config.steps,
    work: { amount: config.batch[0] + config.batch[1], unit: "images" },
    places,
  };
};

/** Scores of an encoder and its heads on held-out scenes, one program per resolution. */
export const scoreVision = (
  config: VisionConfig,
  params: VisionParams<NdArray>,
  set: SceneSet,
): Effect.Effect<Readonly<Record<number, VisionScore>>, DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const scores: Record<number, VisionScore> = {};
    for (const view of visionViews(config)) {
      scores[view.side] = yield* Effect.scoped(Effect.gen(function* () {
        const size = Math.min(view.size, set.scenes.length), small = { ...view, size };
        const inputs = visionInputs(small);
        const held = placeholders("params", visionSpecs(config) as Tree<ParameterSpec>) as VisionParams<
          Tensor
        >;
        const { contrast, place, right, count } = scoreView(held, inputs)[1]!;
        const program = yield* device.load(
          compileFor(device, { outputs: { contrast, place, right, count } }),
        );
        const flat = bindingsOf("params", params as Tree<NdArray>);
        yield* program.write(
          Object.fromEntries(Object.entries(flat).filter(([path]) => path in program.plan.inputs)),
        );
        const sums = { contrast: 0, place: 0, right: 0, count: 0 };
        for (let from = 0; from + size <= set.scenes.length; from += size) {
          yield* program.write(visionBindings(small, set, Array.from({ length: size }, (_, i) => from + i)));
          yield* program.run;
          const got = yield* program.read(["contrast", "place", "right", "count"]);
          const n = got.count!.data[0]!;
          sums.count += n;
          sums.right += got.right!.data[0]!;
          sums.contrast += got.contrast!.data[0]! * n;
          sums.place += got.place!.data[0]! * n;
        }
        return {
          accuracy: sums.right / sums.count,
          loss: sums.contrast / sums.count,
          place: sums.place / sums.count,
          objects: sums.count,
        };
      }));
    }
    return scores;
  });

/** Scene sets of the stage: training and held-out images at both resolutions. */
export const visionScenes = (
  config: VisionConfig,
  cache?: string,
): Effect.Effect<{ readonly train: SceneSet; readonly heldOut: SceneSet }, DataError> => {
  const options = { sides: [112, 224], ...(cache === undefined ? {} : { cache }) };
  return Effect.all({
    train: renderDataset(config.data, "vision", config.scenes, options),
    heldOut: renderDataset(config.data, "eval", config.evalScenes, options),
  });
};

/** The whole stage: scenes, training, scores on held-out scenes. */
export const runVision = (
  config: VisionConfig,
  places: TrainingPlaces,
  cache?: string,
): Effect.Effect<VisionResult, TrainError | DataError, Device> =>
  Effect.gen(function* () {
    const scenes = yield* visionScenes(config, cache);
    const trained = yield* train(visionTraining(config, scenes.train, places));
    const params = (yield* readLazies(trained.params)) as VisionParams<NdArray>;
    const heldOut = yield* scoreVision(config, params, scenes.heldOut);
    return { params, trained, dataHash: scenes.train.hash, heldOut };
  });
