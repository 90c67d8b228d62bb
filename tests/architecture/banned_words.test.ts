/**
 * Names, comments, messages and documents use the field's terms: no file has a word of the list below, whole or as a part of a
 * name (`openRivals`, `RIVAL_ROWS`, `open_rivals`). File names count as well.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";

/** A banned word and the standard term; `word` is matched in lower case, as a whole word or a part of a name. */
interface Banned {
  readonly word: string;
  readonly use: string;
}

const list = (text: string): readonly Banned[] =>
  text.trim().split("\n").map((line) => {
    const [words, use] = line.split(":") as [string, string];
    return words.trim().split(/\s+/).map((word) => ({ word, use: use.trim() }));
  }).flat();

/** Words that are banned as parts of names and in prose. */
const words = list(`
  picture pictures: image
  rival rivals: baseline
  lodger lodgers lodging lodgings: allocation
  mend mends mended: hint, fix
  ceiling ceilings: peak rate, roofline
  insistently: retry
  likeliest: most likely, top-k
  greatest: largest, maximum
  learnt taught: learned, trained
  yardstick: reference
  afresh anew: again
  whoever whomever: a noun
  thereof therein herein hence lest: a plain sentence
`);

/** Phrases that are banned in prose. */
const phrases = list(`
  told-apart: distinguished
  computed-again: recomputed
  steps-a-second images-a-second tokens-a-second bytes-a-second: unit/s
  stands-in stands-at stands-there lies-in lies-at lies-beyond: is, is stored
  root-of-the-mean-square: RMSE
  beside-it beside-them: next to
`);

/** Files whose words are not this project's: the reason for each. */
const exceptions: readonly (readonly [RegExp, string])[] = [
  [/^tests\/architecture\/banned_words\.test\.ts$/, "the list itself"],
  [/^(results\/|RESULTS\.md|CHANGELOG\.md)/, "records of experiments and of releases"],
  [/^tests\/(golden|data\/formats\/samples_)/, "texts of official files and libraries"],
  [/^pipelines\/eval\/(ptb_words|vqa_words|vqa_normal|chair_words)\.ts$/, "word lists of official scorers"],
  [
    /^(pipelines\/scenes\/(lexicon|questions)\/|tools\/vocabulary\/)/,
    "vocabulary and question texts of the drawn world",
  ],
];

const root = new URL("../../", import.meta.url);
const skipped = new Set(["node_modules", "runs", "cache", ".git", ".mirror", "shared"]);

/** Paths of the source files and documents below a folder. */
const filesBelow = (folder: string): readonly string[] =>
  [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? skipped.has(name) ? [] : filesBelow(`${folder}${name}/`)
      : /\.(ts|md|html)$/.test(name)
      ? [`${folder}${name}`]
      : []
  );

/** Lower-case words of a text: parts of names in every case style, and words of prose. */
const wordsOf = (text: string): Set<string> =>
  new Set(
    (text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase()),
  );

/** The banned words and phrases of a text, with the standard term. */
const foundIn = (path: string, text: string): readonly string[] => {
  const here = wordsOf(`${path}\n${text.replace(/<\/?picture\b/g, "")}`),
    prose = text.replace(/\s+(?:\*|\/\/)?\s*/g, " ").toLowerCase();
  return [
    ...words.filter(({ word }) => here.has(word)),
    ...phrases.filter(({ word }) => new RegExp(`\\b${word.replaceAll("-", " ")}\\b`).test(prose)),
  ].map(({ word, use }) => `${path}: "${word.replaceAll("-", " ")}", use: ${use}`);
};

const test = suite("banned words");

test("a banned word is found whole, in names of every case style, in comments and across lines", () => {
  const found = (text: string): number => foundIn("a.ts", text).length;
  for (
    const text of ["// a rival", "const openRivals = 1;", "RIVAL_ROWS", "open_rivals", '"no picture here"']
  ) {
    assert.is(found(text), 1, text);
  }
  assert.is(found("/**\n * a file that lies\n * in a folder\n */"), 1);
  assert.is(foundIn("core/rival_entries.ts", "").length, 1);
  for (const text of ["arrival, commend, picturesque", "const derived = 1;", "at least one"]) {
    assert.is(found(text), 0, text);
  }
});

test("no file has a banned word", () => {
  const paths = filesBelow("").filter((path) => !exceptions.some(([pattern]) => pattern.test(path)));
  assert.ok(paths.length > 1000, "the tree is read");
  assert.equal(paths.flatMap((path) => foundIn(path, Deno.readTextFileSync(new URL(path, root)))), []);
});

test("every exception is a file", () => {
  const paths = filesBelow("");
  assert.equal(exceptions.filter(([pattern]) => !paths.some((path) => pattern.test(path))), []);
});

test.run();
