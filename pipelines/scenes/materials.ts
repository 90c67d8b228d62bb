/** The packages of art that a configuration's scenes are drawn with. */
import type { DataConfig, Style } from "./config.ts";
import { styleSources, styleVersion } from "./drawings.ts";
import { plateFonts } from "./plate_fonts.ts";

/** The styles of a configuration that npm ships, in the order of their sources. */
export const shippedStyles = (config: DataConfig): readonly (keyof typeof styleSources)[] => {
  const used: readonly Style[] = [
    ...config.styles.train,
    ...config.styles.eval,
    ...config.world?.heldOutStyles ?? [],
  ];
  return (Object.keys(styleSources) as (keyof typeof styleSources)[]).filter((style) => used.includes(style));
};

/** Names and versions of the packages that a configuration's pixels come from; part of every key of its pictures. */
export const materialsVersion = (config: DataConfig): string =>
  [...shippedStyles(config).map(styleVersion), ...new Set(plateFonts.map((f) => f.source))].join(" ");
