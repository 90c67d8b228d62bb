/** Images in memory: rendered splits, and photos. */
import { createHash } from "node:crypto";
import type { Scene } from "../scenes/record.ts";

/** Images in order, at one or more sides. */
export interface ImageSet {
  /** By side: `[count, side, side, 3]` bytes of RGB. */
  readonly images: Readonly<Record<number, Uint8Array>>;
  /** The sha-256 of all image bytes, sides ascending, hexadecimal. */
  readonly hash: string;
}

/** Scenes and their images, in the order of their indices. */
export interface SceneSet extends ImageSet {
  /** The records. */
  readonly scenes: readonly Scene[];
}

/** Number of images at a side. */
export const countAt = (set: ImageSet, side: number): number => set.images[side]!.length / (side * side * 3);

/** The sha-256 of all image bytes, sides ascending, hexadecimal. */
export const hashImages = (images: Readonly<Record<number, Uint8Array>>): string => {
  const hash = createHash("sha256");
  for (const side of Object.keys(images).map(Number).toSorted((a, b) => a - b)) hash.update(images[side]!);
  return hash.digest("hex");
};

/** The bytes of one image of a set, without copying. */
export const imageAt = (set: ImageSet, side: number, index: number): Uint8Array => {
  const step = side * side * 3;
  return set.images[side]!.subarray(index * step, (index + 1) * step);
};
