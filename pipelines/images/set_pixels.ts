/** Images of a set as an encoder takes them. */
import type { NdArray } from "@chain-of-sight/core";
import { imageAt, type ImageSet } from "./image_set.ts";
import { stackedPixels } from "./pixels.ts";

/** Some images of a set at one side, `[b, side, side, 3]`, normalised. */
export const pixelsOf = (set: ImageSet, side: number, indices: readonly number[]): NdArray =>
  stackedPixels(indices.map((index) => imageAt(set, side, index)), side);
