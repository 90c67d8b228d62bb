/** Colours by hue, saturation and lightness. */
import type { Colour } from "./record.ts";

/** A colour from hue (degrees), saturation and lightness (0 to 1). */
export const hsl = (h: number, s: number, l: number): Colour => {
  const channel = (n: number): number => {
    const k = (n + h / 30) % 12;
    return Math.round(255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
};
