/**
 * The language stage: the decoder learns to read before it sees. Scenes are described in words where visual tokens
 * will be, questions about them follow, and what is trained is the decoder with a map of the words of a place to its
 * width, which a bridge replaces later. No scene of another split is among those described.
 */
import {
  type Bridge,
  fit,
  input,
  layerNorm,
  type LayerNormParams,
  layerNormSpecs,
  type Layout,
  layoutOf,
  linear,
  type LinearParams,
  linearSpecs,
  type NdArray,
  type ParameterSpec,
  tokenCount,
  type Tree,
  type VisionLanguage,
  visionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { pipe } from "fp-ts/lib/function.js";
import * as E from "fp-ts/lib/Either.js";
import { fromEither, type TypeOf } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { amount, natural } from "../base/numbers.ts";
import { rngOf } from "../base/rng.ts";
import { spread } from "../configs/spread.ts";
import { dataConfigCodec, defaultData } from "../scenes/config.ts";
import { sampleScene } from "../scenes/scene.ts";
import type { BatchError } from "../text/batch.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { questionBatch, trainingRow, turnsCodec } from "../train/rows.ts";
import type { Training, TrainingPlaces } from "../train/training.ts";
import { randomArrays } from "../weights/lazy.ts";
import { described, wordChannels } from "./description.ts";
import { decidingFields, languageCodec, optimiserOf, trainedBy } from "./language_config.ts";
import { modelCodec, partsOf } from "./model.ts";
import { vocabularyOf } from "./scene_source.ts";

const layoutType = t.strict({
  /** Side of the images that it is a layout of, pixels. */
  resolution: natural,
  /** Window sides in patches, coarse to fine. */
  windows: t.readonlyArray(natural),
  /** Queries of a window, by scale. */
  queries: t.readonlyArray(natural),
  /** How often batches have it, relative to others. */
  weight: amount,
});

/** @internal */
export const decoderFields = t.strict({
  /** How scenes are made. */
  data: dataConfigCodec(),
  /** Key of the initial weights, the scenes and the order of layouts. */
  seed: natural,
  /** Largest size of the vocabulary. */
  vocabulary: natural,
  /** The decoder. */
  model: modelCodec(),
  /** Tokens of a row, and its questions. */
  text: t.strict({ length: natural, turns: turnsCodec }),
  /** Places of descriptions: the visual tokens of bridges. */
  layouts: t.readonlyArray(layoutType),
  /** Largest standard deviation of the box edges that descriptions tell, in shares of the side. */
  edges: amount,
  /** How it is trained. */
  training: languageCodec(),
});

/** Everything that decides the weights of the language stage. */
export interface DecoderConfig extends TypeOf<typeof decoderFields> {}

/** Codec of {@link DecoderConfig}. */
export const decoderCodec = (): t.Type<DecoderConfig, unknown, unknown> => decoderFields;

/** As the shipped decoder is made. */
export const defaultDecoder: DecoderConfig = {
  data: { ...defaultData, concepts: 12, objects: [2, 4], size: [0.18, 0.36], plates: 0, repeated: 0.5 },
  seed: 1,
  vocabulary: 512,
  model: { width: 128, layers: 2, heads: 4, ff: 352, bridgeHeads: 4, init: 0.09 },
  text: { length: 52, turns: { caption: 1, presence: 2, count: 2, refer: 3 } },
  layouts: [
    { resolution: 112, windows: [8, 2], queries: [4, 1], weight: 7 },
    { resolution: 112, windows: [8, 4], queries: [4, 1], weight: 3 },
    { resolution: 224, windows: [16, 8, 2], queries: [4, 4, 1], weight: 1 },
    { resolution: 112, windows: [8], queries: [84], weight: 0.5 },
  ],
  edges: 0.12,
  training: {
    steps: 2600,
    batch: 32,
    learningRate: 2e-3,
    warmup: 50,
    weightDecay: 0.05,
    maxNorm: 1,
    trainable: ["bridge", "model", "lm_head"],
    every: 250,
  },
};

/** Patches of a description's grid have the encoder's side. */
const PATCH = 14;

/** From the words of places to the decoder's width. */
type WordBridgeParams<A> = {
  /** Channels of words -> d. */
  readonly words: LinearParams<A>;
  /** After it. */
  readonly ln: LayerNormParams<A>;
  /** d -> d. */
  readonly proj: LinearParams<A>;
};

/** Descriptions as visual tokens: the part that a bridge replaces. */
const wordBridge = (places: number, channels: number, to: number): Bridge => {
  const specs: WordBridgeParams<ParameterSpec> = {
    words: linearSpecs({ from: channels, to }),
    ln: layerNormSpecs(to),
    proj: linearSpecs({ from: to, to }),
  };
  return {
    name: `words-${places}`,
    tokens: places,
    grid: 1,
    levels: 1,
    specs,
    apply: (params, [described_bnc]) => {
      const p = fit("words", specs, params);
      return pipe(described_bnc!, linear(p.words), layerNorm(p.ln), linear(p.proj));
    },
  };
};

const layoutsOf = ({ layouts }: DecoderConfig): readonly Layout[] =>
  layouts.map(({ resolution, windows, queries }) => layoutOf(resolution, PATCH, windows, queries));

const modelWith = (config: DecoderConfig, vocabulary: number, layout: Layout): VisionLanguage =>
  visionLanguage({
    bridge: wordBridge(tokenCount(layout), wordChannels(config.data), config.model.width),
    decoder: partsOf(config.model, vocabulary).decoder,
  });

/** The first index of described scenes, which no data set reaches. */
const FIRST = 2 ** 30;

/** The training of the stage. Throws a ConfigError for layouts or groups that do not fit. */
export const decoderTraining = (
  config: DecoderConfig,
  tokenizer: Tokenizer,
  places: TrainingPlaces,
): Training<VisionLanguageBatch, BatchError> => {
  const { data, text, seed, training, edges } = config, { batch } = training;
  const vocabulary = vocabularyOf(tokenizer), channels = wordChannels(data);
  const shapes = layoutsOf(config).map((layout, i) => {
    const tokens = tokenCount(layout), path = i === 0 ? "features" : `features.${i}`;
    return { layout, tokens, path, model: modelWith(config, vocabulary, layout) };
  });
  const inputs = ({ path, tokens }: typeof shapes[number]): VisionLanguageBatch => ({
    features: [input(path, [batch, tokens, channels])],
    ids: input("ids", [batch, text.length], "i32"),
    labels: input("labels", [batch, text.length], "i32"),
    turns: input("turns", [batch, text.length], "i32"),
  });
  const work = (tokens: number): number => batch * (tokens + text.length);
  const [first, ...others] = shapes, specs = first!.model.specs as Tree<ParameterSpec>;
  const shapeAt = (step: number) =>
    rngOf(seed, "layout", step).weighted(shapes, (shape) => config.layouts[shapes.indexOf(shape)]!.weight);
  const arraysAt = (step: number): E.Either<BatchError, Readonly<Record<string, NdArray>>> => {
    const { layout, path } = shapeAt(step), at = (row: number) => FIRST + step * batch + row;
    const scenes = Array.from({ length: batch }, (_, row) => sampleScene(data, "pretrain", at(row)));
    return pipe(
      questionBatch(scenes.map((scene) => trainingRow(tokenizer, scene, data, text, 0))),
      E.map((words) => ({
        [path]: described(scenes, layout, data, edges, (row) => rngOf(seed, "description", at(row))),
        ...words,
      })),
    );
  };
  const { training: how, ...deciding } = config;
  return {
    stage: "language",
    identity: hashOf({
      stage: "language",
      ...deciding,
      training: decidingFields(how),
      vocabulary: tokenizer.json,
    }),
    specs,
    initial: randomArrays([seed, 2], spread(specs, config.model.init)),
    batch: inputs(first!),
    others: others.map((shape) => ({ batch: inputs(shape), amount: work(shape.tokens) })),
    loss: (params, given) => {
      const tokens = "features" in given ? given.features[0]!.shape[1] : 0;
      return shapes.find((shape) => shape.tokens === tokens)!.model.loss(params, given);
    },
    batchAt: (step) => Effect.suspend(() => fromEither(arraysAt(step))),
    trainable: trainedBy(training),
    ...optimiserOf(training, specs),
    maxNorm: training.maxNorm,
    total: training.steps,
    work: { amount: work(first!.tokens), unit: "tokens" },
    places,
  };
};
