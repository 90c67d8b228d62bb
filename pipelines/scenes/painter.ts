/** Drawing of scenes, in whole numbers: the same bytes on every machine from the same packs. */
import type { DataConfig } from "./config.ts";
import { GLYPH, glyphName, MARGIN } from "./glyphs.ts";
import { fillBox, paintCoverage, paintSprite, type Surface } from "./paint.ts";
import {
  levelFor,
  photoName,
  spriteName,
  type SpritePack,
  type SpriteStore,
  storeOf,
} from "./sprite_pack.ts";
import { aboveText, alongsideText, letterStarts, plateFonts } from "./plate_fonts.ts";
import type { Plate, Scene, SceneObject } from "./record.ts";
import { paintPattern, paintPhoto } from "./world_background.ts";
import { pixelBox } from "./world_layout.ts";
import { resampleArea } from "../images/resample.ts";

const need = (store: SpriteStore, name: string) => {
  const image = store.get(name);
  if (image === undefined) throw new RangeError(`no image ${name} in the packs of this configuration`);
  return image;
};

const paintObject = (
  surface: Surface,
  store: SpriteStore,
  { concept, style, box, flip }: SceneObject,
): void => {
  const at = pixelBox(box, surface.side);
  paintSprite(surface, need(store, spriteName(style, concept, levelFor(Math.max(at.w, at.h)))), at, flip);
};

const paintPlate = (
  surface: Surface,
  store: SpriteStore,
  { text, box, colours, font, letters }: Plate,
): void => {
  const at = pixelBox(box, surface.side), [ink, ground] = colours;
  const height = Math.round(letters * surface.side);
  fillBox(surface, at, ground);
  const starts = letterStarts(plateFonts[font]!, text, height);
  const margin = Math.round(MARGIN * height / GLYPH), y = at.y + aboveText(height) - margin;
  [...text].forEach((character, i) => {
    const cell = need(store, glyphName(font, character));
    const x = at.x + alongsideText(height) + starts[i]! - margin;
    const w = Math.round(cell.width * height / GLYPH), h = Math.round(cell.height * height / GLYPH);
    paintCoverage(surface, cell, { x, y, w, h }, ink);
  });
};

/** RGB bytes, rows first, by side. */
export type RenderedSides = Readonly<Record<number, Uint8Array>>;

/** Draws the scenes of a configuration. */
export interface ScenePainter {
  /** The master: `side * side * 3` bytes of RGB, new at every call. Throws a RangeError if an image is not packed. */
  readonly paint: (scene: Scene) => Uint8Array;
  /** Bytes of a scene for every side asked for; lower sides are area means of the master. */
  readonly render: (scene: Scene, sides: readonly number[]) => RenderedSides;
}

/** A painter that takes its images from packs. */
export const painterOf = (packs: readonly SpritePack[], config: DataConfig): ScenePainter => {
  const store = storeOf(packs), side = config.master;
  const paint = (scene: Scene): Uint8Array => {
    const surface = { side, rgb: new Uint8Array(side * side * 3) }, { background } = scene;
    if (background.photo === undefined) paintPattern(surface, background);
    else paintPhoto(surface, need(store, photoName(background.photo)), background.key);
    for (const object of scene.objects) paintObject(surface, store, object);
    for (const plate of scene.plates) paintPlate(surface, store, plate);
    return surface.rgb;
  };
  return {
    paint,
    render: (scene, sides) => {
      const master = paint(scene);
      return Object.fromEntries(sides.map((s) => [s, s === side ? master : resampleArea(master, side, s)]));
    },
  };
};
