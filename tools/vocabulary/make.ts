/**
 * Makes the tables of the vocabulary from the curated list, the drawings and WordNet:
 *
 *     deno run -A tools/vocabulary/make.ts
 *
 * `vocabulary.json` has the concepts, `drawings.json` what was measured on every drawing. What is left out, and
 * why, is printed. Rules: no two concepts share a WordNet synset or a name; no two drawings of a style look alike at
 * 24 pixels; every concept has a drawing in a style of training and in a held-out style.
 */
import * as Effect from "effect/Effect";
import { fileURLToPath } from "node:url";
import emoji from "npm:unicode-emoji-json@0.9.0/data-by-emoji.json" with { type: "json" };
import oldAspects from "./first_aspects.json" with { type: "json" };
import { smallVocabulary } from "../../pipelines/scenes/concepts.ts";
import { type ColourName, colourNames } from "../../pipelines/scenes/colours.ts";
import type { Style } from "../../pipelines/scenes/config.ts";
import { openDrawings, styleSources } from "../../pipelines/scenes/drawings.ts";
import type { Raster } from "../../pipelines/scenes/raster.ts";
import { hashWords } from "../../pipelines/base/rng.ts";
import { type Entry, parseCurated } from "./curated.ts";
import { alikePairs, type Thumb, thumbOf } from "./likeness.ts";
import { dominantColour } from "./palette.ts";
import { type Nouns, openNouns, synsetOf } from "./wordnet.ts";

/** Drawings that differ by less, of 255, cannot be distinguished at 24 pixels. */
const ALIKE = 54;
/** Concepts that are held out. */
const HELD_OUT = 80;

const shipped = Object.keys(styleSources) as Exclude<Style, "stamp">[];
const training: readonly Style[] = ["fluent-flat", "fluent-3d", "noto"];

interface Drawn {
  readonly aspect: number;
  readonly colour: ColourName | undefined;
  readonly thumb: Thumb;
}

interface Candidate extends Entry {
  readonly emoji: string;
  readonly drawn: Readonly<Partial<Record<Style, Drawn>>>;
  readonly synset: string | undefined;
}

const slugs = new Map(
  Object.entries(emoji).map(([e, { slug }]) => [slug.replaceAll("_", "-"), e.replaceAll("\uFE0F", "")]),
);

const measure = (raster: Raster): Drawn => ({
  aspect: Math.round(1000 * raster.width / raster.height) / 1000,
  colour: dominantColour(raster),
  thumb: thumbOf(raster),
});

const say = (text: string): void => console.log(text);

const readCandidates = async (entries: readonly Entry[], nouns: Nouns): Promise<readonly Candidate[]> => {
  const drawn = new Map<string, Partial<Record<Style, Drawn>>>(entries.map((e) => [e.slug, {}]));
  for (const style of shipped) {
    const drawings = await Effect.runPromise(openDrawings(style));
    for (const { slug } of entries) {
      const name = { slug, emoji: slugs.get(slug) ?? "" };
      if (drawings.has(name)) drawn.get(slug)![style] = measure(await drawings.raster(name));
    }
    say(`measured ${style}`);
  }
  return entries.flatMap((e) => {
    const character = slugs.get(e.slug);
    if (character === undefined) return (say(`left out: ${e.slug}: not in Unicode's list`), []);
    const synset = synsetOf(nouns, e.name, e.group);
    return [{ ...e, emoji: character, drawn: drawn.get(e.slug)!, synset }];
  });
};

const isDrawn = ({ drawn }: Candidate): boolean =>
  training.some((s) => drawn[s] !== undefined) && (drawn.twemoji ?? drawn.openmoji) !== undefined;

const withoutNamesakes = (all: readonly Candidate[]): readonly Candidate[] => {
  const names = new Map<string, string>(), synsets = new Map<string, string>();
  return all.filter((c) => {
    const known = names.get(c.name) ?? (c.synset === undefined ? undefined : synsets.get(c.synset));
    if (known !== undefined) return (say(`left out: ${c.name}: the same as ${known}`), false);
    names.set(c.name, c.name);
    if (c.synset !== undefined) synsets.set(c.synset, c.name);
    return true;
  });
};

const withoutTwins = (all: readonly Candidate[]): readonly Candidate[] => {
  const dropped = new Set<number>();
  for (const style of shipped) {
    for (const { a, b, difference } of alikePairs(all.map((c) => c.drawn[style]?.thumb), ALIKE)) {
      if (dropped.has(a) || dropped.has(b) || b < smallVocabulary) continue;
      dropped.add(b);
      say(`left out: ${all[b]!.name}: looks like ${all[a]!.name} in ${style} (${difference.toFixed(1)})`);
    }
  }
  return all.filter((_, i) => !dropped.has(i));
};

