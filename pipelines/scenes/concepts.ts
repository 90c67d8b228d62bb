/**
 * The vocabulary of EmojiScenes: things with names, grouped in themes so that co-occurrence is real.
 * The table is `vocabulary.json`, made by `tools/vocabulary/make.ts`. Its first 48 rows are ordered so that a configuration
 * with few concepts has an equal share of each of the first eight themes; the others follow in Unicode's order.
 */
import * as O from "fp-ts/lib/Option.js";
import rows from "./vocabulary.json" with { type: "json" };

/** Where things are found together. */
export type Theme =
  | "farm"
  | "kitchen"
  | "street"
  | "sea"
  | "forest"
  | "party"
  | "sport"
  | "home"
  | "savanna"
  | "office"
  | "workshop"
  | "wardrobe"
  | "sky"
  | "travel"
  | "clinic"
  | "legend";

/** Every theme; the first eight in the order in which the first concepts are dealt. */
export const themes: readonly Theme[] = [
  "farm",
  "kitchen",
  "street",
  "sea",
  "forest",
  "party",
  "sport",
  "home",
  "savanna",
  "office",
  "workshop",
  "wardrobe",
  "sky",
  "travel",
  "clinic",
  "legend",
];

/** What a thing is, coarsely. */
export type Group =
  | "animal"
  | "plant"
  | "food"
  | "drink"
  | "vehicle"
  | "building"
  | "nature"
  | "person"
  | "body"
  | "clothing"
  | "instrument"
  | "tool"
  | "household"
  | "office"
  | "electronics"
  | "sport"
  | "toy"
  | "sign"
  | "flag";

/** Every group. */
export const groups: readonly Group[] = [
  "animal",
  "plant",
  "food",
  "drink",
  "vehicle",
  "building",
  "nature",
  "person",
  "body",
  "clothing",
  "instrument",
  "tool",
  "household",
  "office",
  "electronics",
  "sport",
  "toy",
  "sign",
  "flag",
];

/** One kind of thing that scenes are made of. */
export interface Concept {
  /** Its place in the vocabulary; scenes and questions refer to it by this number. */
  readonly id: number;
  /** English name, lower-case words but for names of countries; no two concepts share one. */
  readonly name: string;
  /** Plural, for captions. */
  readonly plural: string;
  /** Where it is found most: the first of `themes`. */
  readonly theme: Theme;
  /** Everywhere that it is found, the first most. */
  readonly themes: readonly Theme[];
  /** Its kind. */
  readonly group: Group;
  /** The character of Unicode, as names in other languages (CLDR) and keywords are filed; without U+FE0F. */
  readonly emoji: string;
  /** Name of the image in the art packages. */
  readonly slug: string;
  /** Other names that people may use for it; none is a name or a synonym of another concept. */
  readonly synonyms: readonly string[];
  /** Offset of its noun synset in WordNet 3.1 (`data.noun`), eight digits; absent where WordNet has none. */
  readonly synset?: string;
  /** Kept out of every split of worlds at full strength but `held-out-concepts`. */
  readonly heldOut: boolean;
  /** Styles that draw it, of those that npm ships. */
  readonly styles: readonly string[];
}

interface Row extends Omit<Concept, "id" | "theme"> {
  readonly popularity: number;
}

const table = rows as unknown as readonly Row[];

/** The whole vocabulary, by number. */
export const concepts: readonly Concept[] = table.map(({ popularity: _, ...row }, id) => ({
  id,
  theme: row.themes[0]!,
  ...row,
}));

/** The concept of a name, as an answer may speak of it. */
export const conceptNamed = (name: string): O.Option<Concept> =>
  O.fromNullable(concepts.find((c) => c.name === name || c.plural === name));

/** Name of a concept that is known to exist. */
export const nameOf = (id: number): string => concepts[id]!.name;

/** Concepts that worlds without {@link DataConfig.world} can show: the first of every one of eight themes, in turn. */
export const smallVocabulary: number = 48;
const dealtThemes = 8;

/** How often a concept is drawn, relative to others: of the first 48, the first of every theme is the most popular. */
export const popularity = (id: number): number =>
  id < smallVocabulary ? 1 / Math.sqrt(1 + Math.floor(id / dealtThemes)) : table[id]!.popularity;

/** The concept numbers among the first `k` that are found most in a theme. */
export const inTheme = (theme: Theme, k: number): readonly number[] =>
  concepts.slice(0, k).filter((c) => c.theme === theme).map((c) => c.id);
