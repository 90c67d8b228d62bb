/**
 * Makes the lexicon's tables from npm packages:
 *
 *     deno run -A tools/vocabulary/make_lexicon.ts
 *
 * `kinds.json` is what WordNet 3.1 says the things of the vocabulary are kinds of; `names.json` are their names in other
 * languages, from Unicode's CLDR. The packages are large and only needed here; the tables have what scenes use.
 */
import { createRequire } from "node:module";
import cldr from "npm:cldr-annotations-full@48.2.0/package.json" with { type: "json" };
import { concepts } from "../../pipelines/scenes/concepts.ts";
import { openNouns } from "./wordnet.ts";

/**
 * Kinds that questions may name: the words, then lemmas in WordNet with the number of a sense. Only kinds whose limits
 * people agree on; tools, clothing or food would be argued about.
 */
const kinds: readonly (readonly [string, ...(readonly [string, number])[]])[] = [
  ["animal", ["animal", 1]],
  ["mammal", ["mammal", 1]],
  ["hoofed mammal", ["ungulate", 1]],
  ["rodent", ["rodent", 1]],
  ["primate", ["primate", 2]],
  ["bird", ["bird", 1]],
  ["fish", ["fish", 1]],
  ["reptile", ["reptile", 1]],
  ["invertebrate", ["invertebrate", 1]],
  ["insect", ["insect", 1]],
  ["plant", ["plant", 2]],
  ["tree", ["tree", 1]],
  ["fruit", ["edible_fruit", 1]],
  ["vegetable", ["vegetable", 1]],
  ["baked food", ["baked_goods", 1]],
  ["drink", ["beverage", 1]],
  ["vehicle", ["vehicle", 1]],
  ["wheeled vehicle", ["wheeled_vehicle", 1]],
  ["watercraft", ["vessel", 2]],
  ["aircraft", ["aircraft", 1]],
  ["building", ["building", 1]],
  ["celestial body", ["celestial_body", 1]],
  ["musical instrument", ["musical_instrument", 1]],
  ["furniture", ["furniture", 1]],
  ["footwear", ["footwear", 1], ["footwear", 2]],
  ["jewelry", ["jewelry", 1]],
  ["edge tool", ["edge_tool", 1]],
  ["timepiece", ["timepiece", 1]],
  ["person", ["person", 1]],
  ["body part", ["body_part", 1]],
];

/** Where people may disagree with WordNet, or the drawing shows another sense: neither asked for nor passed over. */
const disputed: Readonly<Record<string, readonly string[]>> = {
  animal: ["dolphin", "dragon", "unicorn", "phoenix", "teddy bear", "carousel horse", "bigfoot"],
  mammal: ["dolphin", "unicorn"],
  "hoofed mammal": ["unicorn"],
  bird: ["phoenix", "chicken leg"],
  fish: ["dolphin", "whale", "orca", "fish cake", "carp streamer", "jellyfish"],
  reptile: ["dragon", "tyrannosaurus"],
  plant: ["mushroom", "christmas tree", "tanabata tree", "log"],
  tree: ["christmas tree", "tanabata tree", "log", "cactus"],
  fruit: [
    "tomato",
    "olive",
    "avocado",
    "cucumber",
    "eggplant",
    "bell pepper",
    "chili pepper",
    "coconut",
    "pea pod",
    "peanut",
    "chestnut",
    "bean",
    "jack o lantern",
  ],
  vegetable: [
    "tomato",
    "olive",
    "avocado",
    "cucumber",
    "eggplant",
    "mushroom",
    "french fries",
    "garlic",
    "ginger root",
    "corn cob",
    "salad",
    "herb",
    "peanut",
    "jack o lantern",
  ],
  "baked food": ["pizza", "pancake", "waffle", "moon cake"],
  vehicle: [
    "balloon",
    "shopping cart",
    "skateboard",
    "sled",
    "wheelchair",
    "motorized wheelchair",
    "parachute",
  ],
  "wheeled vehicle": ["shopping cart", "skateboard", "wheelchair", "motorized wheelchair"],
  watercraft: ["life buoy", "anchor"],
  aircraft: ["balloon", "parachute", "kite", "rocket", "satellite", "flying saucer"],
  building: ["hut", "tent", "circus tent", "tokyo tower", "statue of liberty", "stadium", "fountain"],
  "celestial body": ["shooting star", "comet", "globe", "galaxy", "star of david"],
  "musical instrument": ["bell", "wind chime", "microphone", "bellhop bell"],
  furniture: ["rolodex", "mirror", "toilet", "bathtub", "wheelchair", "motorized wheelchair", "television"],
  footwear: ["ice skate", "roller skate", "skis", "pair of socks"],
  jewelry: ["crown", "gem", "prayer beads", "gold medal", "watch"],
  "edge tool": ["saw", "pizza", "bow and arrow", "trident", "chopsticks", "fork and knife"],
  timepiece: ["hourglass"],
  person: [
    "angel",
    "fairy",
    "vampire",
    "mermaid",
    "elf",
    "genie",
    "zombie",
    "robot",
    "clown",
    "snowman",
    "ghost",
    "skull",
  ],
  "body part": [
    "bone",
    "skull",
    "wing",
    "feather",
    "heart",
    "chicken leg",
    "footprint",
    "paw print",
    "prosthetic leg",
  ],
};

