/** Photos as the models of this repository read them. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { MAX_ENCODED } from "../images/image_files.ts";
import { resampleArea } from "../images/resample.ts";
import { TaggedFault } from "../base/fault.ts";
import { type DiskError, onDisk } from "../base/disk.ts";

/** A file that is not an image. */
export class InputImageError extends TaggedFault("PhotoError")<{
  /** The file. */
  readonly path: string;
}> {}

/** A photo. */
export interface InputImage {
  /** Side in pixels. */
  readonly side: number;
  /** `side * side * 3` bytes of RGB. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a photo as a square of `side` pixels: turned upright, on white, squeezed to `master` pixels by a bicubic
 * filter, then averaged over areas to the side, as scenes are that were drawn at `master`. Any format that libvips
 * reads.
 */
export const loadInputImage = (
  path: string,
  side: number,
  master: number,
): Effect.Effect<InputImage, DiskError | InputImageError> =>
  Effect.gen(function* () {
    const { size } = yield* onDisk("look at", path, () => Deno.stat(path));
    if (size > MAX_ENCODED) {
      return yield* Effect.fail(
        new InputImageError({
          op: `read ${path}`,
          got: `${size} bytes`,
          expected: `an image of at most ${MAX_ENCODED} bytes`,
          hint: "make the image smaller",
          path,
        }),
      );
    }
    const file = yield* onDisk("read", path, () => Deno.readFile(path));
    const bytes = yield* Effect.tryPromise({
      try: () =>
        sharp(Buffer.from(file.buffer, file.byteOffset, file.byteLength))
          .rotate()
          .flatten({ background: "#ffffff" })
          .toColourspace("srgb")
          .resize(master, master, { fit: "fill", kernel: "cubic" })
          .removeAlpha()
          .raw()
          .toBuffer(),
      catch: (cause) =>
        new InputImageError({
          op: `read ${path}`,
          got: `${file.length} bytes that are no image (${cause instanceof Error ? cause.message : cause})`,
          expected: "a whole JPEG, PNG, WebP, GIF, AVIF or TIFF file",
          hint: "check the file, or convert it",
          path,
        }),
    });
    return { side, bytes: resampleArea(new Uint8Array(bytes), master, side) };
  });
