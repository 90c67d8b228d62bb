/** Mixtures of real data sets as what a stage learns from: stored features of their images, or the images themselves. */
import { type NdArray, ndarray, type TreeError } from "@chain-of-sight/core";
import type { Device, DeviceError } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { fromEither } from "../base/bridge.ts";
import type { DataError } from "../base/data_error.ts";
import { imageDecoder, type ImageError } from "../images/decode.ts";
import { undecodable } from "../images/image_checks.ts";
import { openSquares } from "../images/squares.ts";
import { type Draw, type Mixture, mixtureOf } from "../mixtures/mixture.ts";
import { type BatchOfStep, bucketsAt } from "../mixtures/mixture_buckets.ts";
import { mixtureImages, type OpenMixture, withoutUndecodable } from "../mixtures/mixture_open.ts";
import { rngOf } from "../base/rng.ts";
import type { DiskError } from "../base/disk.ts";
import { type Batch, type BatchError, batchOf } from "../text/batch.ts";
import { type ArrangedRow, arrangementOf, rowOfTokens, type RowTokens } from "../text/rows.ts";
import type { FeatureStoreError } from "../train/feature_rows.ts";
import { type FeaturesBy, type FeatureStore, openFeatureStore } from "../train/feature_store.ts";
import { type FillError, fillFeatures, type FillOptions } from "../train/fill_features.ts";
import { partOf } from "../train/training.ts";
import { stackedPixels } from "../images/pixels.ts";
import type { EncoderViews } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { embeddingRows, featureBindings } from "./scene_source.ts";
import { type LanguageSource, placePaths, textPaths, type VisionInputSpec } from "./source.ts";

/** Errors of the batches of a mixture. */
export type MixtureBatchError =
  | BatchError
  | DataError
  | DeviceError
  | DiskError
  | FeatureStoreError
  | ImageError;

interface Drawn {
  /** The row. */
  readonly row: ArrangedRow;
  /** The image at each place of the row: its part, and its number there; nothing at places without one. */
  readonly images: readonly (ImageOf | undefined)[];
}

/** An image of a part. */
interface ImageOf {
  readonly part: number;
  readonly imageIndex: number;
}

