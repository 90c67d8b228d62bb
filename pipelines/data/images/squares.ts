/** Pictures as squares of bytes, decoded in Workers ahead of their use, in order. */
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import type * as Scope from "effect/Scope";
import { DataError } from "../error.ts";
import { ImageError, MOST_PIXELS } from "./decode.ts";
import type { Answer, Job } from "./worker.ts";

/** An encoded picture. */
export interface EncodedImage {
  /** Name shown in errors. */
  readonly file: string;
  /** The file's bytes. */
  readonly bytes: Uint8Array;
}

/** How pictures are decoded. */
export interface SquareOptions {
  /** Side of the squares, pixels. */
  readonly side: number;
  /** Workers; as many as cores if absent. */
  readonly workers?: number;
  /** Most pixels of one picture. */
  readonly mostPixels?: number;
}

const fail = (got: string): DataError =>
  new DataError({
    op: "decode pictures",
    got,
    expected: "a worker that decodes",
    mend: "check that the npm package sharp loads on this machine",
  });

const ask = (worker: Worker, job: Job): Effect.Effect<Uint8Array, ImageError | DataError> =>
  Effect.callback((resume) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.kind === "square") return resume(Effect.succeed(data.rgb));
      if (data.kind === "failed") return resume(Effect.fail(fail(data.message)));
      const { reason, got, expected, mend } = data, { file } = job;
      resume(Effect.fail(new ImageError({ op: `decode ${file}`, got, expected, mend, file, reason })));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      resume(Effect.fail(fail(event.message)));
    };
    worker.postMessage(job);
  });

/** Decodes one picture, in whichever worker is free. */
const squareDecoder = (
  idle: Queue.Queue<Worker>,
  { side, mostPixels = MOST_PIXELS }: SquareOptions,
): (image: EncodedImage) => Effect.Effect<Uint8Array, ImageError | DataError> =>
(image) =>
  Effect.acquireUseRelease(
    Queue.take(idle),
    (worker) => ask(worker, { ...image, side, mostPixels }),
    (worker) => Queue.offer(idle, worker),
  );

const openWorker: Effect.Effect<Worker, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })),
  (worker) => Effect.sync(() => worker.terminate()),
);

/**
 * Opens workers that decode pictures by `decodeImage` and resize them as CLIP does, for as long as the scope lives.
 * The bytes do not depend on how many there are. A decode that is interrupted leaves its worker to the next one.
 */
export const openSquares = (
  options: SquareOptions,
): Effect.Effect<
  (image: EncodedImage) => Effect.Effect<Uint8Array, ImageError | DataError>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const count = options.workers ?? navigator.hardwareConcurrency;
    const idle = yield* Queue.unbounded<Worker>();
    for (let i = 0; i < count; i++) yield* Queue.offer(idle, yield* openWorker);
    return squareDecoder(idle, options);
  });

/**
 * Squares of many pictures, each with its place, or the error that names its file.
 * Nothing is left out: a picture that is refused stands there as its {@link ImageError}.
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
