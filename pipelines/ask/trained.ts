/** A trained model, ready to be asked. */
import {
  input,
  type NdArray,
  type ParameterSpec,
  type Tensor,
  type Tree,
  type TreeError,
  type VisionLanguage,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { writerOf } from "../stages/answer.ts";
import { bridgeAfter } from "../engine/experiment.ts";
import { encoderParams } from "../engine/models.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import { vocabularyOf } from "../stages/scene_source.ts";
import { modelOf, type PlacedBridge, viewsRead } from "../stages/model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrainingError } from "../train/fault.ts";
import { trainedWeights } from "../train/saved_state.ts";
import { encodedViews, type EncoderViews, visionTower } from "../vision/tower.ts";
import { loadVision, shippedWeights } from "../vision/weights.ts";
import { type CheckpointError, load, nonFinite } from "../weights/checkpoint.ts";
import { paramsIn } from "../weights/params.ts";
import type { Writer } from "../generate/programs.ts";
import { type PlaceError, type TrainedPlace, trainedPlace } from "./trained_place.ts";

/** What loading a model can fail with. */
export type TrainedError = CheckpointError | PlaceError | TrainingError | TreeError;

/** A model that was pre-trained, expanded and fine-tuned. */
export interface TrainedModel extends TrainedPlace {
  /** The bridge that it was fine-tuned with. */
  readonly bridge: PlacedBridge;
  /** Its encoding. */
  readonly tokenizer: Tokenizer;
  /** The encoder, the bridge and the decoder behind inputs `images` of `[rows, side, side, 3]`. */
  readonly writer: Writer;
}

const encoderOf = ({ encoder }: TrainedPlace): Effect.Effect<Tree<NdArray>, CheckpointError | TreeError> =>
  Effect.map(
    encoder === undefined
      ? Effect.map(loadVision(shippedWeights()), ({ params }) => params)
      : Effect.flatMap(load(encoder), ({ tensors }) => encoderParams(tensors)),
    (params) => params as Tree<NdArray>,
  );

const named = <A>(tree: Tree<A>): Readonly<Record<string, Tree<A>>> =>
  tree as Readonly<Record<string, Tree<A>>>;

/** The same writer with the encoder before it, so that it reads pictures: the input `images`, `[rows, side, side, 3]`. */
const seeing = (
  writer: Writer,
  model: VisionLanguage,
  views: EncoderViews,
  encoder: Tree<NdArray>,
): Writer => ({
  ...writer,
  specs: { vision: vitSpecs(visionTower.config) as Tree<ParameterSpec>, ...named(writer.specs) },
  params: { vision: encoder, ...named(writer.params) },
  images: {
    tokens: model.visualTokens,
    describe: (held, rows) => {
      const { vision, ...rest } = named(held), images = input("images", [rows, views.side, views.side, 3]);
      const features = encodedViews(views)(vision as unknown as VitParams<Tensor>, images);
      return model.visual(rest, { features });
    },
  },
});

/**
 * Loads the model that a path names: the directory of a quickstart or an ablation, in which `name` chooses the arm, that
 * of one fine-tuning in a store, or the checkpoint of one.
 */
export const loadTrained = (path: string, name?: string): Effect.Effect<TrainedModel, TrainedError> =>
  Effect.gen(function* () {
    const place = yield* trainedPlace(path, name), { config, arm } = place, { model } = config;
    const tokenizer = tokenizerFor(config), bridge = bridgeAfter({ ...config, arm }, "finetune");
    const whole = modelOf(model, vocabularyOf(tokenizer), bridge);
    const { weights } = yield* trainedWeights(place.checkpoint), bad = nonFinite(place.checkpoint, weights);
    if (bad !== undefined) return yield* Effect.fail(bad);
    const params = yield* paramsIn(weights, whole.specs);
    const writer = writerOf({ model, bridge, params, tokenizer }), encoder = yield* encoderOf(place);
    return { ...place, bridge, tokenizer, writer: seeing(writer, whole, viewsRead(bridge), encoder) };
  });