/** The examples of some draws as a row: of each record's prompts and answers, other ones at other passes. */
const drawn = (
  { parts, language, row: { images: places } }: OpenMixture,
  draws: readonly Draw[],
  length: number,
): Effect.Effect<Drawn, DiskError> =>
  Effect.gen(function* () {
    const conversations: RowTokens[] = [], images: ImageOf[] = [], names: string[] = [];
    for (const draw of draws) {
      const part = parts[draw.part]!, index = part.used[draw.index]!;
      const rng = rngOf("variants", part.name, index, draw.epoch);
      conversations.push(yield* part.data.rowTokens(index, rng.below));
      images.push(...part.data.imagesOf(index).map((imageIndex) => ({ part: draw.part, imageIndex })));
      names.push(`${part.name}: example ${index}`);
    }
    return {
      row: rowOfTokens(names.join("; "), conversations, language.pad, { length, images: places }),
      images: Array.from({ length: places }, (_, i) => images[i]),
    };
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

/** The rows of every step. */
const stepsOf = ({ parts, row, buckets, pack }: OpenMixture, size: number) => (order: Mixture): BatchOfStep =>
  bucketsAt(order, size, { lengths: [...buckets, row.length], images: row.images, pack }, (draw) => {
    const { data, used } = parts[draw.part]!;
    return data.needOf(used[draw.index]!);
  });

/** Rows of an array at the places that hold something; zeros at the others. */
const atPlaces = (array: NdArray, places: readonly unknown[]): NdArray => {
  const shape = [places.length, ...array.shape.slice(1)], size = shape.slice(1).reduce((a, n) => a * n, 1);
  if (array.shape[0] === places.length) return array;
  const data = new Float32Array(places.length * size);
  let row = 0;
  places.forEach((place, i) => {
    if (place !== undefined) {
      data.set(array.data.subarray(row * size, ++row * size) as Float32Array, i * size);
    }
  });
  return ndarray("f32", shape, data);
};

/** The arrays of some images. */
type VisionInputArrays<E> = (
  images: readonly ImageOf[],
) => Effect.Effect<Readonly<Record<string, NdArray>>, E>;

const sourceOf = (
  mixture: OpenMixture,
  visionInput: VisionInputSpec,
  key: string,
  arrays: VisionInputArrays<MixtureBatchError>,
): LanguageSource<MixtureBatchError> => ({
  identity: { mixture: mixture.hash, visionInput: key },
  visionInput,
  length: mixture.row.length,
  rows: { images: mixture.row.images, packed: mixture.pack },
  ...(mixture.buckets.length === 0 ? {} : { buckets: mixture.buckets }),
  vocabulary: embeddingRows(mixture.language.size),
  words: mixture.language.words,
  batches: (seed, size) => {
    const steps = E.map(stepsOf(mixture, size))(orderOf(mixture, seed));
    return (step, part) =>
      Effect.gen(function* () {
        const { rows, length } = (yield* fromEither(steps))(step), paths = textPaths(mixture.row, length);
        const examples = yield* Effect.forEach(partOf(rows, part), (draws) => drawn(mixture, draws, length));
        const made = examples.map(({ row }) => row), places = examples.flatMap(({ images }) => images);
        const { ids, labels }: Batch = yield* fromEither(batchOf(made));
        const { segments, after, imageSegments } = arrangementOf(made);
        const seen = yield* arrays(places.filter((image) => image !== undefined));
        return {
          ...Object.fromEntries(Object.entries(seen).map(([path, array]) => [path, atPlaces(array, places)])),
          [paths.ids]: ids,
          [paths.labels]: labels,
          [placePaths.after]: after,
          ...(mixture.pack ? { [paths.segments]: segments, [placePaths.imageSegments]: imageSegments } : {}),
        };
      });
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
    (images) =>
      Effect.map(
        store.read(
          images.map(({ part, imageIndex }) => mixture.parts[part]!.data.imageFiles[imageIndex]!.content),
        ),
        featureBindings,
      ),
  );

/** An open mixture and the features of its images. */
export interface MixtureFeatures {
  /** The mixture without examples whose images cannot be decoded. */
  readonly mixture: OpenMixture;
  /** The features. */
  readonly store: FeatureStore;
  /** Training data of a stage. */
  readonly source: LanguageSource<MixtureBatchError>;
}

/**
 * A mixture on stored features: those that are missing are computed first, and kept in `folder` by the content of the
 * images' files, so that mixtures which share images share features.
 */
export const openMixtureFeatures = (
  mixture: OpenMixture,
  weights: VisionWeights,
  views: EncoderViews,
  { folder, ...by }: FeaturesBy & { readonly folder: string },
  options: Omit<FillOptions, "policy">,
): Effect.Effect<MixtureFeatures, FillError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* openFeatureStore(`${folder}/features`, weights, views, by);
    const policy = mixture.parts.every((part) => part.policy === "stop") ? "stop" : "skip";
    yield* fillFeatures(store, mixtureImages(mixture), weights, views, { ...options, policy });
    const usable = yield* withoutUndecodable(mixture, (content) => store.refusal(content)?.got);
    return { mixture: usable, store, source: featureMixtureSource(usable, store) };
  });

/**
 * A mixture on its images, for stages that train the encoder: decoded in workers when a batch asks for them, for as long
 * as the scope lives. Every image is decoded once before, unless `cache` knows that it can be.
 */
export const openMixtureImages = (
  mixture: OpenMixture,
  { side, workers }: { readonly side: number; readonly workers?: number },
  cache: string,
): Effect.Effect<
  { readonly mixture: OpenMixture; readonly source: LanguageSource<MixtureBatchError> },
  DataError | DiskError | TreeError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const bad = yield* undecodable(mixtureImages(mixture), cache);
    const usable = yield* withoutUndecodable(mixture, (content) => bad.get(content));
    const decode = yield* openSquares({ side, ...(workers === undefined ? {} : { workers }) });
    const arrays: VisionInputArrays<MixtureBatchError> = (images) =>
      Effect.map(
        Effect.forEach(images, ({ part, imageIndex }) => {
          const { name, load } = usable.parts[part]!.data.imageFiles[imageIndex]!;
          return Effect.flatMap(load, (bytes) => decode({ file: name, bytes }));
        }, { concurrency: "unbounded" }),
        (imageFiles) => ({ images: stackedPixels(imageFiles, side) }),
      );
    const source = sourceOf(
      usable,
      { kind: "images", side },
      `images ${side}, ${imageDecoder}`,
      arrays,
    );
    return { mixture: usable, source };
  });
