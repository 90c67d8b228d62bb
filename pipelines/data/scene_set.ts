/** A rendered split in memory. */
import { createHash } from "node:crypto";
import type { Scene } from "./record.ts";

/** Scenes and their pictures, in the order of their indices. */
export interface SceneSet {
  /** The records. */
  readonly scenes: readonly Scene[];
  /** By side: `[count, side, side, 3]` bytes of RGB. */
  readonly images: Readonly<Record<number, Uint8Array>>;
  /** The sha-256 of all picture bytes, sides ascending, hexadecimal. */
  readonly hash: string;
}

/** The sha-256 of all picture bytes, sides ascending, hexadecimal. */
export const hashImages = (images: Readonly<Record<number, Uint8Array>>): string => {
  const hash = createHash("sha256");
  for (const side of Object.keys(images).map(Number).toSorted((a, b) => a - b)) hash.update(images[side]!);
  return hash.digest("hex");
};

/** The bytes of one picture of a set, without copying. */
export const imageAt = (set: SceneSet, side: number, index: number): Uint8Array => {
  const step = side * side * 3;
  return set.images[side]!.subarray(index * step, (index + 1) * step);
};
