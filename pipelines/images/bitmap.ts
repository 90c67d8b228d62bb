/** Bytes of images as canvases, which sheets for eyes are drawn from. */
import { type Canvas, createCanvas } from "@napi-rs/canvas";

/** An image of `side * side * 3` bytes of RGB as a canvas. */
export const bitmap = (image: Uint8Array, side: number): Canvas => {
  const canvas = createCanvas(side, side),
    g = canvas.getContext("2d"),
    pixels = g.createImageData(side, side);
  for (let p = 0, q = 0; q < image.length; p += 4, q += 3) {
    pixels.data[p] = image[q]!, pixels.data[p + 1] = image[q + 1]!, pixels.data[p + 2] = image[q + 2]!;
    pixels.data[p + 3] = 255;
  }
  g.putImageData(pixels, 0, 0);
  return canvas;
};
