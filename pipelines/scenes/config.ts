/** The configuration of EmojiScenes: everything that decides its bytes, and nothing else. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { aspectOf } from "./aspects.ts";
import { concepts, smallVocabulary } from "./concepts.ts";
import { oneOf } from "../base/codecs.ts";
import { type Pattern, patterns } from "./pattern.ts";
import { type QuestionKind, questionKinds } from "./questions/question.ts";

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
export interface StampSource {
  /** What it shows. */
  readonly concept: number;
  /** Absolute path. */
  readonly file: string;
  /** The sha-256 of the file, hexadecimal. */
  readonly sha256: string;
  /** Width over height of its visible part. */
  readonly aspect: number;
}

/** A picture of the realism pack that backgrounds are cut from. */
export interface PhotoSource {
  /** Absolute path. */
  readonly file: string;
  /** The sha-256 of the file, hexadecimal. */
  readonly sha256: string;
}

/** What scenes use of Debian's packages of pictures; an exact record, so that it decides the bytes. */
export interface RealismPack {
  /** Names and versions of the packages. */
  readonly packages: readonly string[];
  /** Stamps, at most one for a concept, in the order of concepts. */
  readonly stamps: readonly StampSource[];
  /** Photos, in the order of their paths. */
  readonly photos: readonly PhotoSource[];
}

/** What only worlds at full strength have: more sizes, patterns, texts, and a split for every rule. */
export interface WorldConfig {
  /** Styles of `held-out-styles`, which no other split shows. */
  readonly heldOutStyles: readonly Style[];
  /** Patterns of backgrounds, and those of `held-out-backgrounds`, which no other split shows. */
  readonly patterns: { readonly train: readonly Pattern[]; readonly heldOut: readonly Pattern[] };
  /** How many of the numbers 2 to `sameConcept` are held out for every concept: see `isHeldOutCount`. */
  readonly heldOutCounts: number;
  /** Objects and sizes of `large-objects`. */
  readonly large: { readonly objects: readonly [number, number]; readonly size: readonly [number, number] };
  /** Least and greatest height of capital letters on plates, as a share of the side of the picture. */
  readonly letters: readonly [number, number];
  /** Greatest share of the picture that the boxes of objects cover together; larger draws are shrunk. */
  readonly cover: number;
  /** How questions speak boxes: as words of the grid if absent, or as whole numbers from 0 to 999. */
  readonly boxes?: "grid" | "thousand";
  /** The kinds of questions that scenes are asked; all if absent. */
  readonly questions?: readonly QuestionKind[];
  /**
   * `plain` asks the questions of the small benchmark: few kinds, few words, and what is asked about comes last, which a
   * decoder of few layers needs. All kinds in whole sentences if absent.
   */
  readonly wording?: "plain";
  /** Pictures of Debian packages; without them scenes have neither stamps nor photos. */
  readonly realism?: RealismPack;
}

/** How scenes are made. Two configurations that are equal give equal bytes. */
export interface DataConfig {
  /** Key of all random numbers. */
  readonly seed: number;
  /** Side of the master picture in pixels; other resolutions are derived from it. */
  readonly master: number;
  /** How many concepts of the vocabulary are used: the first `concepts`. */
  readonly concepts: number;
  /** Fewest and most objects of a scene. */
  readonly objects: readonly [number, number];
  /** Most objects of one concept in a scene. */
  readonly sameConcept: number;
  /** Least and greatest longer side of an object, as a share of the side of the picture. */
  readonly size: readonly [number, number];
  /** Greatest share of the smaller of two boxes that both cover; stricter than intersection over union. */
  readonly overlap: number;
  /** Most text plates of a scene; their number is uniform from 0 to this. */
  readonly plates: number;
  /** Chance that the next concept comes from the theme of the scene rather than from anywhere. */
  readonly themed: number;
  /** Share of concept pairs that never meet in a training scene. */
  readonly heldOut: number;
  /** Share of evaluation scenes that show a held-out pair. */
  readonly evalHeldOut: number;
  /** Styles drawn in training splits and in the evaluation split. */
  readonly styles: { readonly train: readonly Style[]; readonly eval: readonly Style[] };
  /** Cells per side of the grid on which boxes are spoken. */
  readonly grid: number;
  /** Present in worlds at full strength; absent in the small benchmark. */
  readonly world?: WorldConfig;
}

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
  const message = `${name}: ${integer ? "an integer" : "a number"} from ${low} to ${high}`;
  return new t.Type(message, is, (u, c) => is(u) ? t.success(u) : t.failure(u, c, message), t.identity);
};

