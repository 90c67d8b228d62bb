/** Names of pictures in packs, and the sizes at which sprites are kept. */
import type { Style } from "./config.ts";

/** Longer sides at which sprites are kept, in pixels, ascending. */
export const spriteLevels: readonly number[] = [24, 48, 96, 192];

/** The least level that need not be enlarged for a longer side of `pixels`; the greatest if all are smaller. */
export const levelFor = (pixels: number): number =>
  spriteLevels.find((level) => level >= pixels) ?? spriteLevels.at(-1)!;

/** The name of a sprite at a level. */
export const spriteName = (style: Style, concept: number, level: number): string =>
  `${style}/${concept}/${level}`;

/** The name of a photo of the realism pack. */
export const photoName = (photo: number): string => `photo/${photo}`;
