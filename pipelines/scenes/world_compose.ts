/** Drawing of scenes at full strength, in whole numbers: the same bytes on every machine from the same packs. */
import type { DataConfig } from "./config.ts";
import { GLYPH, glyphName, MARGIN } from "./glyphs.ts";
import { fillBox, paintCoverage, paintSprite, type Surface } from "./paint.ts";
import { type PicturePack, type PictureStore, storeOf } from "./picture_pack.ts";
import { aboveText, besideText, letterStarts, plateFonts } from "./plate_fonts.ts";
import type { Plate, Scene, SceneObject } from "./record.ts";
import { levelFor, photoName, spriteName } from "./sprite_names.ts";
import { paintPattern, paintPhoto } from "./world_background.ts";
import { pixelBox } from "./world_layout.ts";

const need = (store: PictureStore, name: string) => {
  const picture = store.get(name);
  if (picture === undefined) throw new RangeError(`no picture ${name} in the packs of this configuration`);
  return picture;
};

const paintObject = (
  surface: Surface,
  store: PictureStore,
  { concept, style, box, flip }: SceneObject,
): void => {
  const at = pixelBox(box, surface.side);
  paintSprite(surface, need(store, spriteName(style, concept, levelFor(Math.max(at.w, at.h)))), at, flip);
};

const paintPlate = (
  surface: Surface,
  store: PictureStore,
  { text, box, colours, font, letters }: Plate,
): void => {
  const at = pixelBox(box, surface.side), [ink, ground] = colours, number = font ?? 0;
  const height = Math.round((letters ?? 0) * surface.side);
  fillBox(surface, at, ground);
  const starts = letterStarts(plateFonts[number]!, text, height);
  const margin = Math.round(MARGIN * height / GLYPH), y = at.y + aboveText(height) - margin;
  [...text].forEach((character, i) => {
    const cell = need(store, glyphName(number, character));
    const x = at.x + besideText(height) + starts[i]! - margin;
    const w = Math.round(cell.width * height / GLYPH), h = Math.round(cell.height * height / GLYPH);
    paintCoverage(surface, cell, { x, y, w, h }, ink);
  });
};

/** Draws the masters of scenes of a configuration. */
export interface WorldPainter {
  /** The master: `side * side * 3` bytes of RGB, new at every call. Throws a RangeError if a picture is not packed. */
  readonly paint: (scene: Scene) => Uint8Array;
}

/** A painter that takes its pictures from packs. */
export const painterOf = (packs: readonly PicturePack[], config: DataConfig): WorldPainter => {
  const store = storeOf(packs), side = config.master;
  return {
    paint: (scene) => {
      const surface = { side, rgb: new Uint8Array(side * side * 3) }, { background } = scene;
      if (background.photo === undefined) paintPattern(surface, background);
      else paintPhoto(surface, need(store, photoName(background.photo)), background.key);
      for (const object of scene.objects) paintObject(surface, store, object);
      for (const plate of scene.plates) paintPlate(surface, store, plate);
      return surface.rgb;
    },
  };
};
