/** The configuration of EmojiScenes: everything that decides its bytes, and nothing else. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { aspectOf } from "./aspects.ts";
import { concepts, smallVocabulary } from "./concepts.ts";
import { fromGuard, oneOf } from "../base/codecs.ts";
import { type Pattern, patterns } from "./pattern.ts";
import { questionKinds } from "./questions/question.ts";
import type { TypeOf } from "../base/bridge.ts";

/** Drawing styles; each is an art package. */
export type Style = "fluent-flat" | "noto" | "twemoji" | "fluent-3d" | "openmoji" | "stamp";

/**
 * What a scene is drawn for. The first three are training splits, the others are for evaluation. Of those, `eval` has
 * the rules of training (and, by `evalHeldOut`, held-out pairs); each of the others breaks one rule in every scene:
 * it shows a pair of concepts, concepts, styles, a background or a number of equal objects that no training scene
 * shows. `large-objects` is the control: every object is large, so that more tokens should not help.
 */
export type Split =
  | "vision"
  | "pretrain"
  | "finetune"
  | "eval"
  | "held-out-compositions"
  | "held-out-concepts"
  | "held-out-styles"
  | "held-out-backgrounds"
  | "held-out-counts"
  | "large-objects";

/** Every style. `stamp` is drawn only with the realism pack. */
export const styles: readonly Style[] = [
  "fluent-flat",
  "noto",
  "twemoji",
  "fluent-3d",
  "openmoji",
  "stamp",
];

/** The splits that models are trained on. */
export const trainingSplits: readonly Split[] = ["vision", "pretrain", "finetune"];

/** The splits that models are scored on. Worlds without {@link DataConfig.world} have the first only. */
export const evaluationSplits: readonly Split[] = [
  "eval",
  "held-out-compositions",
  "held-out-concepts",
  "held-out-styles",
  "held-out-backgrounds",
  "held-out-counts",
  "large-objects",
];

/** Every split. */
export const splits: readonly Split[] = [...trainingSplits, ...evaluationSplits];

/** Whether models are trained on a split. */
export const isTraining = (split: Split): boolean => trainingSplits.includes(split);

/** A cut-out photograph or drawing of the realism pack that shows a concept. */
export interface StampSource extends TypeOf<typeof stampCodec> {}

/** An image of the realism pack that backgrounds are cut from. */
export interface PhotoSource extends TypeOf<typeof photoCodec> {}

/** What scenes use of Debian's packages of images; an exact record, so that it decides the bytes. */
export interface RealismPack extends TypeOf<typeof realismCodec> {}

/** What only worlds at full strength have: more sizes, patterns, texts, and a split for every rule. */
export interface WorldConfig extends TypeOf<typeof worldCodec> {}

/** How scenes are made. Two configurations that are equal give equal bytes. */
export interface DataConfig extends TypeOf<typeof dataFieldsCodec> {}

/** The benchmark as it is run by default. */
export const defaultData: DataConfig = {
  seed: 1,
  master: 224,
  concepts: 24,
  objects: [2, 5],
  sameConcept: 4,
  size: [0.14, 0.34],
  overlap: 0.15,
  plates: 1,
  themed: 0.7,
  heldOut: 0.12,
  evalHeldOut: 0.5,
  styles: { train: ["fluent-flat", "noto"], eval: ["fluent-flat", "noto"] },
  grid: 16,
};

/** Scenes at full strength: hundreds of concepts in several styles, 10 to 160 pixels of 448, and texts. */
export const fullData: DataConfig = {
  seed: 1,
  master: 448,
  concepts: concepts.length,
  objects: [8, 40],
  sameConcept: 9,
  size: [10 / 448, 160 / 448],
  overlap: 0.05,
  plates: 3,
  themed: 0.75,
  heldOut: 0.05,
  evalHeldOut: 0,
  styles: { train: ["fluent-flat", "fluent-3d", "noto"], eval: ["fluent-flat", "fluent-3d", "noto"] },
  grid: 64,
  world: {
    heldOutStyles: ["twemoji", "openmoji"],
    patterns: {
      train: ["solid", "gradient", "stripes", "checks", "blobs", "clouds", "grain", "dots", "waves"],
      heldOut: ["bricks", "rings", "weave"],
    },
    heldOutCounts: 2,
    large: { objects: [3, 8], size: [100 / 448, 160 / 448] },
    letters: [11 / 448, 36 / 448],
    cover: 0.4,
    boxes: "thousand",
  },
};

