/** Rendered sets on disk: one JSON record and one raw file of bytes per side, named by the hash of what made them. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { decodeEither, parseJson } from "../base/bridge.ts";
import { atomicWrite } from "../base/disk.ts";
import { hashOf, sha256 } from "../base/hash.ts";
import type { DataConfig, Split } from "./config.ts";
import { DataError } from "../base/data_error.ts";
import { materialsVersion } from "./drawings.ts";
import { type Scene, sceneCodec } from "./record.ts";
import { hashImages, type SceneSet } from "../images/image_set.ts";

/** Everything that decides the bytes of a set. */
export interface SetKey {
  /** How scenes are made. */
  readonly config: DataConfig;
  /** The split. */
  readonly split: Split;
  /** How many scenes. */
  readonly count: number;
  /** Sides of the images, ascending. */
  readonly sides: readonly number[];
}

/** Raised when drawing or the format of files changes. */
const FORMAT = 2;

const RecordFile = t.strict({
  format: t.literal(FORMAT),
  hash: t.string,
  scenesHash: t.string,
  scenes: t.readonlyArray(sceneCodec),
});

/** The name of a set's files, without folder and ending. */
export const setName = (key: SetKey): string =>
  `${key.split}-${key.count}-${
    hashOf({ format: FORMAT, artVersion: materialsVersion(key.config), ...key } as never).slice(0, 16)
  }`;

const recordPath = (folder: string, key: SetKey): string => `${folder}/${setName(key)}.json`;
const bytesPath = (folder: string, key: SetKey, side: number): string =>
  `${folder}/${setName(key)}-${side}.rgb`;

/** A file that is not what was written. */
class Damage extends Error {}

const readOrThrow = async (folder: string, key: SetKey): Promise<SceneSet> => {
  const path = recordPath(folder, key);
  const json = parseJson(path)(await Deno.readTextFile(path));
  const record = E.isLeft(json) ? json : decodeEither(RecordFile, path)(json.right);
  if (E.isLeft(record)) throw new Damage(record.left.message);
  const { scenes, scenesHash, hash } = record.right;
  if (scenes.length !== key.count || sha256(JSON.stringify(scenes)) !== scenesHash) {
    throw new Damage(`${path}: records that were changed`);
  }
  const images: Record<number, Uint8Array> = {};
  for (const side of key.sides) {
    const file = bytesPath(folder, key, side),
      bytes = await Deno.readFile(file),
      size = key.count * side * side * 3;
    if (bytes.length !== size) throw new Damage(`${file}: ${bytes.length} bytes instead of ${size}`);
    images[side] = bytes;
  }
  if (hashImages(images) !== hash) {
    throw new Damage(`${bytesPath(folder, key, key.sides[0]!)}: bytes that were changed`);
  }
  return { scenes, images, hash };
};

const storeError = (folder: string) => (cause: unknown): DataError =>
  new DataError({
    op: `keep a set in ${folder}`,
    got: cause instanceof Error ? cause.message : String(cause),
    expected: "a folder that can be read and written",
    hint: "free space there, or name another cache folder",
  });

/** The set if it is there and whole; a damaged one is reported, once, and counts as absent. */
const read = (folder: string, key: SetKey): Effect.Effect<SceneSet | undefined, DataError> =>
  Effect.tryPromise({ try: () => readOrThrow(folder, key), catch: (cause) => cause }).pipe(
    Effect.catch((cause): Effect.Effect<undefined, DataError> => {
      if (cause instanceof Deno.errors.NotFound) return Effect.succeed(undefined);
      if (!(cause instanceof Damage)) return Effect.fail(storeError(folder)(cause));
      return Effect.as(
        Effect.logWarning(`a cached set is damaged and is drawn again: ${cause.message}`),
        undefined,
      );
    }),
  );

/** Bytes first, the record last: a set without its record is not seen. */
const store = (folder: string, key: SetKey, set: SceneSet): Effect.Effect<void, DataError> =>
  Effect.gen(function* () {
    yield* Effect.tryPromise({ try: () => Deno.mkdir(folder, { recursive: true }), catch: (c) => c });
    for (const side of key.sides) yield* atomicWrite(bytesPath(folder, key, side), [set.images[side]!]);
    const scenes: readonly Scene[] = set.scenes;
    const file = { format: FORMAT, hash: set.hash, scenesHash: sha256(JSON.stringify(scenes)), scenes };
    yield* atomicWrite(recordPath(folder, key), [new TextEncoder().encode(JSON.stringify(file))]);
  }).pipe(Effect.mapError(storeError(folder)));

/** A set from the folder, or drawn and put there. */
export const cached = <R>(
  folder: string,
  key: SetKey,
  draw: Effect.Effect<SceneSet, DataError, R>,
): Effect.Effect<SceneSet, DataError, R> =>
  Effect.flatMap(
    read(folder, key),
    (found) =>
      found !== undefined ? Effect.succeed(found) : Effect.tap(draw, (set) => store(folder, key, set)),
  );
