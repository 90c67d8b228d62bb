/** The worker's side of decoding: files in, squares of bytes out, without copying them back. */
import { serve } from "../threads/serve.ts";
import { squareBicubic } from "./bicubic.ts";
import { decodeImage, ImageError, type ImageReason } from "./decode.ts";

/** Asks for one image. */
export interface Job {
  /** Name shown in errors. */
  readonly file: string;
  /** The encoded image. */
  readonly bytes: Uint8Array;
  /** Side of the square, pixels. */
  readonly side: number;
  /** Maximum number of pixels of the image. */
  readonly maxPixels: number;
}

/** What a worker sends. */
export type Answer =
  /** `side * side * 3` bytes of RGB. */
  | { readonly kind: "square"; readonly rgb: Uint8Array }
  | {
    readonly kind: "refused";
    readonly reason: ImageReason;
    readonly got: string;
    readonly expected: string;
    readonly hint: string;
  };

/** The square of an image, or why it is refused. */
const answerOf = async ({ file, bytes, side, maxPixels }: Job): Promise<Answer> => {
  try {
    return { kind: "square", rgb: squareBicubic(await decodeImage(file, bytes, maxPixels), side) };
  } catch (cause) {
    if (!(cause instanceof ImageError)) throw cause;
    const { reason, got, expected, hint } = cause;
    return { kind: "refused", reason, got, expected, hint };
  }
};

serve<Job, Answer>(async (job) => {
  const value = await answerOf(job);
  return { value, transfer: value.kind === "square" ? [value.rgb.buffer as ArrayBuffer] : [] };
});
