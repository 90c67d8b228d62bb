/** The record of a scene: what it shows and where, from which pictures and questions are both made. */
import * as t from "io-ts";
import type { Box } from "../records/box.ts";
import { type Theme, themes } from "./concepts.ts";
import { type Split, splitCodec, type Style, styleCodec } from "./config.ts";
import { oneOf } from "../base/codecs.ts";
import { type Pattern, patterns } from "./pattern.ts";

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

/** What lies behind the objects. */
export interface Background {
  /** How it is drawn. */
  readonly pattern: Pattern;
  /** Its main colour and its second one. */
  readonly colours: readonly [Colour, Colour];
  /** Direction of gradients, stripes and waves, in radians. */
  readonly angle: number;
  /** Period of what repeats and size of blobs and clouds, as a share of the side. */
  readonly scale: number;
  /** Key of what is random in it: the places of blobs, clouds, grain. */
  readonly key: number;
  /** The number of a `photo` in the realism pack; absent for other patterns. */
  readonly photo?: number;
}

/** One thing in a scene. */
export interface SceneObject {
  /** Its concept's number in the vocabulary. */
  readonly concept: number;
  /** How it is drawn. */
  readonly style: Style;
  /** Its exact visible extent. */
  readonly box: Box;
  /** Its longer side, as a share of the picture's side. */
  readonly size: number;
  /** Whether it is drawn mirrored. */
  readonly flip: boolean;
}

/** A sign with a text. */
export interface Plate {
  /** Upper-case word and number. */
  readonly text: string;
  /** Its extent. */
  readonly box: Box;
  /** Letters and ground. */
  readonly colours: readonly [Colour, Colour];
  /** The number of the typeface in `plateFonts`; absent in worlds without `DataConfig.world`. */
  readonly font?: number;
  /** Height of the capital letters as a share of the side; absent where `font` is. */
  readonly letters?: number;
}

/**
 * Everything about one picture. Later objects are drawn over earlier ones, plates last.
 * At full strength the smaller objects come later, so that no large one hides them.
 */
export interface Scene {
  /** `split-index`. */
  readonly id: string;
  /** The split that it belongs to. */
  readonly split: Split;
  /** Its place in the split. */
  readonly index: number;
  /** The theme that most of its concepts come from. */
  readonly theme: Theme;
  /** `held-out` if two of its concepts are a held-out pair, which no training scene shows together. */
  readonly composition: "seen" | "held-out";
  /** What lies behind. */
  readonly background: Background;
  /** The things to be recognised, counted and found. */
  readonly objects: readonly SceneObject[];
  /** Signs, which distract. */
  readonly plates: readonly Plate[];
}

const colour = t.readonly(t.tuple([t.number, t.number, t.number]));
const boxCodec = t.readonly(t.tuple([t.number, t.number, t.number, t.number]));
const colours = t.readonly(t.tuple([colour, colour]));

const sceneType: t.Type<Scene> = t.strict({
  id: t.string,
  split: splitCodec(),
  index: t.number,
  theme: oneOf(themes),
  composition: oneOf(["seen", "held-out"] as const),
  background: t.exact(t.intersection([
    t.type({ pattern: oneOf(patterns), colours, angle: t.number, scale: t.number, key: t.number }),
    t.partial({ photo: t.number }),
  ])),
  objects: t.readonlyArray(t.strict({
    concept: t.number,
    style: styleCodec(),
    box: boxCodec,
    size: t.number,
    flip: t.boolean,
  })),
  plates: t.readonlyArray(t.exact(t.intersection([
    t.type({ text: t.string, box: boxCodec, colours }),
    t.partial({ font: t.number, letters: t.number }),
  ]))),
});

/** Codec of {@link Scene}, for records read from disk. */
export const sceneCodec = (): t.Type<Scene> => sceneType;

/** How many objects of each concept a scene shows, by concept number. */
export const countsOf = (scene: Pick<Scene, "objects">): ReadonlyMap<number, number> => {
  const out = new Map<number, number>();
  for (const { concept } of scene.objects) out.set(concept, (out.get(concept) ?? 0) + 1);
  return out;
};
