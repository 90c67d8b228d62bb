/** What all arms share: the encoding, the encoder, the scenes and their features. */
import type { TreeError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { DataError } from "../data/error.ts";
import { coordinateWords } from "../data/grid.ts";
import { sampleScenes } from "../data/scene.ts";
import type { SceneSet } from "../data/scene_set.ts";
import { corpusOf } from "../data/tasks.ts";
import { renderDataset } from "../data/workers.ts";
import { hashOf } from "../runs/hash.ts";
import type { LanguageData } from "../stages/scene_source.ts";
import { stagePlaces, type StageRun } from "../stages/stage.ts";
import { runVision } from "../stages/vision.ts";
import { defaultVision } from "../stages/vision_config.ts";
import { trainBpe } from "../text/bpe.ts";
import { type Tokenizer, tokenizerOf } from "../text/tokenizer.ts";
import { type FeatureError, type FeatureSet, featuresOf, meanFeatures } from "../train/features.ts";
import type { TextConfig } from "../train/rows.ts";
import type { TrainError } from "../train/trainer.ts";
import { loadVision, shippedWeights, type VisionWeights } from "../vision/weights.ts";
import { load } from "../weights/checkpoint.ts";
import type { QuickstartConfig } from "./config.ts";

/** Folders of things that runs share. */
export interface Caches {
  /** Rendered scenes. */
  readonly scenes: string;
  /** Features. */
  readonly features: string;
}

/** The scenes of a quickstart. */
export interface QuickstartScenes {
  /** At 112 px. */
  readonly pretrain: SceneSet;
  /** At 224 px. */
  readonly finetune: SceneSet;
  /** At 224 px. */
  readonly heldOut: SceneSet;
  /** Hash of all pictures. */
  readonly hash: string;
}

/** What the stages of all arms learn from and are asked about. */
export interface Materials {
  /** For pre-training. */
  readonly pretrain: LanguageData;
  /** For fine-tuning. */
  readonly finetune: LanguageData;
  /** For evaluation. */
  readonly heldOut: LanguageData;
  /** The average picture of fine-tuning. */
  readonly average: FeatureSet;
}

/** The scenes of a configuration, drawn or read from the cache. */
export const scenesFor = (
  config: QuickstartConfig,
  caches: Caches,
): Effect.Effect<QuickstartScenes, DataError> =>
  Effect.gen(function* () {
    const at = (side: number) => ({ sides: [side], cache: caches.scenes });
    const pretrain = yield* renderDataset(config.data, "pretrain", config.scenes.pretrain, at(112));
    const finetune = yield* renderDataset(config.data, "finetune", config.scenes.finetune, at(224));
    const heldOut = yield* renderDataset(config.data, "eval", config.scenes.eval, at(224));
    return { pretrain, finetune, heldOut, hash: hashOf([pretrain.hash, finetune.hash, heldOut.hash]) };
  });

/** Scenes whose texts the encoding is trained on; more add no words. */
const CORPUS_SCENES = 400;

/** The encoding of a configuration; it remembers what it has encoded, since questions repeat. */
export const tokenizerFor = (config: Pick<QuickstartConfig, "data" | "vocabulary">): Tokenizer => {
  const texts = corpusOf(config.data, sampleScenes(config.data, "pretrain", CORPUS_SCENES));
  const plain = tokenizerOf(trainBpe(texts, config.vocabulary, coordinateWords(config.data.grid)));
  const known = new Map<string, readonly number[]>();
  const encode = (text: string): readonly number[] => {
    const found = known.get(text) ?? plain.encode(text);
    known.set(text, found);
    return found;
  };
  return { ...plain, encode };
};

/** The encoder: the shipped one, or one trained in this run. */
export const encoderFor = (
  config: Pick<QuickstartConfig, "data" | "seed" | "vision">,
  run: StageRun,
  caches: Pick<Caches, "scenes">,
): Effect.Effect<VisionWeights, TrainError | DataError | TreeError, Device> => {
  if (config.vision.steps === 0) return loadVision(shippedWeights());
  const { steps, batch, scenes } = config.vision;
  const vision = {
    ...defaultVision,
    data: config.data,
    seed: config.seed,
    steps,
    batch,
    scenes,
    evalScenes: Math.max(...batch),
    warmup: Math.min(defaultVision.warmup, Math.floor(steps / 2)),
  };
  const places = { ...stagePlaces(run, "vision"), every: vision.every };
  return Effect.gen(function* () {
    const { params } = yield* runVision(vision, places, caches.scenes);
    const { hash } = yield* load(places.checkpoint);
    return { params: params.vit, hash };
  });
};

/** Features of all scenes, and everything else that the stages read. */
export const materialsFor = (
  config: QuickstartConfig,
  scenes: QuickstartScenes,
  weights: VisionWeights,
  caches: Caches,
): Effect.Effect<Materials, FeatureError, Device> =>
  Effect.gen(function* () {
    const tokenizer = tokenizerFor(config);
    const dataOf = (set: SceneSet, side: number, name: string, text: TextConfig) =>
      Effect.map(
        featuresOf(set, weights, {
          side,
          batch: side === 112 ? config.featureBatch : Math.max(1, config.featureBatch >> 2),
          cache: caches.features,
          label: `features of ${name}`,
        }),
        (features): LanguageData => ({
          scenes: set.scenes,
          features,
          data: config.data,
          text,
          tokenizer,
        }),
      );
    const finetune = yield* dataOf(scenes.finetune, 224, "finetune", config.text.finetune);
    return {
      pretrain: yield* dataOf(scenes.pretrain, 112, "pretrain", config.text.pretrain),
      finetune,
      heldOut: yield* dataOf(scenes.heldOut, 224, "eval", config.text.finetune),
      average: meanFeatures(finetune.features),
    };
  });