const synonymsOf = (nouns: Nouns, all: readonly Candidate[]): readonly (readonly string[])[] => {
  const lists = all.map((c) =>
    c.synset === undefined ? [] : nouns.lemmas(c.synset).map((l) => l.replaceAll("_", " ").toLowerCase())
  );
  const taken = new Map<string, number>();
  const names = new Set(all.flatMap((c) => [c.name, c.plural]));
  lists.flat().forEach((word) => taken.set(word, (taken.get(word) ?? 0) + 1));
  return lists.map((list) => [...new Set(list)].filter((w) => !names.has(w) && taken.get(w) === 1));
};

const wordsOf = (names: readonly string[]): ReadonlySet<string> =>
  new Set(names.flatMap((n) => n.split(/[ -]/)).map((w) => w.replace(/s$/, "")));

/** Held-out concepts: none is a kind of another concept or the reverse, and none shares a word of its names. */
const heldOutOf = (
  nouns: Nouns,
  all: readonly Candidate[],
  synonyms: readonly (readonly string[])[],
): ReadonlySet<string> => {
  const above = all.map((c) => c.synset === undefined ? new Set<string>() : nouns.above(c.synset));
  const words = all.map((c, i) => wordsOf([c.name, ...synonyms[i]!]));
  const alone = (c: Candidate, i: number): boolean =>
    i >= smallVocabulary && c.synset !== undefined && shipped.every((s) => c.drawn[s] !== undefined) &&
    all.every((d, j) =>
      i === j ||
      (words[i]!.isDisjointFrom(words[j]!) && !above[j]!.has(c.synset!) &&
        (d.synset === undefined || !above[i]!.has(d.synset)))
    );
  const ranked = all.filter(alone)
    .toSorted((a, b) => hashWords("held-out concept", a.slug) - hashWords("held-out concept", b.slug));
  say(`${ranked.length} concepts can be held out`);
  return new Set(ranked.slice(0, HELD_OUT).map((c) => c.slug));
};

const popularityOf = (nouns: Nouns, synset: string | undefined): number => {
  const met = synset === undefined ? 0 : nouns.frequency(synset);
  return Math.round(100 * Math.min(1, 0.25 + Math.log2(1 + met) / 8)) / 100;
};

const lines = (rows: readonly unknown[]): string =>
  `[\n${rows.map((r) => JSON.stringify(r)).join(",\n")}\n]\n`;
const write = (file: string, text: string): Promise<void> =>
  Deno.writeTextFile(fileURLToPath(new URL(file, import.meta.url)), text);

const main = async (): Promise<void> => {
  const nouns = openNouns();
  const entries = parseCurated(await Deno.readTextFile(new URL("./curated.txt", import.meta.url)));
  const candidates = await readCandidates(entries, nouns);
  for (const c of candidates) if (!isDrawn(c)) say(`left out: ${c.name}: drawn in too few styles`);
  const all = withoutTwins(withoutNamesakes(candidates.filter(isDrawn)));
  const synonyms = synonymsOf(nouns, all), heldOut = heldOutOf(nouns, all, synonyms);
  const rows = all.map((c, i) => ({
    name: c.name,
    plural: c.plural,
    themes: c.themes,
    group: c.group,
    emoji: c.emoji,
    slug: c.slug,
    styles: shipped.filter((s) => c.drawn[s] !== undefined),
    synonyms: synonyms[i]!,
    ...(c.synset === undefined ? {} : { synset: c.synset }),
    popularity: popularityOf(nouns, c.synset),
    heldOut: heldOut.has(c.slug),
  }));
  const first = oldAspects as Readonly<Partial<Record<Style, readonly number[]>>>;
  const tables = shipped.map((style) => ({
    style,
    aspects: all.map((c, i) => first[style]?.[i] ?? c.drawn[style]?.aspect ?? 0),
    colours: all.map((c) => {
      const colour = c.drawn[style]?.colour;
      return colour === undefined ? -1 : colourNames.indexOf(colour);
    }),
  }));
  await write("../../pipelines/scenes/vocabulary.json", lines(rows));
  await write("../../pipelines/scenes/drawings.json", lines(tables));
  say(
    `${rows.length} concepts, ${rows.filter((r) => r.synset !== undefined).length} in WordNet, ` +
      `${heldOut.size} held out`,
  );
};

if (import.meta.main) await main();
