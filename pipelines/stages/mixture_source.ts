/** Mixtures of real data sets as what a stage learns from: stored features of their pictures, or the pictures themselves. */
import type { NdArray, TreeError } from "@chain-of-sight/core";
import { type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { fromEither } from "../base/bridge.ts";
import type { DataError } from "../base/data_error.ts";
import { type ImageError, pictureDecoder } from "../images/decode.ts";
import { undecodable } from "../images/picture_checks.ts";
import { openSquares } from "../images/squares.ts";
import { type Draw, drawsAt, type Mixture, mixtureOf } from "../mixtures/mixture.ts";
import { type Bucket, bucketsAt } from "../mixtures/mixture_buckets.ts";
import { type OpenMixture, picturesOf, withoutPictures } from "../mixtures/mixture_open.ts";
import { rngOf } from "../base/rng.ts";
import type { DiskError } from "../base/disk.ts";
import type { RunError } from "../runs/run_directory.ts";
import { type Batch, type BatchError, batchOf } from "../text/batch.ts";
import { rowOfTokens } from "../text/conversation.ts";
import type { Row } from "../text/prompt.ts";
import type { FeatureStoreError } from "../train/feature_rows.ts";
import { type FeatureStore, openFeatureStore } from "../train/feature_store.ts";
import { type FillError, fillFeatures, type FillOptions } from "../train/fill_features.ts";
import { stackedPixels } from "../images/pixels.ts";
import type { EncoderViews } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { codeVersions } from "./code.ts";
import { embeddingRows, featureBindings } from "./scene_source.ts";
import { batchesOf, type LanguageSource, type SightSpec, textPaths } from "./source.ts";

/** What the batches of a mixture can fail with. */
export type MixtureBatchError =
  | BatchError
  | DataError
  | DeviceError
  | DiskError
  | FeatureStoreError
  | ImageError;

interface Drawn {
  /** The row of text. */
  readonly row: Row;
  /** The sha-256 of the picture's file. */
  readonly content: string;
  /** The part, and the number of the picture in it. */
  readonly at: { readonly part: number; readonly picture: number };
}

/** The example of a draw as a row: of each record's prompts and answers, other ones at other passes. */
const drawn = (
  { parts, language }: OpenMixture,
  draw: Draw,
  length: number,
): Effect.Effect<Drawn, DiskError> =>
  Effect.gen(function* () {
    const part = parts[draw.part]!, index = part.used[draw.index]!;
    const rng = rngOf("variants", part.name, index, draw.epoch);
    const tokens = yield* part.data.rowTokens(index, rng.below);
    const row = rowOfTokens(`${part.name}: example ${index}`, tokens, language.pad, length);
    const picture = part.data.pictureOf(index);
    return { row, content: part.data.pictures[picture]!.content, at: { part: draw.part, picture } };
  });

const orderOf = (mixture: OpenMixture, seed: number): E.Either<DataError, Mixture> =>
  mixtureOf(
    mixture.parts.map(({ name, weight, used }) => ({
      name,
      count: used.length,
      ...(weight === undefined ? {} : { weight }),
    })),
    seed,
  );

/** The examples of every step: in rows of one length, or of the least of several that holds all of them. */
const stepsOf = (
  { parts, length, buckets }: OpenMixture,
  size: number,
) =>
(order: Mixture): (step: number) => Bucket<Draw> => {
  if (buckets.length > 0) {
    return bucketsAt(order, size, [...buckets, length], ({ part, index }) => {
      const { data, used } = parts[part]!;
      return data.tokensOf(used[index]!);
    });
  }
  const at = drawsAt(order, size);
  return (step) => ({ length, items: at(step) });
};

/** A function from drawn examples to the arrays before their text. */
const sightOf = <E>(
  arrays: (examples: readonly Drawn[]) => Effect.Effect<Readonly<Record<string, NdArray>>, E>,
): (examples: readonly Drawn[]) => Effect.Effect<Readonly<Record<string, NdArray>>, E> => arrays;

const sourceOf = (
  mixture: OpenMixture,
  sight: SightSpec,
  key: string,
  arrays: ReturnType<typeof sightOf<MixtureBatchError>>,
): LanguageSource<MixtureBatchError> => ({
  identity: { mixture: mixture.hash, sight: key },
  sight,
  length: mixture.length,
  ...(mixture.buckets.length === 0 ? {} : { buckets: mixture.buckets }),
  vocabulary: embeddingRows(mixture.language.size),
  words: mixture.language.words,
  batches: (seed, size) => {
    const steps = E.map(stepsOf(mixture, size))(orderOf(mixture, seed));
    return batchesOf((step) =>
      Effect.gen(function* () {
        const { items, length } = (yield* fromEither(steps))(step), paths = textPaths(mixture, length);
        const examples = yield* Effect.forEach(items, (draw) => drawn(mixture, draw, length));
        const { ids, labels }: Batch = yield* fromEither(batchOf(examples.map(({ row }) => row)));
        return { ...(yield* arrays(examples)), [paths.ids]: ids, [paths.labels]: labels };
      })
    );
  },
});

/** A mixture on the features of a store; they must be there, see {@link openMixtureFeatures}. */
export const featureMixtureSource = (
  mixture: OpenMixture,
  store: FeatureStore,
): LanguageSource<MixtureBatchError> =>
  sourceOf(
    mixture,
    { kind: "features", ...store.shape },
    store.key,
    sightOf((examples) => Effect.map(store.read(examples.map(({ content }) => content)), featureBindings)),
  );

/** An open mixture and the features of its pictures. */
export interface MixtureFeatures {
  /** The mixture without examples whose pictures cannot be decoded. */
  readonly mixture: OpenMixture;
  /** The features. */
  readonly store: FeatureStore;
  /** What a stage learns from. */
  readonly source: LanguageSource<MixtureBatchError>;
}

/**
 * A mixture on stored features: those that are missing are computed first, and kept in `cache` by the content of the
 * pictures' files, so that mixtures which share pictures share features.
 */
export const openMixtureFeatures = (
  mixture: OpenMixture,
  weights: VisionWeights,
  views: EncoderViews,
  cache: string,
  options: Omit<FillOptions, "policy">,
): Effect.Effect<MixtureFeatures, FillError | RunError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* openFeatureStore(`${cache}/features`, weights.hash, views, {
      device: (yield* theDevice()).profile.name,
      code: (yield* codeVersions).store,
    });
    const policy = mixture.parts.every((part) => part.policy === "stop") ? "stop" : "skip";
    yield* fillFeatures(store, picturesOf(mixture), weights, views, { ...options, policy });
    const usable = yield* withoutPictures(mixture, (content) => store.refusal(content)?.got);
    return { mixture: usable, store, source: featureMixtureSource(usable, store) };
  });