const ordered = (name: string, item: t.Type<number>): t.Type<readonly [number, number]> => {
  const pair = t.tuple([item, item]);
  const is = (u: unknown): u is readonly [number, number] => pair.is(u) && u[0] <= u[1];
  const message = `${name}: a pair of ${item.name}, the smaller first`;
  return new t.Type(message, is, (u, c) => is(u) ? t.success(u) : t.failure(u, c, message), t.identity);
};

const styleType: t.Type<Style> = oneOf(styles);

/** Codec of {@link Style}. */
export const styleCodec = (): t.Type<Style> => styleType;
const splitType: t.Type<Split> = oneOf(splits);

/** Codec of {@link Split}. */
export const splitCodec = (): t.Type<Split> => splitType;

const styleList: t.Type<readonly Style[]> = new t.Type(
  "a list of one or more styles",
  (u): u is readonly Style[] => Array.isArray(u) && u.length > 0 && u.every(styleType.is),
  (u, c) =>
    Array.isArray(u) && u.length > 0 && u.every(styleType.is)
      ? t.success(u)
      : t.failure(u, c, `one or more of ${styles.join(", ")}`),
  t.identity,
);

const shares = ordered("shares of the side", bounded("a share of the side", 0.02, 0.6));
const realismType: t.Type<RealismPack> = t.strict({
  packages: t.readonlyArray(t.string),
  stamps: t.readonlyArray(
    t.strict({ concept: t.number, file: t.string, sha256: t.string, aspect: t.number }),
  ),
  photos: t.readonlyArray(t.strict({ file: t.string, sha256: t.string })),
});
const PATTERNS = "one or more patterns other than photo, which comes with the realism pack";
const patternType = oneOf(patterns);
const isPatternList = (u: unknown): u is readonly Pattern[] =>
  Array.isArray(u) && u.length > 0 && u.every((p) => patternType.is(p) && p !== "photo");
const patternList: t.Type<readonly Pattern[]> = new t.Type(
  PATTERNS,
  isPatternList,
  (u, c) => isPatternList(u) ? t.success(u) : t.failure(u, c, PATTERNS),
  t.identity,
);
const worldType: t.Type<WorldConfig> = t.exact(t.intersection([
  t.type({
    heldOutStyles: styleList,
    patterns: t.strict({ train: patternList, heldOut: patternList }),
    heldOutCounts: bounded("heldOutCounts", 0, 4, true),
    large: t.strict({
      objects: ordered("large.objects", bounded("large.objects", 2, 16, true)),
      size: shares,
    }),
    letters: shares,
    cover: bounded("cover", 0.05, 1),
  }),
  t.partial({
    realism: realismType,
    boxes: t.keyof({ grid: null, thousand: null }),
    questions: t.readonlyArray(oneOf(questionKinds)),
    wording: t.literal("plain"),
  }),
]));

const smallConfig = {
  seed: bounded("seed", 0, Number.MAX_SAFE_INTEGER, true),
  master: bounded("master", 16, 2048, true),
  concepts: bounded("concepts", 4, concepts.length, true),
  objects: ordered("objects", bounded("objects", 2, 64, true)),
  sameConcept: bounded("sameConcept", 1, 9, true),
  size: ordered("size", bounded("size", 0.02, 0.45)),
  overlap: bounded("overlap", 0, 1),
  plates: bounded("plates", 0, 3, true),
  themed: bounded("themed", 0, 1),
  heldOut: bounded("heldOut", 0, 0.5),
  evalHeldOut: bounded("evalHeldOut", 0, 1),
  styles: t.strict({ train: styleList, eval: styleList }),
  grid: bounded("grid", 2, 64, true),
};
const anyConfig: t.Type<DataConfig> = t.exact(
  t.intersection([t.type(smallConfig), t.partial({ world: worldType })]),
);

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
    (u): u is DataConfig => anyConfig.is(u) && misfit(u) === undefined,
    (u, c) => {
      const config = anyConfig.validate(u, c);
      if (E.isLeft(config)) return config;
      const why = misfit(config.right);
      if (why === undefined) return config;
      const field = why.slice(0, why.search(/[.:]/)) as keyof DataConfig;
      return t.failure(config.right[field], t.appendContext(c, field, t.unknown, config.right[field]), why);
    },
    t.identity,
  ),
  { _tag: "RefinementType", type: anyConfig },
);

/** Codec of {@link DataConfig}; ranges are checked. */
export const dataConfigCodec = (): t.Type<DataConfig> => dataConfigType;
