/** Pixels as the encoder reads them. */
import { clipStatistics, type NdArray, ndarray } from "@chain-of-sight/core";

// 256 values per colour: normalising is a look-up.
const table = Float32Array.from(
  { length: 768 },
  (_, i) => (Math.floor(i / 3) / 255 - clipStatistics.mean[i % 3]!) / clipStatistics.std[i % 3]!,
);

const normalise = (bytes: Uint8Array, out: Float32Array, at: number): void => {
  for (let p = 0; p < bytes.length; p += 3) {
    out[at + p] = table[bytes[p]! * 3]!;
    out[at + p + 1] = table[bytes[p + 1]! * 3 + 1]!;
    out[at + p + 2] = table[bytes[p + 2]! * 3 + 2]!;
  }
};

/** One image of `side * side * 3` bytes of RGB, `[1, side, side, 3]`, normalised. */
export const pixelsOfImage = (bytes: Uint8Array, side: number): NdArray => stackedPixels([bytes], side);

/** Images of `side * side * 3` bytes of RGB as `[b, side, side, 3]`, normalised; the last is repeated up to `batch`. */
export const stackedPixels = (
  images: readonly Uint8Array[],
  side: number,
  batch: number = images.length,
): NdArray => {
  const size = side * side * 3, out = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) normalise(images[Math.min(i, images.length - 1)]!, out, i * size);
  return ndarray("f32", [batch, side, side, 3], out);
};
