/** The packs of a configuration at full strength: its sprites by style, the letters, and the realism pack's images. */
import * as Effect from "effect/Effect";
import { concepts } from "./concepts.ts";
import type { DataConfig, Split, Style } from "./config.ts";
import { openDrawings, styleVersion } from "./drawings.ts";
import { DataError } from "../base/data_error.ts";
import { packGlyphs } from "./glyphs.ts";
import { keptPack } from "./pack_files.ts";
import { packerOf, spriteLevels, spriteName, type SpritePack } from "./sprite_pack.ts";
import { plateFonts } from "./plate_fonts.ts";
import { type Raster, scaled } from "./raster.ts";
import { packRealism } from "./realism_pack.ts";
import { extent } from "./world_layout.ts";

/** Raised when sprites are made in another way. */
const MADE = 1;

/** The levels of a drawing, each from the one above. */
export const levelsOf = (drawing: Raster): readonly Raster[] => {
  const aspect = drawing.width / drawing.height;
  return spriteLevels.toReversed().reduce<readonly Raster[]>(
    (done, level) => [...done, scaled(done.at(-1) ?? drawing, ...extent(level, aspect))],
    [],
  );
};

const fault = (op: string) => (cause: unknown): DataError =>
  cause instanceof DataError ? cause : new DataError({
    op,
    got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
    expected: "images that can be drawn",
    hint: "check that the npm packages of the art load on this machine",
  });

const makeStyle = (style: Style, count: number): Effect.Effect<SpritePack, DataError> =>
  Effect.gen(function* () {
    const drawings = yield* openDrawings(style), packer = packerOf();
    for (const { id, slug, emoji } of concepts.slice(0, count)) {
      if (!drawings.has({ slug, emoji })) continue;
      const drawing = yield* Effect.tryPromise({
        try: () => drawings.raster({ slug, emoji }),
        catch: fault(`draw ${slug} in ${style}`),
      });
      levelsOf(drawing).forEach(({ width, height, rgba }, i) =>
        packer.add(spriteName(style, id, spriteLevels.at(-1 - i)!), { width, height, data: rgba })
      );
    }
    return packer.pack();
  });

const makeGlyphs: Effect.Effect<SpritePack, DataError> = Effect.try({
  try: () => {
    const packer = packerOf();
    packGlyphs(packer);
    return packer.pack();
  },
  catch: fault("draw the letters of plates"),
});

/** The styles that splits show, without `stamp`. */
const stylesShown = (config: DataConfig, splits: readonly Split[]): readonly Style[] => {
  const heldOut = splits.includes("held-out-styles") ? config.world?.heldOutStyles ?? [] : [];
  const seen = splits.some((s) => s !== "held-out-styles")
    ? [...config.styles.train, ...config.styles.eval]
    : [];
  return [...new Set([...seen, ...heldOut])].filter((style) => style !== "stamp");
};

/**
 * Everything that the splits' scenes are drawn with. With a folder, packs that were made before are read from there and
 * checked, and new ones are kept.
 * Fails with a {@link DataError} if a package of art cannot be read or an image of the realism pack is not the one that
 * the configuration records.
 */
export const loadPacks = (
  config: DataConfig,
  splits: readonly Split[],
  folder?: string,
): Effect.Effect<readonly SpritePack[], DataError> =>
  Effect.gen(function* () {
    const first = concepts.slice(0, config.concepts).map((c) => c.slug);
    const packs = yield* Effect.forEach(
      stylesShown(config, splits),
      (style) =>
        keptPack(
          folder,
          `sprites-${style}`,
          { MADE, art: styleVersion(style), first, spriteLevels },
          makeStyle(style, config.concepts),
        ),
    );
    const glyphs = yield* keptPack(folder, "glyphs", { MADE, plateFonts }, makeGlyphs);
    const realism = config.world?.realism;
    if (realism === undefined) return [...packs, glyphs];
    const extra = keptPack(
      folder,
      "realism",
      { MADE, realism, master: config.master },
      packRealism(realism, config.master),
    );
    return [...packs, glyphs, yield* extra];
  });
