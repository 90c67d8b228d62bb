/** Images as the model reads them: decoded by the browser, resampled by our own arithmetic. */
import { type RgbImage, squareBicubic } from "../images/bicubic.ts";
import { resampleArea } from "../images/resample.ts";
import { drawingOf } from "./dom.ts";

/** Longest side in pixels that is decoded; larger images are drawn smaller. */
const LONGEST = 4096;

/** The pixels of an image: upright, on white, rows of RGB bytes. Rejects for a file that the browser does not decode. */
export const pixelsOfImage = async (image: Blob): Promise<RgbImage> => {
  const bitmap = await createImageBitmap(image).catch(() => {
    throw new Error(
      "this file is not an image that the browser reads: choose a JPEG, PNG, WebP, GIF or AVIF",
    );
  });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale)),
    height = Math.max(1, Math.round(bitmap.height * scale));
  const context = drawingOf(new OffscreenCanvas(width, height));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height), rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return { width, height, rgb };
};

/** An image as a square of `side` pixels, rows of RGB bytes: resampled to `master` pixels, then averaged over areas. */
export const squareOf = async (image: Blob, master: number, side: number): Promise<Uint8Array> => {
  const { width, height, rgb } = await pixelsOfImage(image);
  const square = width === master && height === master ? rgb : squareBicubic({ width, height, rgb }, master);
  return resampleArea(square, master, side);
};
