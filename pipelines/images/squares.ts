/** Images as squares of bytes, decoded in Workers ahead of their use, in order. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { openPool } from "../threads/pool.ts";
import { DataError } from "../base/data_error.ts";
import { ImageError, MAX_PIXELS } from "./decode.ts";
import type { Answer, Job } from "./worker.ts";

/** An encoded image. */
export interface EncodedImage {
  /** Name shown in errors. */
  readonly file: string;
  /** The file's bytes. */
  readonly bytes: Uint8Array;
}

/** How images are decoded. */
export interface SquareOptions {
  /** Side of the squares, pixels. */
  readonly side: number;
  /** Workers; as many as cores if absent. */
  readonly workers?: number;
  /** Maximum number of pixels of one image. */
  readonly maxPixels?: number;
}

const fail = (got: string): DataError =>
  new DataError({
    op: "decode images",
    got,
    expected: "a worker that decodes",
    hint: "check that the npm package sharp loads on this machine",
  });

/** A square, or the error of the image that was refused. */
const squareOf = (file: string, answer: Answer): Effect.Effect<Uint8Array, ImageError> => {
  if (answer.kind === "square") return Effect.succeed(answer.rgb);
  const { reason, got, expected, hint } = answer;
  return Effect.fail(new ImageError({ op: `decode ${file}`, got, expected, hint, file, reason }));
};

/**
 * Decodes one image.
 * @internal
 */
export type SquareDecoder = (image: EncodedImage) => Effect.Effect<Uint8Array, ImageError | DataError>;

/**
 * Opens threads that decode images by `decodeImage` and resize them as CLIP does, for as long as the scope lives.
 * The bytes do not depend on how many there are. A decode that is interrupted ends its thread.
 */
export const openSquares = (
  { side, maxPixels = MAX_PIXELS, workers = navigator.hardwareConcurrency }: SquareOptions,
): Effect.Effect<SquareDecoder, never, Scope.Scope> =>
  Effect.map(
    openPool<Job, Answer, DataError>({
      script: new URL("./worker.ts", import.meta.url),
      size: workers,
      fault: fail,
    }),
    (request) => (image) =>
      Effect.flatMap(request({ ...image, side, maxPixels }), (answer) => squareOf(image.file, answer)),
  );
