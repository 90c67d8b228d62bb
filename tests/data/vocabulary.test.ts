/** The vocabulary: names that nobody would confuse, held-out concepts that nothing leaks, tables that measure the art. */
import * as Effect from "effect/Effect";
import * as O from "fp-ts/lib/Option.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { aspectOf, drawnIn } from "../../pipelines/scenes/aspects.ts";
import { colourNames, colourOf } from "../../pipelines/scenes/colours.ts";
import { concepts, themes } from "../../pipelines/scenes/concepts.ts";
import { fullData, splits, type Style } from "../../pipelines/scenes/config.ts";
import { openDrawings, styleSources } from "../../pipelines/scenes/drawings.ts";
import { plateFonts, plateWords } from "../../pipelines/scenes/plate_fonts.ts";
import { poolOf } from "../../pipelines/scenes/world_tables.ts";
import type { Raster } from "../../pipelines/scenes/raster.ts";
import { parseCurated } from "../../tools/vocabulary/curated.ts";
import { alikePairs, thumbOf } from "../../tools/vocabulary/likeness.ts";
import { dominantColour, termOf } from "../../tools/vocabulary/palette.ts";
import { openNouns } from "../../tools/vocabulary/wordnet.ts";

const shipped = Object.keys(styleSources) as Exclude<Style, "stamp">[];
const heldOut = concepts.filter((c) => c.heldOut);
const singular = (word: string): string => word.replace(/s$/, "");
const words = (names: readonly string[]): ReadonlySet<string> =>
  new Set(names.flatMap((n) => n.split(/[ -]/)).map(singular));

test("800 concepts and more, each drawn for training and in a held-out style, in every theme some", () => {
  assert.ok(concepts.length >= 800, `${concepts.length}`);
  for (const { id, name } of concepts) {
    assert.ok(fullData.styles.train.some((s) => aspectOf(id, s) > 0), name);
    assert.ok(fullData.world!.heldOutStyles.some((s) => aspectOf(id, s) > 0), name);
  }
  for (const theme of themes) {
    assert.ok(concepts.filter((c) => c.themes.includes(theme)).length >= 20, theme);
  }
  for (const style of shipped) {
    assert.is(drawnIn(style)!.aspects.length, concepts.length);
    assert.is(drawnIn(style)!.colours.length, concepts.length);
  }
});

test("no two concepts share a name, a plural, a sense of WordNet or a character, and no synonym names another", () => {
  const unique = (all: readonly string[]) => assert.is(new Set(all).size, all.length);
  unique(concepts.map((c) => c.name));
  unique(concepts.map((c) => c.plural));
  unique(concepts.map((c) => c.emoji));
  unique(concepts.flatMap((c) => c.synset === undefined ? [] : [c.synset]));
  unique(concepts.flatMap((c) => c.synonyms));
  const names = new Set(concepts.flatMap((c) => [c.name, c.plural]));
  for (const { name, synonyms } of concepts) {
    for (const synonym of synonyms) assert.not.ok(names.has(synonym), `${synonym} of ${name}`);
  }
  for (const word of plateWords) assert.not.ok(names.has(word.toLowerCase()), word);
});

test("the senses are WordNet's, and a synonym is a lemma of its concept's sense", () => {
  const nouns = openNouns();
  for (const { name, synset, synonyms } of concepts) {
    if (synset === undefined) {
      assert.equal(synonyms, [], name);
      continue;
    }
    const lemmas = nouns.lemmas(synset).map((l) => l.replaceAll("_", " ").toLowerCase());
    for (const synonym of synonyms) assert.ok(lemmas.includes(synonym), `${synonym} of ${name}`);
  }
  const of = (name: string) => nouns.lemmas(concepts.find((c) => c.name === name)!.synset!);
  assert.ok(of("car").includes("automobile") && of("mouse").length > 0 && of("cup").includes("cup"));
  assert.ok(nouns.file(concepts.find((c) => c.name === "computer mouse")!.synset!) === 6);
});

test("nothing leaks a held-out concept: no word of its names, no kind of it and nothing that it is a kind of", () => {
  const nouns = openNouns();
  assert.is(heldOut.length, 80);
  const above = new Map(
    concepts.map((c) => [c.id, c.synset === undefined ? undefined : nouns.above(c.synset)]),
  );
  for (const c of heldOut) {
    const own = words([c.name, ...c.synonyms]);
    assert.ok(shipped.every((s) => aspectOf(c.id, s) > 0), c.name);
    for (const d of concepts) {
      if (d.id === c.id) continue;
      assert.ok(own.isDisjointFrom(words([d.name, ...d.synonyms])), `${c.name} and ${d.name}`);
      assert.not.ok(above.get(d.id)?.has(c.synset!), `${d.name} is a kind of ${c.name}`);
      assert.not.ok(
        d.synset !== undefined && above.get(c.id)!.has(d.synset),
        `${c.name} is a kind of ${d.name}`,
      );
    }
  }
  for (const split of splits) {
    const shown = poolOf(fullData, split).filter((id) => concepts[id]!.heldOut).length;
    assert.is(shown, split === "held-out-concepts" ? 80 : 0, split);
  }
});