/**
 * A mixture on its pictures, for stages that train the encoder: decoded in workers when a batch asks for them, for as long
 * as the scope lives. Every picture is decoded once before, unless `cache` knows that it can be.
 */
export const openMixturePictures = (
  mixture: OpenMixture,
  { side, workers }: { readonly side: number; readonly workers?: number },
  cache: string,
): Effect.Effect<
  { readonly mixture: OpenMixture; readonly source: LanguageSource<MixtureBatchError> },
  DataError | DiskError | TreeError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const bad = yield* undecodable(picturesOf(mixture), cache);
    const usable = yield* withoutPictures(mixture, (content) => bad.get(content));
    const decode = yield* openSquares({ side, ...(workers === undefined ? {} : { workers }) });
    const arrays = sightOf<MixtureBatchError>((examples) =>
      Effect.map(
        Effect.forEach(examples, ({ at }) => {
          const { name, load } = usable.parts[at.part]!.data.pictures[at.picture]!;
          return Effect.flatMap(load, (bytes) => decode({ file: name, bytes }));
        }, { concurrency: "unbounded" }),
        (pictures) => ({ images: stackedPixels(pictures, side) }),
      )
    );
    const source = sourceOf(
      usable,
      { kind: "pictures", side },
      `pictures ${side}, ${pictureDecoder}`,
      arrays,
    );
    return { mixture: usable, source };
  });
