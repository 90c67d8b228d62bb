/** What scenes are drawn with: the drawings of small worlds, or the packs of worlds at full strength. */
import * as Effect from "effect/Effect";
import { type Art, artVersion, loadArt } from "./art.ts";
import { type Composer, composerOf, composing } from "./compose.ts";
import type { DataConfig, Split, Style } from "./config.ts";
import type { DataError } from "../base/data_error.ts";
import { styleSources, styleVersion } from "./drawings.ts";
import type { PicturePack } from "./picture_pack.ts";
import { plateFonts } from "./plate_fonts.ts";
import { painterOf } from "./world_compose.ts";
import { loadPacks } from "./world_packs.ts";

/** Either, ready to be sent to a worker. */
export type Materials = Art | { readonly packs: readonly PicturePack[] };

/**
 * Loads what the splits of a configuration are drawn with; packs are kept in the folder, if one is given.
 * Fails with a {@link DataError} if art is missing.
 */
export const loadMaterials = (
  config: DataConfig,
  splits: readonly Split[],
  folder?: string,
): Effect.Effect<Materials, DataError> =>
  config.world === undefined
    ? loadArt([...config.styles.train, ...config.styles.eval])
    : Effect.map(loadPacks(config, splits, folder), (packs) => ({ packs }));

/** A composer of a configuration's scenes. Rejects if the materials lack one of the concepts. */
export const composerFor = (materials: Materials, config: DataConfig): Promise<Composer> => {
  if (!("packs" in materials)) return composerOf(materials, config);
  return Promise.resolve(composing(config.master, painterOf(materials.packs, config).paint));
};

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
export const materialsVersion = (config: DataConfig): string => {
  if (config.world === undefined) return artVersion;
  return [...shippedStyles(config).map(styleVersion), ...new Set(plateFonts.map((f) => f.source))].join(" ");
};
