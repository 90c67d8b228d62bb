/** Photos as sets of images, in the place of scenes: features of them are computed once and cached like theirs. */
import * as Effect from "effect/Effect";
import type { DataError } from "../../../pipelines/base/data_error.ts";
import { hashImages, type ImageSet } from "../../../pipelines/images/image_set.ts";
import { ImageError } from "../../../pipelines/images/decode.ts";
import { type EncodedImage, openSquares, type SquareOptions } from "../../../pipelines/images/squares.ts";

/**
 * Squares of many images, each with its place, or the error that names its file.
 * Nothing is left out: an image that is refused exists as its {@link ImageError}.
 */
export const squaresOf = (
  images: readonly EncodedImage[],
  options: SquareOptions,
): Effect.Effect<readonly (Uint8Array | ImageError)[], DataError> =>
  Effect.scoped(Effect.gen(function* () {
    const decode = yield* openSquares(options);
    return yield* Effect.forEach(
      images,
      (image) =>
        Effect.catch(
          decode(image) as Effect.Effect<Uint8Array | ImageError, ImageError | DataError>,
          (error) =>
            error._tag === "ImageError" ? Effect.succeed<Uint8Array | ImageError>(error) : Effect.fail(error),
        ),
      { concurrency: 2 * (options.workers ?? navigator.hardwareConcurrency) },
    );
  }));

/**
 * Decodes photos as a set at one side; the hash is that of their pixels. Fails with the {@link ImageError} of the first
 * photo that is refused, as places in the set must be those of the photos.
 */
export const photoSet = (
  photos: readonly EncodedImage[],
  options: SquareOptions,
): Effect.Effect<ImageSet, ImageError | DataError> =>
  Effect.gen(function* () {
    const squares = yield* squaresOf(photos, options), size = options.side ** 2 * 3;
    const all = new Uint8Array(squares.length * size);
    for (const [i, square] of squares.entries()) {
      if (square instanceof ImageError) return yield* Effect.fail(square);
      all.set(square, i * size);
    }
    const images = { [options.side]: all };
    return { images, hash: hashImages(images) };
  });
