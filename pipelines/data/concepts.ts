/**
 * The vocabulary of EmojiScenes: everyday things, grouped in themes so that co-occurrence is real.
 * The list is ordered: a configuration with K concepts uses the first K, an equal share of every theme.
 */
import * as O from "fp-ts/lib/Option.js";

/** Where things are found together. */
export type Theme = "farm" | "kitchen" | "street" | "sea" | "forest" | "party" | "sport" | "home";

/** Every theme, in the order in which concepts are dealt. */
export const themes: readonly Theme[] = [
  "farm",
  "kitchen",
  "street",
  "sea",
  "forest",
  "party",
  "sport",
  "home",
];

/** One kind of thing that scenes are made of. */
export interface Concept {
  /** Its place in the vocabulary; scenes and questions refer to it by this number. */
  readonly id: number;
  /** English name, one or two lower-case words. */
  readonly name: string;
  /** Plural, for captions. */
  readonly plural: string;
  /** Where it is found. */
  readonly theme: Theme;
  /** Name of the picture in the three art packages. */
  readonly slug: string;
}

/** `name` or `name=plural`, then the slug of the picture. The first rows are the easiest to tell apart. */
const rows: readonly (readonly [Theme, ...(readonly [string, string])[]])[] = [
  [
    "farm",
    ["cow", "cow"],
    ["tractor", "tractor"],
    ["sunflower", "sunflower"],
    ["pig", "pig-face"],
    ["rooster", "rooster"],
    ["horse", "horse-face"],
  ],
  [
    "kitchen",
    ["apple", "red-apple"],
    ["banana", "banana"],
    ["pizza", "pizza"],
    ["cheese", "cheese-wedge"],
    ["carrot", "carrot"],
    ["cup", "hot-beverage"],
  ],
  [
    "street",
    ["car", "automobile"],
    ["bicycle", "bicycle"],
    ["traffic light", "vertical-traffic-light"],
    ["bus", "bus=buses"],
    ["stop sign", "stop-sign"],
    ["scooter", "motor-scooter"],
  ],
  [
    "sea",
    ["sailboat", "sailboat"],
    ["crab", "crab"],
    ["dolphin", "dolphin"],
    ["octopus", "octopus=octopuses"],
    ["turtle", "turtle"],
    ["anchor", "anchor"],
  ],
  [
    "forest",
    ["mushroom", "mushroom"],
    ["owl", "owl"],
    ["pine tree", "evergreen-tree"],
    ["fox", "fox=foxes"],
    ["butterfly", "butterfly=butterflies"],
    ["hedgehog", "hedgehog"],
  ],
  [
    "party",
    ["balloon", "balloon"],
    ["guitar", "guitar"],
    ["gift", "wrapped-gift"],
    ["cake", "birthday-cake"],
    ["drum", "drum"],
    ["crown", "crown"],
  ],
  [
    "sport",
    ["football", "soccer-ball"],
    ["kite", "kite"],
    ["trophy", "trophy=trophies"],
    ["basketball", "basketball"],
    ["skateboard", "skateboard"],
    ["tent", "tent"],
  ],
  [
    "home",
    ["umbrella", "umbrella"],
    ["alarm clock", "alarm-clock"],
    ["green book", "green-book"],
    ["key", "key"],
    ["chair", "chair"],
    ["light bulb", "light-bulb"],
  ],
];

const rowsPerTheme = 6;

/** The whole vocabulary: concept `i` belongs to theme `i % 8`, so that a prefix is balanced over themes. */
export const concepts: readonly Concept[] = Array.from({ length: rowsPerTheme * rows.length }, (_, id) => {
  const [theme, ...entries] = rows[id % rows.length]!;
  const [name, art] = entries[Math.floor(id / rows.length)]!;
  const [slug, plural] = art.split("=");
  return { id, name, plural: plural ?? `${name}s`, theme, slug: slug! };
});

/** The concept of a name, as an answer may speak of it. */
export const conceptNamed = (name: string): O.Option<Concept> =>
  O.fromNullable(concepts.find((c) => c.name === name || c.plural === name));

/** Name of a concept that is known to exist. */
export const nameOf = (id: number): string => concepts[id]!.name;

/** How often a concept is drawn, relative to others: the first of every theme is the most popular. */
export const popularity = (id: number): number => 1 / Math.sqrt(1 + Math.floor(id / rows.length));

/** The concept numbers of a theme among the first `k`. */
export const inTheme = (theme: Theme, k: number): readonly number[] =>
  concepts.slice(0, k).filter((c) => c.theme === theme).map((c) => c.id);