const locales = ["de", "es", "fr", "it", "ja", "zh"] as const;

const { resolve } = createRequire(import.meta.url);
const read = (path: string): string => Deno.readTextFileSync(resolve(path));

/** What `kinds.json` holds. */
export interface KindsTable {
  /** The package it comes from. */
  readonly source: string;
  /** Its licence. */
  readonly licence: string;
  /** The synsets of each kind. */
  readonly kinds: Readonly<Record<string, readonly string[]>>;
  /** For each kind the concepts that are neither asked for nor passed over. */
  readonly disputed: Readonly<Record<string, readonly string[]>>;
  /** The direct hypernyms of every synset that is needed. */
  readonly parents: Readonly<Record<string, readonly string[]>>;
}

/** What `names.json` holds. */
export interface NamesTable {
  /** The package it comes from. */
  readonly source: string;
  /** Its licence. */
  readonly licence: string;
  /** Names by language and character. */
  readonly names: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * The table of kinds.
 * @throws {Error} if WordNet lacks a sense or a synset that is named here or in the vocabulary.
 */
export const kindsTable = (): KindsTable => {
  const nouns = openNouns(), used: Record<string, readonly string[]> = {};
  const add = (synset: string): void => {
    if (used[synset] !== undefined) return;
    const above = nouns.hypernyms(synset);
    if (above === undefined) throw new Error(`WordNet has no synset ${synset}`);
    used[synset] = above;
    above.forEach(add);
  };
  concepts.forEach(({ synset }) => synset === undefined || add(synset));
  const find = (lemma: string, sense: number): string => {
    const found = nouns.senses(lemma)[sense - 1];
    if (found === undefined) throw new Error(`WordNet has no noun ${lemma} with ${sense} senses`);
    return found;
  };
  return {
    source: nouns.source,
    licence: "WordNet 3.1, Princeton University",
    kinds: Object.fromEntries(
      kinds.map(([name, ...senses]) => [name, senses.map(([lemma, sense]) => find(lemma, sense))]),
    ),
    disputed,
    parents: Object.fromEntries(Object.keys(used).toSorted().map((key) => [key, used[key]!])),
  };
};

interface Annotations {
  readonly annotations: {
    readonly annotations: Readonly<Record<string, { readonly tts?: readonly string[] }>>;
  };
}

/** The table of names. */
export const namesTable = (): NamesTable => ({
  source: `${cldr.name}@${cldr.version}`,
  licence: cldr.license,
  names: Object.fromEntries(locales.map((locale) => {
    const { annotations } = (JSON.parse(
      read(`cldr-annotations-full/annotations/${locale}/annotations.json`),
    ) as Annotations).annotations;
    const named = concepts.flatMap(({ emoji }) => {
      const name = annotations[emoji]?.tts?.[0];
      return name === undefined ? [] : [[emoji, name] as const];
    });
    return [locale, Object.fromEntries(named)];
  })),
});

if (import.meta.main) {
  const rows = (value: unknown): string =>
    JSON.stringify(value, null, 1).replace(/\[\s+((?:"\d+",?\s*)*)\]/g, (list) => list.replace(/\s+/g, ""));
  for (const [file, table] of [["kinds.json", kindsTable()], ["names.json", namesTable()]] as const) {
    Deno.writeTextFileSync(
      new URL(`../../pipelines/scenes/lexicon/${file}`, import.meta.url),
      `${rows(table)}\n`,
    );
  }
}
