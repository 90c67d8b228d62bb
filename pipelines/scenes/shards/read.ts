/** Reading of folders of scenes: any scene at once, all in order, and a check of every byte. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { decodeEither, type DecodeError, fromEither, parseJson } from "../../base/bridge.ts";
import { readJson } from "../../runs/run_directory.ts";
import type { Split } from "../config.ts";
import { DataError } from "../../base/data_error.ts";
import { bytesAt } from "../../base/file_bytes.ts";
import { type Scene, sceneCodec } from "../record.ts";
import { scenesManifestFile } from "./make.ts";
import { type ScenesManifest, scenesManifestCodec, shardPath } from "./plan.ts";
import { ENTRY, FOOTER, isWhole, placeIn, readFooter, unpackFrame } from "./shard.ts";

/** One scene and its image. */
export interface StoredScene {
  /** Its record. */
  readonly scene: Scene;
  /** The master: `side * side * 3` bytes of RGB; the side is `manifest.plan.config.master`. */
  readonly image: Uint8Array;
}

/** A folder of scenes that is open. */
export interface SceneFolder {
  /** Its path. */
  readonly path: string;
  /** Its contents. */
  readonly manifest: ScenesManifest;
  /** Number of scenes of a split; 0 if it has none. */
  readonly count: (split: Split) => number;
  /** Where the scenes of shards are, by path: kept once a shard was read. */
  readonly indices: Map<string, Uint8Array>;
}

const damaged = (path: string, got: string): DataError =>
  new DataError({
    op: `read ${path}`,
    got,
    expected: "the shard as it was written",
    hint: "remove the file and run the command that made the folder again: it draws this shard alone",
  });

const readAt = async (file: Deno.FsFile, at: number, length: number): Promise<Uint8Array> => {
  const out = await bytesAt(file, at, length);
  if (out.length < length) throw new Error(`an end after ${at + out.length} bytes`);
  return out;
};

/** The index of a shard, from the end of its file. */
const readIndex = async (file: Deno.FsFile, first: number): Promise<Uint8Array> => {
  const { size } = await file.stat();
  const footer = readFooter(await readAt(file, Math.max(0, size - FOOTER), Math.min(size, FOOTER)));
  if (footer === undefined || footer.index + footer.count * ENTRY + FOOTER !== size) {
    throw new Error("no whole footer");
  }
  if (footer.first !== first) throw new Error(`the scenes from ${footer.first} on instead of ${first}`);
  return await readAt(file, footer.index, footer.count * ENTRY);
};

/** Maximum number of bytes of a scene's record. */
const MAX_RECORD = 2 ** 22;

/** Indices of shards that are kept: 16 bytes for every scene. */
const KEPT = 4096;

/** The frames of a scene before compression: its record, then its image if it is wanted. */
const frames = (
  { path: folder, manifest: { plan }, count, indices }: SceneFolder,
  split: Split,
  index: number,
  image: boolean,
): Effect.Effect<readonly Uint8Array[], DataError> => {
  if (!Number.isInteger(index) || index < 0 || index >= count(split)) {
    return Effect.fail(
      new DataError({
        op: `read ${folder}`,
        got: `scene ${index} of ${split}`,
        expected: count(split) === 0
          ? `a split of ${plan.splits.map((s) => s.split).join(", ")}`
          : `0 to ${count(split) - 1}`,
        hint: "ask for a scene that the folder has",
      }),
    );
  }
  const number = Math.floor(index / plan.shard), path = shardPath(folder, split, number);
  return Effect.tryPromise({
    try: async () => {
      using file = await Deno.open(path);
      const places = indices.get(path) ?? await readIndex(file, number * plan.shard);
      if (indices.size >= KEPT) indices.clear();
      indices.set(path, places);
      const [recordAt, recordLength, imageAt, imageLength] = placeIn(places, index % plan.shard);
      // The image follows its record.
      if (!image) return [unpackFrame(await readAt(file, recordAt, recordLength), MAX_RECORD)];
      const both = await readAt(file, recordAt, imageAt + imageLength - recordAt);
      return [
        unpackFrame(both.subarray(0, recordLength), MAX_RECORD),
        unpackFrame(both.subarray(imageAt - recordAt), plan.config.master ** 2 * 3),
      ];
    },
    catch: (cause) =>
      damaged(path, `${cause instanceof Error ? cause.message : String(cause)} (scene ${index} of ${split})`),
  });
};

const decoded = (
  { path: folder, manifest }: SceneFolder,
  split: Split,
  index: number,
  bytes: Uint8Array,
): Effect.Effect<Scene, DataError> => {
  const path = shardPath(folder, split, Math.floor(index / manifest.plan.shard));
  const scene = E.chainW(decodeEither(sceneCodec, path))(parseJson(path)(new TextDecoder().decode(bytes)));
  return fromEither(E.mapLeft((error: DecodeError) => damaged(path, error.message))(scene));
};

/**
 * One scene, read without the others of its shard.
 * Fails with a {@link DataError} if it is out of range, or its shard is absent or damaged there.
 */
export const readScene = (
  folder: SceneFolder,
  split: Split,
  index: number,
): Effect.Effect<StoredScene, DataError> =>
  Effect.flatMap(
    frames(folder, split, index, true),
    ([record, image]) =>
      Effect.map(decoded(folder, split, index, record!), (scene) => ({ scene, image: image! })),
  );

/** The record of one scene, without its image. Fails as {@link readScene} does. */
export const readRecord = (
  folder: SceneFolder,
  split: Split,
  index: number,
): Effect.Effect<Scene, DataError> =>
  Effect.flatMap(frames(folder, split, index, false), ([record]) => decoded(folder, split, index, record!));

const isGood = async (path: string, content: string): Promise<boolean> => {
  const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
  return isWhole(bytes) && readFooter(bytes)!.content === content;
};

/** Reads every byte; gives the paths of shards that are damaged, absent or another's. */
export const verifyScenes = (folder: SceneFolder): Effect.Effect<readonly string[]> =>
  Effect.promise(async () => {
    const bad: string[] = [];
    for (const { split, contents } of folder.manifest.shards) {
      for (const [i, content] of contents.entries()) {
        const path = shardPath(folder.path, split, i);
        if (!await isGood(path, content)) bad.push(path);
      }
    }
    return bad;
  });

/**
 * Opens a folder of scenes.
 * Fails with a {@link DataError} if it is not there, not complete, or its manifest is damaged.
 */
export const openScenes = (folder: string): Effect.Effect<SceneFolder, DataError> => {
  const path = `${folder}/${scenesManifestFile}`;
  return readJson(path, scenesManifestCodec).pipe(
    Effect.mapError((error) =>
      new DataError({
        op: `open ${folder}`,
        got: error.message,
        expected: `a folder with a ${scenesManifestFile}, which is written when all scenes are there`,
        hint: "run the command that makes the folder to its end",
      })
    ),
    Effect.map((manifest) => {
      const counts = new Map(manifest.plan.splits.map((s) => [s.split, s.count]));
      return { path: folder, manifest, count: (split: Split) => counts.get(split) ?? 0, indices: new Map() };
    }),
  );
};
