/** Images that are on disk, each known by the sha-256 of its file. */
import * as Effect from "effect/Effect";
import { type DiskError, diskError } from "../base/disk.ts";
import { sha256 } from "../base/hash.ts";
import { DataError } from "../base/data_error.ts";
import { bytesAt } from "../base/file_bytes.ts";

/** Maximum number of bytes of one encoded image, 256 MiB. */
export const MAX_ENCODED = 2 ** 28;

/**
 * Loads an image.
 * @internal
 */
export type ImageLoader = Effect.Effect<Uint8Array, DataError | DiskError>;

/** An image on disk. */
export interface ImageFile {
  /** Its path, or its name in the archive, shown in errors. */
  readonly name: string;
  /** The sha-256 of its bytes, hexadecimal. */
  readonly content: string;
  /** Reads the bytes; what is not the content any more is refused. */
  readonly load: ImageLoader;
}

/** Where an image's bytes are. */
export interface ImageLocation {
  /** Name shown in errors. */
  readonly name: string;
  /** The file. */
  readonly path: string;
  /** The bytes from one offset to before another; the whole file if absent. */
  readonly range?: readonly [number, number];
}

const readSpot = async ({ path, range }: ImageLocation): Promise<Uint8Array> => {
  using file = await Deno.open(path);
  const [from, to] = range ?? [0, (await file.stat()).size];
  if (to - from > MAX_ENCODED) throw new Error(`an image of ${to - from} bytes, of at most ${MAX_ENCODED}`);
  return await bytesAt(file, from, to - from);
};

/** The bytes of a spot. */
export const spotBytes = (spot: ImageLocation): Effect.Effect<Uint8Array, DiskError> =>
  Effect.tryPromise({ try: () => readSpot(spot), catch: (cause) => diskError("read", spot.path, cause) });

/** An image of a spot whose content is known. */
export const imageFile = (spot: ImageLocation, content: string): ImageFile => ({
  name: spot.name,
  content,
  load: Effect.flatMap(
    spotBytes(spot),
    (bytes) =>
      sha256(bytes) === content ? Effect.succeed(bytes) : Effect.fail(
        new DataError({
          op: `read ${spot.name}`,
          got: "other bytes than when the mixture was opened",
          expected: `the file with sha-256 ${content.slice(0, 16)}`,
          hint: "leave images alone while they are learned from; start again to use the new one",
        }),
      ),
  ),
});