test("the tables are what the images measure", async () => {
  for (const style of shipped) {
    const drawings = await Effect.runPromise(openDrawings(style));
    for (const { id, slug, emoji, name } of concepts.filter((c) => c.id >= 48 && c.id % 61 === 0)) {
      assert.is(drawings.has({ slug, emoji }), aspectOf(id, style) > 0, `${name} in ${style}`);
      if (aspectOf(id, style) === 0) continue;
      const raster = await drawings.raster({ slug, emoji });
      assert.is(
        Math.round(1000 * raster.width / raster.height) / 1000,
        aspectOf(id, style),
        `${name} in ${style}`,
      );
      assert.is(dominantColour(raster), O.toUndefined(colourOf(id, style)), `${name} in ${style}`);
    }
  }
});

test("colours that dominate are those that people name", () => {
  const said: readonly (readonly [string, Style, string | undefined])[] = [
    ["tomato", "noto", "red"],
    ["frog", "noto", "green"],
    ["dolphin", "fluent-flat", "blue"],
    ["eggplant", "twemoji", "purple"],
    ["banana", "fluent-flat", "yellow"],
    ["cow", "noto", undefined],
  ];
  for (const [name, style, colour] of said) {
    assert.is(O.toUndefined(colourOf(concepts.find((c) => c.name === name)!.id, style)), colour, name);
  }
  const terms: readonly (readonly [readonly [number, number, number], string])[] = [
    [[220, 30, 30], "red"],
    [[250, 140, 20], "orange"],
    [[250, 220, 40], "yellow"],
    [[40, 160, 60], "green"],
    [[40, 90, 220], "blue"],
    [[130, 50, 190], "purple"],
    [[250, 150, 200], "pink"],
    [[110, 70, 40], "brown"],
    [[12, 12, 14], "black"],
    [[128, 128, 128], "grey"],
    [[250, 250, 250], "white"],
  ];
  assert.equal(terms.map(([, name]) => name).toSorted(), [...colourNames].toSorted());
  for (const [[r, g, b], name] of terms) assert.is(termOf(r, g, b), name);
});

test("likeness: the same image, mirrored or not, is alike; another is not", () => {
  const make = (colour: (x: number, y: number) => readonly [number, number, number]): Raster => {
    const rgba = new Uint8Array(40 * 40 * 4);
    for (let p = 0; p < 1600; p++) rgba.set([...colour(p % 40, Math.floor(p / 40)), 255], p * 4);
    return { width: 40, height: 40, rgba };
  };
  const left = make((x) => x < 20 ? [250, 20, 20] : [20, 20, 250]);
  const right = make((x) => x >= 20 ? [250, 20, 20] : [20, 20, 250]);
  const flat = make(() => [30, 200, 30]);
  const pairs = alikePairs([left, right, flat, undefined].map((r) => r && thumbOf(r)), 54);
  assert.equal(pairs, [{ a: 0, b: 1, difference: 0 }]);
});

test("the curated list: names, plurals, flags and fixed places, and refusals", () => {
  const text =
    "# animal farm home\ncow ox/oxen bug=red-bug@0\n# flag travel\nflag-japan flag-united-states\n# A remark.\n";
  const parsed = parseCurated(text);
  assert.equal(parsed.map((e) => [e.name, e.plural, e.themes[0]]), [
    ["red bug", "red bugs", "farm"],
    ["cow", "cows", "farm"],
    ["ox", "oxen", "farm"],
    ["flag of japan", "flags of japan", "travel"],
    ["flag of the united states", "flags of the united states", "travel"],
  ]);
  assert.throws(() => parseCurated("# animal moon\ncow\n"), /no theme moon/);
});

test("typefaces of plates have a width for every character", () => {
  for (const { characters, advances, family } of plateFonts) {
    assert.is(advances.length, characters.length, family);
    assert.ok(advances.every((a) => a > 0.1 && a < 2), family);
    assert.ok(plateWords.every((w) => [...w].every((c) => characters.includes(c))), family);
  }
});

test.run();
