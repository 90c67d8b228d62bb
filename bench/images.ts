/** Images/s that become squares in Workers, in rounds alongside the bare decoder on as many threads. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import type { DataError } from "../pipelines/base/data_error.ts";
import type { ImageError } from "../pipelines/images/decode.ts";
import { type EncodedImage, openSquares } from "../pipelines/images/squares.ts";
import { rngOf } from "../pipelines/base/rng.ts";
import { table } from "../pipelines/terminal/table.ts";
import { type Spread, spreadOf } from "./spread.ts";

/** The timed work. */
interface ImagesBench {
  /** Images of one round. */
  readonly images: number;
  /** Workers, and threads of the bare decoder. */
  readonly workers: number;
  /** Side of the squares, pixels. */
  readonly side: number;
  /** Rounds. */
  readonly rounds: number;
}

/** Images per second. */
interface ImagesReport extends ImagesBench {
  /** From files to squares. */
  readonly squares: Spread;
  /** From files to bytes of RGB, by the decoder alone. */
  readonly bare: Spread;
  /** `squares / bare` of each round. */
  readonly ratio: Spread;
}

/** JPEG files of 640 x 480 pixels, smooth with some noise, about as large as photos. */
const photos = (count: number): Effect.Effect<readonly EncodedImage[]> =>
  Effect.promise(() =>
    Promise.all(Array.from({ length: count }, async (_, n) => {
      const rng = rngOf(n, "bench"), width = 640, height = 480, raw = new Uint8Array(width * height * 3);
      const [a, b] = [rng.range(5, 30), rng.range(5, 30)];
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const base = 128 + 100 * Math.sin(x / a) * Math.cos(y / b) + 20 * rng.unit();
          raw[i++] = base;
          raw[i++] = 255 - base;
          raw[i++] = base / 2 + x / 8;
        }
      }
      const file = sharp(Buffer.from(raw), { raw: { width, height, channels: 3 } }).jpeg({ quality: 85 });
      return { file: `${n}.jpg`, bytes: new Uint8Array(await file.toBuffer()) };
    }))
  );

const perSecond = (count: number, run: Effect.Effect<unknown, ImageError | DataError>) =>
  Effect.gen(function* () {
    const start = performance.now();
    yield* run;
    return count / ((performance.now() - start) / 1000);
  });

/** Times both, in turn. The first round, in which workers load, is not counted. */
export const timeImages = (bench: ImagesBench): Effect.Effect<ImagesReport, ImageError | DataError> =>
  Effect.scoped(Effect.gen(function* () {
    const { images, workers, side, rounds } = bench, files = yield* photos(Math.min(images, 16));
    const all = Array.from({ length: images }, (_, i) => files[i % files.length]!);
    const decode = yield* openSquares({ side, workers });
    const squares = perSecond(
      images,
      Effect.forEach(all, decode, { concurrency: 2 * workers, discard: true }),
    );
    const bare = perSecond(
      images,
      Effect.forEach(all, ({ bytes }) => Effect.promise(() => sharp(Buffer.from(bytes)).raw().toBuffer()), {
        concurrency: workers,
        discard: true,
      }),
    );
    const seen: (readonly [number, number])[] = [];
    for (let round = 0; round <= rounds; round++) {
      const pair = [yield* squares, yield* bare] as const;
      if (round > 0) seen.push(pair);
    }
    return {
      ...bench,
      squares: spreadOf(seen.map(([s]) => s)),
      bare: spreadOf(seen.map(([, b]) => b)),
      ratio: spreadOf(seen.map(([s, b]) => s / b)),
    };
  }));

/** The report for people. */
export const imagesText = ({ squares, bare, ratio, side, workers }: ImagesReport): string => {
  const row = (
    name: string,
    { median, q1, q3 }: Spread,
    digits: number,
  ): readonly string[] => [name, median.toFixed(digits), `${q1.toFixed(digits)} to ${q3.toFixed(digits)}`];
  return table(["JPEG 640 x 480", `images/s, ${workers} workers`, "middle half"], [
    row(`to squares of ${side}`, squares, 0),
    row("bare decoder", bare, 0),
    row("ratio", ratio, 2),
  ]);
};
