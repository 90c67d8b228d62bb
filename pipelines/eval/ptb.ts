/**
 * Words of captions as coco-caption makes them: Stanford's PTBTokenizer (CoreNLP 3.4.1, `-lowerCase`), then a list of
 * punctuation taken out. Written from the tokenizer's documented rules for the text that captions have: words with
 * inner hyphens and points, numbers, contractions, abbreviations, brackets, quotation marks. Its rules for URLs, dates,
 * fractions and smileys are left out.
 */

/** What coco-caption removes. Brackets stay: the list has `-LRB-`, but tokens are lower-case by then. */
const dropped: ReadonlySet<string> = new Set([
  "''",
  "'",
  "``",
  "`",
  "-LRB-",
  "-RRB-",
  "-LCB-",
  "-RCB-",
  ".",
  "?",
  "!",
  ",",
  ":",
  "-",
  "--",
  "...",
  ";",
]);

const brackets: Readonly<Record<string, string>> = {
  "(": "-lrb-",
  ")": "-rrb-",
  "[": "-lsb-",
  "]": "-rsb-",
  "{": "-lcb-",
  "}": "-rcb-",
};

/** Words of two that are written as one. */
const joined: Readonly<Record<string, readonly [string, string]>> = {
  cannot: ["can", "not"],
  gonna: ["gon", "na"],
  gotta: ["got", "ta"],
  lemme: ["lem", "me"],
  gimme: ["gim", "me"],
  wanna: ["wan", "na"],
};

/** Abbreviations that keep their point. */
const abbreviations: ReadonlySet<string> = new Set(
  "mr mrs ms dr prof st jr sr vs etc co corp inc ltd ave blvd rd mt ft no gen gov sen rep lt col sgt capt e.g i.e u.s u.k a.m p.m"
    .split(" "),
);

const ending = /^(.+?)(n't|'(?:s|m|d|re|ve|ll))$/;

const word = (text: string): readonly string[] => {
  const pair = Object.hasOwn(joined, text) ? joined[text]! : undefined;
  if (pair !== undefined) return pair;
  const found = ending.exec(text);
  return found === null ? [text] : [...word(found[1]!), found[2]!];
};

const pattern = new RegExp(
  [
    String.raw`\.{3}`,
    String.raw`--+`,
    String.raw`\p{N}+(?:[.,:]\p{N}+)*(?:[\p{L}\p{M}]+)?(?:-[\p{L}\p{M}\p{N}]+)*`,
    String.raw`[\p{L}\p{M}](?:\.[\p{L}\p{M}])+(?!\p{L})\.?`,
    String.raw`[\p{L}\p{M}\p{N}_]+(?:['-][\p{L}\p{M}\p{N}_]+)*`,
    String.raw`'(?:s|m|d|re|ve|ll|em|til|cause)(?![\p{L}\p{N}])`,
    String.raw`''|` + "``",
    String.raw`\S`,
  ].join("|"),
  "gu",
);

const plain = (text: string): string =>
  text.toLowerCase().replace(/[\u2018\u2019\u00b4]/g, "'").replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2013\u2014]/g, "--").replace(/\u2026/g, "...");

/** All tokens of a text, punctuation included. */
export const ptbTokens = (text: string): readonly string[] => {
  const found = [...plain(text).matchAll(pattern)].map(([token]) => token);
  const out: string[] = [];
  for (const token of found) {
    if (token === "." && out.length > 0 && abbreviations.has(out.at(-1)!)) out.push(`${out.pop()!}.`);
    else if (token === '"') out.push("''");
    else if (Object.hasOwn(brackets, token)) out.push(brackets[token]!);
    else out.push(...word(token));
  }
  return out;
};

/** The tokens of a caption that scores compare. */
export const captionTokens = (text: string): readonly string[] =>
  ptbTokens(text).filter((token) => !dropped.has(token));