/** Configurations by name, as commands take them. */
export const dataConfigs: Readonly<Record<"default" | "full", DataConfig>> = {
  default: defaultData,
  full: fullData,
};

const bounded = (name: string, low: number, high: number, integer = false): t.Type<number> => {
  const is = (u: unknown): u is number =>
    typeof u === "number" && u >= low && u <= high && (!integer || Number.isInteger(u));
  return fromGuard(`${name}: ${integer ? "an integer" : "a number"} from ${low} to ${high}`, is);
};

const ordered = (name: string, item: t.Type<number>): t.Type<readonly [number, number]> => {
  const pair = t.tuple([item, item]);
  const is = (u: unknown): u is readonly [number, number] => pair.is(u) && u[0] <= u[1];
  return fromGuard(`${name}: a pair of ${item.name}, the smaller first`, is);
};

/** @internal */
export const styleCodec = oneOf(styles);

/** @internal */
export const splitCodec = oneOf(splits);

const isStyleList = (u: unknown): u is readonly Style[] =>
  Array.isArray(u) && u.length > 0 && u.every(styleCodec.is);
const styleList = fromGuard(`one or more of ${styles.join(", ")}`, isStyleList);

const shares = ordered("shares of the side", bounded("a share of the side", 0.02, 0.6));
/** @internal */
export const stampCodec = t.strict({
  /** Its content. */
  concept: t.number,
  /** Absolute path. */
  file: t.string,
  /** The sha-256 of the file, hexadecimal. */
  sha256: t.string,
  /** Width over height of its visible part. */
  aspect: t.number,
});
/** @internal */
export const photoCodec = t.strict({
  /** Absolute path. */
  file: t.string,
  /** The sha-256 of the file, hexadecimal. */
  sha256: t.string,
});
/** @internal */
export const realismCodec = t.strict({
  /** Names and versions of the packages. */
  packages: t.readonlyArray(t.string),
  /** Stamps, at most one for a concept, in the order of concepts. */
  stamps: t.readonlyArray(stampCodec),
  /** Photos, in the order of their paths. */
  photos: t.readonlyArray(photoCodec),
});
const patternType = oneOf(patterns);
const isPatternList = (u: unknown): u is readonly Pattern[] =>
  Array.isArray(u) && u.length > 0 && u.every((p) => patternType.is(p) && p !== "photo");
const patternList = fromGuard(
  "one or more patterns other than photo, which comes with the realism pack",
  isPatternList,
);
/** @internal */
export const worldCodec = t.exact(t.intersection([
  t.type({
    /** Styles of `held-out-styles`, which no other split shows. */
    heldOutStyles: styleList,
    /** Patterns of backgrounds, and those of `held-out-backgrounds`, which no other split shows. */
    patterns: t.strict({ train: patternList, heldOut: patternList }),
    /** How many of the numbers 2 to `sameConcept` are held out for every concept: see `isHeldOutCount`. */
    heldOutCounts: bounded("heldOutCounts", 0, 4, true),
    /** Objects and sizes of `large-objects`. */
    large: t.strict({
      objects: ordered("large.objects", bounded("large.objects", 2, 16, true)),
      size: shares,
    }),
    /** Minimum and maximum height of capital letters on plates, as a share of the side of the image. */
    letters: shares,
    /** Largest share of the image that the boxes of objects cover together; larger draws are shrunk. */
    cover: bounded("cover", 0.05, 1),
  }),
  t.partial({
    /** Images of Debian packages; without them scenes have neither stamps nor photos. */
    realism: realismCodec,
    /** How questions speak boxes: as words of the grid if absent, or as whole numbers from 0 to 999. */
    boxes: t.keyof({ grid: null, thousand: null }),
    /** The kinds of questions that scenes are asked; all if absent. */
    questions: t.readonlyArray(oneOf(questionKinds)),
    /**
     * `plain` asks the questions of the small benchmark: few kinds, few words, and what is asked about comes last, which a
     * decoder of few layers needs. All kinds in whole sentences if absent.
     */
    wording: t.literal("plain"),
  }),
]));

