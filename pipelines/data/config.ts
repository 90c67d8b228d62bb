/** The configuration of EmojiScenes: everything that decides its bytes, and nothing else. */
import * as t from "io-ts";
import { concepts } from "./concepts.ts";

/** Drawing styles; each is an art package. */
export type Style = "fluent-flat" | "noto" | "twemoji";
/** What a scene is drawn for. The first three are training splits. */
export type Split = "vision" | "pretrain" | "finetune" | "eval";

/** Every style. */
export const styles: readonly Style[] = ["fluent-flat", "noto", "twemoji"];
/** Every split. */
export const splits: readonly Split[] = ["vision", "pretrain", "finetune", "eval"];

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

const styleType: t.Type<Style> = t.keyof({ "fluent-flat": null, noto: null, twemoji: null });

/** Codec of {@link Style}. */
export const styleCodec = (): t.Type<Style> => styleType;
const splitType: t.Type<Split> = t.keyof({
  vision: null,
  pretrain: null,
  finetune: null,
  eval: null,
});

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

const dataConfigType: t.Type<DataConfig> = t.strict({
  seed: bounded("seed", 0, Number.MAX_SAFE_INTEGER, true),
  master: bounded("master", 16, 2048, true),
  concepts: bounded("concepts", 4, concepts.length, true),
  objects: ordered("objects", bounded("objects", 2, 16, true)),
  sameConcept: bounded("sameConcept", 1, 4, true),
  size: ordered("size", bounded("size", 0.02, 0.45)),
  overlap: bounded("overlap", 0, 1),
  plates: bounded("plates", 0, 3, true),
  themed: bounded("themed", 0, 1),
  heldOut: bounded("heldOut", 0, 0.5),
  evalHeldOut: bounded("evalHeldOut", 0, 1),
  styles: t.strict({ train: styleList, eval: styleList }),
  grid: bounded("grid", 2, 64, true),
});

/** Codec of {@link DataConfig}; ranges are checked. */
export const dataConfigCodec = (): t.Type<DataConfig> => dataConfigType;
