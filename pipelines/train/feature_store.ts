/**
 * Features on disk by the content of the images' files: rows that are read when a batch asks for them, so that a set
 * of any size takes no memory but 40 bytes or so for each image. See `feature_rows.ts` and `feature_segment.ts` for the files.
 */
import { type NdArray, ndarray, type VisionTower } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { imageDecoder } from "../images/decode.ts";
import { type DiskError, diskError, onDisk } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { cellsOf, type EncoderViews } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { FeatureRows, FeatureStoreError, type ImageRefusal, type NewRow } from "./feature_rows.ts";

/** Rows of one shape. */
export interface RowShape {
  /** Feature levels. */
  readonly levels: number;
  /** Cells of all views. */
  readonly cells: number;
  /** Channels. */
  readonly width: number;
}

/** The rows that the encoder makes of some views. */
export const rowShape = (tower: VisionTower, views: EncoderViews): RowShape => ({
  levels: tower.levels.length,
  cells: cellsOf(tower, views),
  width: tower.config.width,
});

/** Bytes of a row: all levels of one image. */
export const rowBytes = ({ levels, cells, width }: RowShape): number => levels * cells * width * 4;

/** What computes features. */
export interface FeaturesBy {
  /** Name of the device. */
  readonly device: string;
  /** Hash of the code. */
  readonly code: string;
}

/** The key of features: weights, views, levels, the decoder, the device and the code. */
export const storeKey = (
  { tower, hash }: Pick<VisionWeights, "tower" | "hash">,
  views: EncoderViews,
  { device, code }: FeaturesBy,
): string =>
  hashOf({
    rows: "f32",
    weights: hash,
    ...views,
    levels: tower.levels,
    decoder: imageDecoder,
    device,
    code,
  });

/**
 * Reads the rows of some contents.
 * @internal
 */
export type ReadRows = (
  contents: readonly string[],
) => Effect.Effect<readonly NdArray[], FeatureStoreError | DiskError>;

/**
 * Writes a row.
 * @internal
 */
export type WriteRow<A> = (item: A) => Effect.Effect<void, DiskError>;

/**
 * Looks at the folder again.
 * @internal
 */
export type Refresh = Effect.Effect<void, DiskError>;

/** An open store. */
export interface FeatureStore {
  /** Hash of all that decides the numbers, alongside the images. */
  readonly key: string;
  /** Its folder. */
  readonly folder: string;
  /** Shape of its rows. */
  readonly shape: RowShape;
  /** Number of images that have features. */
  readonly count: () => number;
  /** Whether an image has features. */
  readonly has: (content: string) => boolean;
  /** Why an image has none and never will. */
  readonly refusal: (content: string) => ImageRefusal | undefined;
  /** Features of some images, one `[b, cells, width]` per level. Every row is checked. */
  readonly read: ReadRows;
  /** Stores features; what is there already is not written again. */
  readonly append: WriteRow<readonly NewRow[]>;
  /** Notes that an image cannot be decoded. */
  readonly refuse: WriteRow<ImageRefusal>;
  /** Sees what other processes have stored since. */
  readonly refresh: Refresh;
}

const gather = (rows: FeatureRows, shape: RowShape, contents: readonly string[]): readonly NdArray[] => {
  const size = shape.cells * shape.width, row = new Float32Array(shape.levels * size);
  const out = Array.from({ length: shape.levels }, () => new Float32Array(contents.length * size));
  contents.forEach((content, i) => {
    rows.row(content, new Uint8Array(row.buffer));
    out.forEach((level, l) => level.set(row.subarray(l * size, (l + 1) * size), i * size));
  });
  return out.map((data) => ndarray("f32", [contents.length, shape.cells, shape.width], data));
};

/**
 * Opens the store of a key in a folder of caches for as long as the scope lives. Entries that are damaged count as
 * missing, with a warning; rows are checked when they are read. Any number of processes may have it open and write.
 */
export const openFeatureStore = (
  cache: string,
  weights: Pick<VisionWeights, "tower" | "hash">,
  views: EncoderViews,
  by: FeaturesBy,
): Effect.Effect<FeatureStore, DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    const key = storeKey(weights, views, by),
      folder = `${cache}/${key.slice(0, 24)}`,
      shape = rowShape(weights.tower, views);
    const doing = <A>(op: string, run: () => A): Effect.Effect<A, DiskError> =>
      Effect.try({ try: run, catch: (cause) => diskError(op, folder, cause) });
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    const rows = yield* Effect.acquireRelease(
      Effect.sync(() => new FeatureRows(folder, rowBytes(shape))),
      (open) => Effect.sync(() => open.close()),
    );
    yield* doing("list", () => rows.refresh());
    if (rows.damaged > 0) {
      yield* Effect.logWarning(
        `${folder}: features of ${rows.damaged} damaged or removed entries are recomputed`,
      );
    }
    return {
      key,
      folder,
      shape,
      count: () => rows.known.size,
      has: (content) => rows.known.has(content),
      refusal: (content) => rows.refused.get(content),
      read: (contents) =>
        Effect.try({
          try: () => gather(rows, shape, contents),
          catch: (cause) => cause instanceof FeatureStoreError ? cause : diskError("read", folder, cause),
        }),
      append: (some) => doing("write", () => rows.append(some)),
      refuse: (refusal) => doing("write", () => rows.refuse(refusal)),
      refresh: doing("list", () => rows.refresh()),
    };
  });
