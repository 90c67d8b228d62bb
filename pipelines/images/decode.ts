/**
 * JPEG, PNG, WebP, GIF, TIFF and AVIF files as RGB bytes, through one pinned decoder (libvips of the `sharp` in
 * deno.json), since decoders differ in their last bits. The first bytes decide what a file is, not its name. What
 * happens to unusual images is decided here and nowhere else; Pillow's `convert("RGB")` is what most training code does:
 *
 * - EXIF orientation is applied, as `ImageOps.exif_transpose` and Hugging Face's `datasets` do
 * - grayscale becomes three equal channels, palettes become their colours, as in Pillow
 * - 16 bits keep their upper 8, as in Pillow for colour; Pillow clips 16-bit grayscale instead
 * - CMYK becomes sRGB by its own profile, or libvips's; Pillow inverts and multiplies without a profile
 * - profiles of other images are not applied, as in Pillow
 * - transparent pixels are laid on white; Pillow drops the alpha channel and shows what it hid
 * - of animations and files of several pages the first is taken, as in Pillow
 * - samples that are not whole numbers of 8 or 16 bits (TIFF) are refused
 * - files that end early or whose data is damaged are refused, never filled with grey
 * - images of too many pixels are refused by their header, before anything is decoded
 */
import { Buffer } from "node:buffer";
import * as t from "io-ts";
import sharp from "sharp";
import { TaggedFault } from "../base/fault.ts";
import type { RgbImage } from "./bicubic.ts";
import { imageKinds, kindOf } from "./image_kind.ts";

/** Why an image was refused. */
export type ImageReason = "not an image" | "format" | "too large" | "damaged";

/** Codec of {@link ImageReason}. */
export const imageReasonCodec = (): t.Type<ImageReason> =>
  t.keyof({ "not an image": null, format: null, "too large": null, damaged: null });

/** A file that is no image that can be used. */
export class ImageError extends TaggedFault("ImageError")<{
  /** The file. */
  readonly file: string;
  /** Why. */
  readonly reason: ImageReason;
}> {}

/** Version of the rules above: raised when they change. */
const RULES = 2;

/** What makes pixels of files: another version may decode to other bits. */
export const imageDecoder: string =
  `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}, rules ${RULES}`;

/** Maximum number of pixels of an image unless said, 64 million. */
export const MAX_PIXELS: number = 1 << 26;

// one thread for each image: many images are decoded at once, in Workers
sharp.concurrency(1);
sharp.cache(false);

const refuse = (file: string, reason: ImageReason, got: string, expected: string, hint: string): ImageError =>
  new ImageError({ op: `decode ${file}`, got, expected, hint, file, reason });

const said = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).trim().replaceAll("\n", "; ").slice(0, 200);

/** Decodes an image. Rejects with an {@link ImageError} that names the file. */
export const decodeImage = async (
  file: string,
  bytes: Uint8Array,
  maxPixels: number = MAX_PIXELS,
): Promise<RgbImage> => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const limits = { limitInputPixels: maxPixels, failOn: "error" } as const;
  const read = async () => await sharp(buffer, { ...limits, limitInputPixels: false }).metadata();
  const kind = kindOf(bytes);
  if (kind?.read === false) throw refuse(file, "format", kind.name, imageKinds, "convert the file");
  const header = await read().catch((cause) => {
    const got = kind === undefined ? `${bytes.length} bytes that are no image` : kind.name;
    throw refuse(file, "not an image", `${got} (${said(cause)})`, imageKinds, "check the file");
  });
  const { format, width, height, space, depth } = header;
  // what libvips knows by other signs, such as drawings
  if (kind === undefined) throw refuse(file, "format", `a ${format} file`, imageKinds, "convert the file");
  if (depth !== "uchar" && depth !== "ushort") {
    const hint = "convert the file to samples of 8 bits";
    throw refuse(file, "format", `samples of the type ${depth}`, "whole numbers of 8 or 16 bits", hint);
  }
  if (width * height > maxPixels) {
    throw refuse(
      file,
      "too large",
      `${width} x ${height} pixels`,
      `at most ${maxPixels} pixels`,
      "make the image smaller, or raise the limit if it is trusted",
    );
  }
  try {
    const { data, info } = await sharp(buffer, { ...limits, ignoreIcc: space !== "cmyk" })
      .autoOrient()
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const rgb = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return {
      width: info.width,
      height: info.height,
      rgb: info.channels === 3 ? rgb : threeOf(rgb, info.channels),
    };
  } catch (cause) {
    throw refuse(file, "damaged", said(cause), "a whole image", "get the file again, or leave it out");
  }
};

const threeOf = (bytes: Uint8Array, channels: number): Uint8Array => {
  const out = new Uint8Array(bytes.length / channels * 3);
  for (let i = 0; i < out.length; i++) {
    out[i] = bytes[Math.floor(i / 3) * channels + (channels < 3 ? 0 : i % 3)]!;
  }
  return out;
};
