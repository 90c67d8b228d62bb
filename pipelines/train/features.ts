/** Features of the frozen encoder: computed once per set, resolution and weights, kept on disk, gathered per batch. */
import { alone, leadHas, onLead, type RanksError, theRanks } from "../ranks/ranks.ts";
import { type NdArray, ndarray } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { countAt, type ImageSet } from "../images/image_set.ts";
import { pixelsOf } from "../images/set_pixels.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { reportProgress, startProgress } from "../terminal/progress.ts";
import { cellsOf } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { type CheckpointError, load, save } from "../weights/checkpoint.ts";
import type { UploadError } from "../weights/lazy.ts";
import { openEncoder } from "./encoder.ts";

/** Features of a set, in the order of its scenes. */
export interface FeatureSet {
  /** One per level, shallow first: `[scenes, cells, channels]`. */
  readonly levels: readonly NdArray[];
  /** Number of scenes. */
  readonly count: number;
  /** Cells of the grid. */
  readonly cells: number;
  /** Channels. */
  readonly width: number;
  /** Hash of all that decides the numbers. */
  readonly key: string;
}

/** How features are computed. */
export interface FeatureOptions {
  /** Side of the images in pixels. */
  readonly side: number;
  /** What the encoder sees of them: 1 (the default) as they are; more, a thumbnail and so many tiles per side. */
  readonly tiles?: number;
  /** Images per submit. */
  readonly batch: number;
  /** Folder where they are kept. */
  readonly cache: string;
  /** Text of the progress line. */
  readonly label: string;
}

const nameOf = (level: number): string => `level${level}`;

const setOf = (tensors: readonly NdArray[], key: string): FeatureSet => {
  const [count, cells, width] = tensors[0]!.shape as [number, number, number];
  return { levels: tensors, count, cells, width, key };
};

const compute = (
  set: ImageSet,
  weights: VisionWeights,
  { side, tiles = 1, batch, label }: FeatureOptions,
): Effect.Effect<readonly NdArray[], RanksError | UploadError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { config: tower, levels } = weights.tower, cells = cellsOf(weights.tower, { side, tiles });
    const count = countAt(set, side), size = Math.min(batch, count);
    const encode = yield* openEncoder(weights, { side, tiles }, size);
    const row = cells * tower.width, out = levels.map(() => new Float32Array(count * row));
    const { rank, size: ranks, allgather } = yield* theRanks;
    const report = rank > 0
      ? undefined
      : yield* startProgress({ stage: label, total: count, unit: "images" });
    // each rank encodes each `ranks`th batch; the last batch reaches back so that it is full
    for (let begin = 0; begin < count; begin += size * ranks) {
      const starts = Array.from({ length: ranks }, (_, r) => begin + r * size).filter((at) => at < count)
        .map((at) => Math.min(at, count - size));
      const first = starts[rank];
      const got = first === undefined
        ? undefined
        : yield* encode(pixelsOf(set, side, Array.from({ length: size }, (_, i) => first + i)));
      for (const [i, all] of out.entries()) {
        const own = got === undefined ? new Float32Array(size * row) : got[i]!.data as Float32Array;
        const each = yield* allgather(own);
        starts.forEach((at, r) => all.set(each.subarray(r * size * row, (r + 1) * size * row), at * row));
      }
      const done = Math.min(count, begin + size * ranks);
      if (report !== undefined) yield* reportProgress(report, { step: done, done: done - begin });
      yield* Effect.sleep(0);
    }
    return out.map((data) => ndarray("f32", [count, cells, tower.width], data));
  }));

/** What computing features can fail with. */
export type FeatureError = CheckpointError | DiskError | RanksError | UploadError;

/** Features of a set at one resolution, from the cache where they are, computed by all ranks where they are not. A damaged file is recomputed. */
export const featuresOf = (
  set: ImageSet,
  weights: VisionWeights,
  options: FeatureOptions,
): Effect.Effect<FeatureSet, FeatureError, Device> =>
  Effect.gen(function* () {
    // what whole images were known by before there were tiles stays
    const { side, tiles = 1 } = options, { levels } = weights.tower, tiled = tiles === 1 ? {} : { tiles };
    const key = hashOf({ scenes: set.hash, weights: weights.hash, side, levels, ...tiled });
    const path = `${options.cache}/${key.slice(0, 24)}.safetensors`;
    const found = yield* load(path).pipe(
      Effect.catch((error) =>
        Effect.as(
          error.reason === "missing"
            ? Effect.void
            : Effect.logWarning(`features are recomputed: ${error.message}`),
          undefined,
        )
      ),
    );
    const kept = found?.metadata.key === key ? found : undefined, done = yield* leadHas(kept !== undefined);
    if (done && kept !== undefined) return setOf(levels.map((_, i) => kept.tensors[nameOf(i)]!), key);
    // what rank 0 has and this rank does not see yet concerns no other
    const made = yield* done ? alone(compute(set, weights, options)) : compute(set, weights, options);
    yield* onLead(Effect.andThen(
      onDisk("make", options.cache, () => Deno.mkdir(options.cache, { recursive: true })),
      save(path, Object.fromEntries(made.map((t, i) => [nameOf(i), t])), { key }),
    ));
    return setOf(made, key);
  });

/** The features of some scenes, one `[b, cells, channels]` per level. */
export const gatherFeatures = (set: FeatureSet, indices: readonly number[]): readonly NdArray[] =>
  set.levels.map(({ data }) => {
    const row = set.cells * set.width, out = new Float32Array(indices.length * row);
    indices.forEach((index, i) =>
      out.set(data.subarray(index * row, (index + 1) * row) as Float32Array, i * row)
    );
    return ndarray("f32", [indices.length, set.cells, set.width], out);
  });

/** The average image: the mean over scenes of every cell, one `[1, cells, channels]` per level. */
export const meanFeatures = (set: FeatureSet): FeatureSet => {
  const row = set.cells * set.width;
  const means = set.levels.map(({ data }) => {
    const sums = new Float64Array(row);
    for (let at = 0; at < data.length; at++) sums[at % row]! += data[at]!;
    return ndarray("f32", [1, set.cells, set.width], Float32Array.from(sums, (s) => s / set.count));
  });
  return setOf(means, `mean of ${set.key}`);
};
