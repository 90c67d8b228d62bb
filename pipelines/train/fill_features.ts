/** Features of images that a store does not have yet: files are decoded in workers while the device encodes. */
import type { NdArray } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { DataError } from "../base/data_error.ts";
import type { Policy } from "../formats/read.ts";
import { ImageError } from "../images/decode.ts";
import type { ImageFile } from "../images/image_files.ts";
import { openSquares } from "../images/squares.ts";
import type { DiskError } from "../base/disk.ts";
import { reportProgress, startProgress } from "../terminal/progress.ts";
import type { EncoderViews } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { openEncoder } from "./encoder.ts";
import { theRanks } from "../ranks/ranks.ts";
import type { ImageRefusal, NewRow } from "./feature_rows.ts";
import type { FeatureStore } from "./feature_store.ts";
import { stackedPixels } from "../images/pixels.ts";
import type { UploadError } from "../weights/lazy.ts";

/** How a store is filled. */
export interface FillOptions {
  /** Images per submit. */
  readonly batch: number;
  /** Workers that decode; as many as cores if absent. */
  readonly workers?: number;
  /** What happens at an image that cannot be decoded: `stop` (the default), or `skip`, which notes and counts it. */
  readonly policy?: Policy;
  /** Text of the progress line. */
  readonly label: string;
}

/** Result of the images. */
export interface FillReport {
  /** Different images. */
  readonly images: number;
  /** Images whose features were computed now. */
  readonly computed: number;
  /** Images that cannot be decoded. */
  readonly refused: readonly ImageRefusal[];
}

/** What filling can fail with. */
export type FillError = DataError | DiskError | ImageError | UploadError;

type DecodeOutput = { readonly content: string; readonly rgb: Uint8Array } | ImageRefusal;

const refusalOf = (content: string, { reason, got }: ImageError): ImageRefusal => ({
  content,
  reason,
  got,
});

const errorOf = (name: string, { reason, got }: ImageRefusal): ImageError =>
  new ImageError({
    op: `decode ${name}`,
    got,
    expected: "a whole JPEG, PNG or WebP file",
    hint: "get the file again, or read with the policy skip, which counts it",
    file: name,
    reason,
  });

const rowsOf = (levels: readonly NdArray[], contents: readonly string[]): readonly NewRow[] =>
  contents.map((content, i) => {
    const size = levels[0]!.data.length / levels[0]!.shape[0]!, data = new Float32Array(levels.length * size);
    levels.forEach((level, l) =>
      data.set(level.data.subarray(i * size, (i + 1) * size) as Float32Array, l * size)
    );
    return { content, data };
  });

/**
 * Computes what is missing. It may be killed at any time and goes on from the last batch; other processes may fill the
 * same store, and what they stored meanwhile is not recomputed.
 */
export const fillFeatures = (
  store: FeatureStore,
  images: readonly ImageFile[],
  weights: VisionWeights,
  views: EncoderViews,
  { batch, policy = "stop", label, workers = navigator.hardwareConcurrency }: FillOptions,
): Effect.Effect<FillReport, FillError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const files = new Map(images.map((image) => [image.content, image]));
    const noted = () =>
      [...files.keys()].flatMap((content) => {
        const refusal = store.refusal(content);
        return refusal === undefined ? [] : [refusal];
      });
    const known = noted();
    if (policy === "stop" && known.length > 0) {
      return yield* Effect.fail(errorOf(files.get(known[0]!.content)!.name, known[0]!));
    }
    const isOpen = (content: string): boolean => !store.has(content) && store.refusal(content) === undefined;
    const open = [...files.values()].filter(({ content }) => isOpen(content)),
      { rank, size } = yield* theRanks;
    // each rank begins elsewhere, and leaves out what the others have stored meanwhile
    const first = Math.floor(open.length * rank / size),
      missing = [...open.slice(first), ...open.slice(0, first)];
    let computed = 0, done = 0;
    if (missing.length > 0) {
      const decode = yield* openSquares({ side: views.side, workers });
      const encode = yield* openEncoder(weights, views, batch);
      const report = yield* startProgress({ stage: label, total: missing.length, unit: "images" });
      const decoded = (
        { content, name, load }: ImageFile,
      ): Effect.Effect<readonly DecodeOutput[], FillError> =>
        isOpen(content)
          ? Effect.flatMap(load, (bytes) => decode({ file: name, bytes })).pipe(
            Effect.map((rgb): readonly DecodeOutput[] => [{ content, rgb }]),
            Effect.catch((error) =>
              error instanceof ImageError && policy === "skip"
                ? Effect.succeed<readonly DecodeOutput[]>([refusalOf(content, error)])
                : Effect.fail(error)
            ),
          )
          : Effect.sync(() => (done++, []));
      const stored = (some: readonly DecodeOutput[]): Effect.Effect<void, FillError> =>
        Effect.gen(function* () {
          for (const one of some) if (!("rgb" in one)) yield* store.refuse(one);
          const good = some.flatMap((one) => "rgb" in one ? [one] : []);
          if (good.length > 0) {
            const levels = yield* encode(stackedPixels(good.map(({ rgb }) => rgb), views.side, batch));
            yield* store.append(rowsOf(levels, good.map(({ content }) => content)));
            computed += good.length;
          }
          yield* store.refresh;
          done += some.length;
          yield* reportProgress(report, { step: done, done: some.length });
        });
      yield* Stream.fromIterable(missing).pipe(
        Stream.mapEffect(decoded, { concurrency: 2 * workers }),
        Stream.flatMap((some) => Stream.fromIterable(some)),
        Stream.grouped(batch),
        Stream.runForEach(stored),
      );
    }
    return { images: files.size, computed, refused: noted() };
  }));
