/** Pictures in memory: rendered splits, and photos. */
import { createHash } from "node:crypto";
import type { Scene } from "../scenes/record.ts";

/** Pictures in order, at one or more sides. */
export interface PictureSet {
  /** By side: `[count, side, side, 3]` bytes of RGB. */
  readonly images: Readonly<Record<number, Uint8Array>>;
  /** The sha-256 of all picture bytes, sides ascending, hexadecimal. */
  readonly hash: string;
}

/** Scenes and their pictures, in the order of their indices. */
export interface SceneSet extends PictureSet {
  /** The records. */
  readonly scenes: readonly Scene[];
}

/** Number of pictures at a side. */
export const countAt = (set: PictureSet, side: number): number =>
  set.images[side]!.length / (side * side * 3);

/** The sha-256 of all picture bytes, sides ascending, hexadecimal. */
export const hashImages = (images: Readonly<Record<number, Uint8Array>>): string => {
  const hash = createHash("sha256");
  for (const side of Object.keys(images).map(Number).toSorted((a, b) => a - b)) hash.update(images[side]!);
  return hash.digest("hex");
};

/** The bytes of one picture of a set, without copying. */
export const imageAt = (set: PictureSet, side: number, index: number): Uint8Array => {
  const step = side * side * 3;
  return set.images[side]!.subarray(index * step, (index + 1) * step);
};