/** @internal */
export const dataFieldsCodec = t.exact(t.intersection([
  t.type({
    /** Key of all random numbers. */
    seed: bounded("seed", 0, Number.MAX_SAFE_INTEGER, true),
    /** Side of the master image in pixels; other resolutions are derived from it. */
    master: bounded("master", 16, 2048, true),
    /** How many concepts of the vocabulary are used: the first `concepts`. */
    concepts: bounded("concepts", 4, concepts.length, true),
    /** Minimum number of and most objects of a scene. */
    objects: ordered("objects", bounded("objects", 2, 64, true)),
    /** Most objects of one concept in a scene. */
    sameConcept: bounded("sameConcept", 1, 9, true),
    /** Minimum and maximum longer side of an object, as a share of the side of the image. */
    size: ordered("size", bounded("size", 0.02, 0.45)),
    /** Largest share of the smaller of two boxes that both cover; stricter than intersection over union. */
    overlap: bounded("overlap", 0, 1),
    /** Most text plates of a scene; their number is uniform from 0 to this. */
    plates: bounded("plates", 0, 3, true),
    /** Chance that the next concept comes from the theme of the scene rather than from anywhere. */
    themed: bounded("themed", 0, 1),
    /** Share of concept pairs that never meet in a training scene. */
    heldOut: bounded("heldOut", 0, 0.5),
    /** Share of evaluation scenes that show a held-out pair. */
    evalHeldOut: bounded("evalHeldOut", 0, 1),
    /** Styles drawn in training splits and in the evaluation split. */
    styles: t.strict({ train: styleList, eval: styleList }),
    /** Cells per side of the grid on which boxes are spoken. */
    grid: bounded("grid", 2, 64, true),
  }),
  t.partial({
    /**
     * Share of training scenes of the small benchmark that may repeat a concept; all if absent. The others show every
     * concept once, so that each of their objects can be asked for by its name. Evaluation scenes always may.
     */
    repeated: bounded("repeated", 0, 1),
    /** Present in worlds at full strength; absent in the small benchmark. */
    world: worldCodec,
  }),
]));

/** Why no scene of a configuration can be drawn although each field is in range; undefined if all can. */
const misfit = (config: DataConfig): string | undefined => {
  const { world } = config, used = concepts.slice(0, config.concepts);
  const lists: readonly (readonly [string, readonly Style[]])[] = [
    ["styles.train", config.styles.train],
    ["styles.eval", config.styles.eval],
    ...(world === undefined ? [] : [["world.heldOutStyles", world.heldOutStyles] as const]),
  ];
  if (world === undefined) {
    if (config.concepts > smallVocabulary) return `concepts: at most ${smallVocabulary} without world`;
    for (const [field, list] of lists) {
      for (const style of list) {
        const missing = used.find(({ id }) => aspectOf(id, style) === 0);
        if (missing !== undefined) return `${field}: ${style} has no drawing of a ${missing.name}`;
      }
    }
    return undefined;
  }
  const stamped = new Set(world.realism?.stamps.map(({ concept }) => concept));
  for (const [field, list] of lists) {
    const drawn = used.some(({ id, heldOut }) =>
      !heldOut &&
      (list.some((style) => aspectOf(id, style) > 0) || (list !== world.heldOutStyles && stamped.has(id)))
    );
    if (!drawn) {
      return `${field}: ${list.join(", ")} have no drawing of any of the ${config.concepts} concepts`;
    }
  }
  return undefined;
};

const dataConfigType = Object.assign(
  new t.Type<DataConfig, DataConfig, unknown>(
    "DataConfig",
    (u): u is DataConfig => dataFieldsCodec.is(u) && misfit(u) === undefined,
    (u, c) => {
      const config = dataFieldsCodec.validate(u, c);
      if (E.isLeft(config)) return config;
      const why = misfit(config.right);
      if (why === undefined) return config;
      const field = why.slice(0, why.search(/[.:]/)) as keyof DataConfig;
      return t.failure(config.right[field], t.appendContext(c, field, t.unknown, config.right[field]), why);
    },
    t.identity,
  ),
  { _tag: "RefinementType", type: dataFieldsCodec },
);

/** Codec of {@link DataConfig}; ranges are checked. */
export const dataConfigCodec = (): t.Type<DataConfig> => dataConfigType;
