/** Reading of folders of scenes: any scene at once, all in order, and a check of every byte. */
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import * as E from "fp-ts/lib/Either.js";
import type * as t from "io-ts";
import { decodeEither, type DecodeError, fromEither, parseJson } from "../../bridge.ts";
import { onDisk } from "../../runs/disk.ts";
import type { Split } from "../config.ts";
import { DataError } from "../error.ts";
import { type Scene, sceneCodec } from "../record.ts";
import { manifestFile } from "./make.ts";
import { manifestCodec, type ScenesManifest, shardPath } from "./plan.ts";
import { ENTRY, FOOTER, isWhole, placeIn, readFooter, unpackFrame } from "./shard.ts";

/** One scene and its picture. */
export interface StoredScene {
  /** Its record. */
  readonly scene: Scene;
  /** The master: `side * side * 3` bytes of RGB; the side is `manifest.plan.config.master`. */
  readonly image: Uint8Array;
}

/** A folder of scenes that can be read. */
export interface SceneFolder {
  /** What it holds. */
  readonly manifest: ScenesManifest;
  /** Number of scenes of a split; 0 if it has none. */
  readonly count: (split: Split) => number;
  /** One scene, read without the others of its shard. Fails if it is out of range or its shard is damaged. */
  readonly read: (split: Split, index: number) => Effect.Effect<StoredScene, DataError>;
  /** The record of one scene, without its picture. Fails as `read` does. */
  readonly record: (split: Split, index: number) => Effect.Effect<Scene, DataError>;
  /** The scenes of a split in order, from an index; one is held at a time. Fails as `read` does. */
  readonly scenes: (split: Split, from?: number) => Stream.Stream<StoredScene, DataError>;
  /** Reads every byte; gives the paths of shards that are damaged, absent or another's. */
  readonly verify: () => Effect.Effect<readonly string[], DataError>;
}

const damaged = (path: string, got: string): DataError =>
  new DataError({
    op: `read ${path}`,
    got,
    expected: "the shard as it was written",
    mend: "remove the file and run the command that made the folder again: it draws this shard alone",
  });

const decodeText = <A>(codec: t.Type<A>, path: string) => (text: string): Effect.Effect<A, DecodeError> =>
  fromEither(E.chainW(decodeEither(codec, path))(parseJson(path)(text)));

const readAt = async (file: Deno.FsFile, at: number, length: number): Promise<Uint8Array> => {
  const out = new Uint8Array(length);
  await file.seek(at, Deno.SeekMode.Start);
  for (let n = 0; n < length;) {
    const got = await file.read(out.subarray(n));
    if (got === null) throw new Error(`an end after ${at + n} bytes`);
    n += got;
  }
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

/** Indices of shards that are kept; a thousand scenes of index are 16 kB. */
const KEPT = 4096;

const folderOver = (folder: string, manifest: ScenesManifest): SceneFolder => {
  const { plan } = manifest, counts = new Map(plan.splits.map((s) => [s.split, s.count]));
  const indices = new Map<string, Uint8Array>();
  const count = (split: Split): number => counts.get(split) ?? 0;

  const frames = (
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
            ? `a split of ${[...counts.keys()].join(", ")}`
            : `0 to ${count(split) - 1}`,
          mend: "ask for a scene that the folder has",
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
        // The picture follows its record.
        if (!image) return [unpackFrame(await readAt(file, recordAt, recordLength))];
        const both = await readAt(file, recordAt, imageAt + imageLength - recordAt);
        return [unpackFrame(both.subarray(0, recordLength)), unpackFrame(both.subarray(imageAt - recordAt))];
      },
      catch: (cause) =>
        damaged(
          path,
          `${cause instanceof Error ? cause.message : String(cause)} (scene ${index} of ${split})`,
        ),
    });
  };

  const decoded = (split: Split, index: number, bytes: Uint8Array): Effect.Effect<Scene, DataError> => {
    const path = shardPath(folder, split, Math.floor(index / plan.shard));
    return decodeText(sceneCodec(), path)(new TextDecoder().decode(bytes)).pipe(
      Effect.mapError((error) => damaged(path, error.message)),
    );
  };

  const read = (split: Split, index: number): Effect.Effect<StoredScene, DataError> =>
    Effect.flatMap(
      frames(split, index, true),
      ([record, image]) => Effect.map(decoded(split, index, record!), (scene) => ({ scene, image: image! })),
    );

  const isGood = async (path: string, content: string): Promise<boolean> => {
    const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
    return isWhole(bytes) && readFooter(bytes)!.content === content;
  };

  return {
    manifest,
    count,
    read,
    record: (split, index) =>
      Effect.flatMap(frames(split, index, false), ([record]) => decoded(split, index, record!)),
    scenes: (split, from = 0) =>
      Stream.mapEffect(Stream.range(from, count(split) - 1), (index) => read(split, index)),
    verify: () =>
      Effect.promise(async () => {
        const bad: string[] = [];
        for (const { split, contents } of manifest.shards) {
          for (const [i, content] of contents.entries()) {
            const path = shardPath(folder, split, i);
            if (!await isGood(path, content)) bad.push(path);
          }
        }
        return bad;
      }),
  };
};

/**
 * Opens a folder of scenes.
 * Fails with a {@link DataError} if it is not there, not complete, or its manifest is damaged.
 */
export const openScenes = (folder: string): Effect.Effect<SceneFolder, DataError> => {
  const path = `${folder}/${manifestFile}`;
  return onDisk("read", path, () => Deno.readTextFile(path)).pipe(
    Effect.flatMap((text) => decodeText(manifestCodec(), path)(text)),
    Effect.mapError((error) =>
      new DataError({
        op: `open ${folder}`,
        got: error.message,
        expected: `a folder with a ${manifestFile}, which is written when all scenes are there`,
        mend: "run the command that makes the folder to its end",
      })
    ),
    Effect.map((manifest) => folderOver(folder, manifest)),
  );
};
