/** The record of a scene: what it shows and where, from which images and questions are both made. */
import * as t from "io-ts";
import { themes } from "./concepts.ts";
import { splitCodec, styleCodec } from "./config.ts";
import { oneOf } from "../base/codecs.ts";
import { patterns } from "./pattern.ts";
import type { TypeOf } from "../base/bridge.ts";

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

/** What is behind the objects. */
export interface Background extends TypeOf<typeof backgroundCodec> {}

/** One thing in a scene. */
export interface SceneObject extends TypeOf<typeof objectCodec> {}

/** A sign with a text. */
export interface Plate extends TypeOf<typeof plateCodec> {}

/**
 * Everything about one image. Later objects are drawn over earlier ones, plates last.
 * At full strength the smaller objects come later, so that no large one hides them.
 */
export interface Scene extends TypeOf<typeof sceneCodec> {}

const colour = t.readonly(t.tuple([t.number, t.number, t.number]));
const boxCodec = t.readonly(t.tuple([t.number, t.number, t.number, t.number]));
const colours = t.readonly(t.tuple([colour, colour]));

/** @internal */
export const backgroundCodec = t.exact(t.intersection([
  t.type({
    /** How it is drawn. */
    pattern: oneOf(patterns),
    /** Its main colour and its second one. */
    colours,
    /** Direction of gradients, stripes and waves, in radians. */
    angle: t.number,
    /** Period of what repeats and size of blobs and clouds, as a share of the side. */
    scale: t.number,
    /** Key of what is random in it: the places of blobs, clouds, grain. */
    key: t.number,
  }),
  t.partial({
    /** The number of a `photo` in the realism pack; absent for other patterns. */
    photo: t.number,
  }),
]));

/** @internal */
export const objectCodec = t.strict({
  /** Its concept's number in the vocabulary. */
  concept: t.number,
  /** How it is drawn. */
  style: styleCodec,
  /** Its exact visible extent. */
  box: boxCodec,
  /** Its longer side, as a share of the image's side. */
  size: t.number,
  /** Whether it is drawn mirrored. */
  flip: t.boolean,
});

/** @internal */
export const plateCodec = t.strict({
  /** Upper-case word and number. */
  text: t.string,
  /** Its extent. */
  box: boxCodec,
  /** Letters and ground. */
  colours,
  /** The number of the typeface in `plateFonts`. */
  font: t.number,
  /** Height of the capital letters as a share of the side. */
  letters: t.number,
});

/** @internal */
export const sceneCodec = t.strict({
  /** `split-index`. */
  id: t.string,
  /** The split that it belongs to. */
  split: splitCodec,
  /** Its place in the split. */
  index: t.number,
  /** The theme that most of its concepts come from. */
  theme: oneOf(themes),
  /** `held-out` if two of its concepts are a held-out pair, which no training scene shows together. */
  composition: oneOf(["seen", "held-out"] as const),
  /** What is behind. */
  background: backgroundCodec,
  /** The things to be recognised, counted and found. */
  objects: t.readonlyArray(objectCodec),
  /** Signs, which distract. */
  plates: t.readonlyArray(plateCodec),
});

/** How many objects of each concept a scene shows, by concept number. */
export const countsOf = (scene: Pick<Scene, "objects">): ReadonlyMap<number, number> => {
  const out = new Map<number, number>();
  for (const { concept } of scene.objects) out.set(concept, (out.get(concept) ?? 0) + 1);
  return out;
};
