/** Packs of images on disk, named by the hash of what made them. */
import * as Effect from "effect/Effect";
import { atomicWrite, ifThere } from "../base/disk.ts";
import { hashOf, sha256 } from "../base/hash.ts";
import { DataError } from "../base/data_error.ts";
import { type PackEntry, sharedBytes, type SpritePack } from "./sprite_pack.ts";

/** Bytes of the head that say how long the index is. */
const HEAD = 8;

/** What is before the images: the index, and the sha-256 of the compressed images. */
interface Index {
  readonly entries: Readonly<Record<string, PackEntry>>;
  readonly hash: string;
  readonly stored: string;
}

const encode = ({ entries, hash, bytes }: SpritePack): readonly Uint8Array[] => {
  const index: Index = { entries, hash, stored: sha256(bytes) };
  const text = new TextEncoder().encode(JSON.stringify(index)), head = new Uint8Array(HEAD);
  new DataView(head.buffer).setUint32(0, text.length, true);
  return [head, text, Uint8Array.from(bytes)];
};

/** The pack of a file; undefined if the file is not what was written. */
const decode = (file: Uint8Array): SpritePack | undefined => {
  const length = file.length < HEAD
    ? Infinity
    : new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  if (HEAD + length > file.length) return undefined;
  try {
    const index = JSON.parse(new TextDecoder().decode(file.subarray(HEAD, HEAD + length))) as Index;
    const stored = file.subarray(HEAD + length);
    if (sha256(stored) !== index.stored) return undefined;
    const bytes = sharedBytes(stored.length);
    bytes.set(stored);
    return { entries: index.entries, hash: index.hash, bytes };
  } catch {
    return undefined;
  }
};

const fault = (folder: string) => (cause: unknown): DataError =>
  new DataError({
    op: `keep images in ${folder}`,
    got: cause instanceof Error ? cause.message : String(cause),
    expected: "a folder that can be read and written",
    hint: "free space there, or name another cache folder",
  });

/**
 * A pack from the folder, or made and put there; made and not kept without a folder. A damaged file is made again,
 * which is logged.
 */
export const keptPack = (
  folder: string | undefined,
  name: string,
  key: unknown,
  make: Effect.Effect<SpritePack, DataError>,
): Effect.Effect<SpritePack, DataError> => {
  if (folder === undefined) return make;
  const path = `${folder}/${name}-${hashOf(key).slice(0, 16)}.pack`;
  return Effect.gen(function* () {
    const file = yield* Effect.tryPromise({ try: () => ifThere(Deno.readFile(path)), catch: fault(folder) });
    const found = file === undefined ? undefined : decode(file);
    if (found !== undefined) return found;
    if (file !== undefined) yield* Effect.logWarning(`${path} is damaged and is made again`);
    const made = yield* make;
    yield* Effect.tryPromise({ try: () => Deno.mkdir(folder, { recursive: true }), catch: fault(folder) });
    yield* atomicWrite(path, encode(made)).pipe(Effect.mapError(fault(folder)));
    return made;
  });
};
