/**
 * Words of captions as coco-caption makes them: Stanford's PTBTokenizer (CoreNLP 3.4.1, `-preserveLines -lowerCase`),
 * then a list of punctuation taken out. Written from the tokenizer's published rules and held to the examples of its own
 * tests: of all rules the one that matches most, with what it looks ahead at, wins; of several the first. Text is cut
 * as it is written and made lower-case afterwards. Left out: rules for oaths, telephone numbers, and the end of a
 * sentence behind a single letter.
 */
import { abbreviations, americanized, capitalAbbreviations, numbered, titles } from "./ptb_words.ts";

/** What coco-caption removes. Brackets stay: the list has `-LRB-`, but tokens are lower-case by then. */
const dropped: ReadonlySet<string> = new Set(
  "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split(" "),
);

const brackets: Readonly<Record<string, string>> = {
  "(": "-LRB-",
  ")": "-RRB-",
  "[": "-LSB-",
  "]": "-RSB-",
  "{": "-LCB-",
  "}": "-RCB-",
};
const bracketed = (text: string): string => text.replace(/[()[\]{}]/g, (c) => brackets[c]!);
const escaped = (text: string): string => text.replace(/\\?([/*])/g, "\\$1").replaceAll(" ", "\u00a0");
const unhyphened = (text: string): string => text === "\u00ad" ? "-" : text.replaceAll("\u00ad", "");
const quoted = (text: string): string => text.replace(/[\u0092\u2018\u2019\u00b4]/g, "'");

/** A rule: what it cuts off and what must follow, what it makes of that, given the text behind it. */
interface Rule {
  readonly pattern: RegExp;
  readonly make: (text: string, behind: string) => readonly string[];
}

const rule = (
  body: string,
  make: Rule["make"] = (text) => [text],
  ahead = "",
  flags = "iuy",
): Rule => ({ pattern: new RegExp(`(?:${body})${ahead === "" ? "" : `(?=(${ahead}))`}`, flags), make });

const LETTER = String.raw`[\p{L}\p{M}\u00ad]`, DIGIT = String.raw`\p{Nd}`;
const ALNUM = String.raw`[\p{L}\p{M}\p{Nd}]`, APOS = String.raw`['\u0092\u2019\u00b4]`;
const APOSETC = "['\\u0092\\u2019\\u00b4`\\u2018\\u201b]";
const WORD = `${LETTER}(?:${LETTER}|${DIGIT})*(?:[.!?]${LETTER}(?:${LETTER}|${DIGIT})*)*`;
const REDAUX = `${APOSETC}(?:[msd]|re|ve|ll)`;
const NUM = `(?:${DIGIT}*(?:[.,]${DIGIT}+)+|${DIGIT}+(?:[.:,\\u00ad]${DIGIT}+)*)`;
const THING = `(?:[dol]${APOSETC}${ALNUM})?${ALNUM}+(?:-(?:[dol]${APOSETC}${ALNUM})?${ALNUM}+)*`;
const PART = `[a-z0-9]+(?:-[a-z]+){0,2}`;
const LIKELY = String.raw`[^\s"\x60<>|.!?,:/$()[\]{}]`;
const point = (names: readonly string[]): string => `(?:${names.join("|")})\\.`;

/** Whether a sentence ends here: the text ends, or spaces and a capital or a tag follow. */
const ends = (behind: string): boolean => behind.trim() === "" || /^\s+(?:\s|\p{Lu}|<)/u.test(behind);
const abbreviated: Rule["make"] = (text, behind) => ends(behind) ? [text, "."] : [text];
const spelt: Rule["make"] = (text) => [americanized(unhyphened(text))];
const cut = (at: number): Rule["make"] => (text) => [text.slice(0, at), text.slice(at)];

const currency: Readonly<Record<string, string>> = { "¢": "cents", "£": "#", "€": "$", "¥": "$", "¤": "$" };
const fractions: Readonly<Record<string, string>> = {
  "¼": "1\\/4",
  "½": "1\\/2",
  "¾": "3\\/4",
  "⅓": "1\\/3",
  "⅔": "2\\/3",
};

const NOT_LETTER = String.raw`$|[^\p{L}\p{M}]`;

// in the order in which ties are decided
const rules: readonly Rule[] = [
  rule("'twas", cut(2)),
  rule("cannot", cut(3)),
  rule(`${APOS}tis|gonna|wanna`, (text) => cut(text.length - 2)(text, ""), NOT_LETTER),
  rule("gotta|lemme|gimme", cut(3), NOT_LETTER),
  rule(
    String
      .raw`<(?:[!?][^<>]*|/?[a-z][a-z0-9:.-]*(?:\s+[a-z][\w:.-]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*/?)>`,
    (text) => [text.replaceAll(/[ \r\n]/g, "\u00a0")],
  ),
  rule("&amp;", () => ["&"]),
  rule(`[\\p{L}\\p{M}\\u00ad]*[a-mo-z]\\u00ad*`, (text) => [unhyphened(text)], `n${APOSETC}t`),
  rule(WORD, spelt, REDAUX),
  rule(WORD, spelt),
  rule(
    `${APOS}n${APOS}?|[ldj]${APOS}|(?:dunkin|somethin|ol)${APOS}|${APOS}(?:em|till?|cause|[2-9]0s)|` +
      `[a-hj-xz]${APOSETC}\\p{L}{2,}|\\p{L}+[aeiouy]${APOSETC}\\p{L}+|cont${APOS}d\\.?|nor${APOS}easter|c${APOS}mon|` +
      `e${APOS}er|s${APOS}mores|ev${APOS}ry|li${APOS}l|nat${APOS}l`,
    (text) => [quoted(text)],
  ),
  rule(`y${APOS}`, (text) => [quoted(text)], "\\p{L}"),
  rule(String.raw`(?:https?|ftp)://[^\s<>|()]+[^\s<>|.!?(),{}-]`, (text) => [escaped(text)]),
  rule(
    String
      .raw`(?:www\.(?:${LIKELY}+\.)+[a-z]{2,4}|(?:${LIKELY}+\.)+(?:com|net|org|edu))(?:/[^\s<>|()]+[^\s<>|.!?(),-])?`,
    (text) => [escaped(text)],
    NOT_LETTER,
  ),
  rule(String.raw`[a-z0-9][^\s"<>|()\u00a0]*@(?:[^\s"<>|().\u00a0]+\.)*[^\s"<>|().\u00a0]+`),
  rule("[@#][a-z_][a-z_0-9]*"),
  rule(REDAUX, (text) => [quoted(text)], String.raw`$|[^a-z]`),
  rule(`n${APOSETC}t`, (text) => [quoted(text)], String.raw`$|[^a-z]`),
  rule(String.raw`${DIGIT}{1,2}[-/]${DIGIT}{1,2}[-/]${DIGIT}{2,4}`, (text) => [escaped(text)]),
  rule(`[-+]?${NUM}`, (text) => [unhyphened(text)]),
  rule(String.raw`(?:${DIGIT}{1,4}[- \u00a0])?${DIGIT}{1,4}\\?/${DIGIT}{1,4}`, (text) => [escaped(text)]),
  rule("[¼½¾⅓⅔]", (text) => [fractions[text]!]),
  rule(String.raw`-(?:RRB|LRB|RCB|LCB|RSB|LSB)-|C\.D\.s|pro-|anti-|S&P-500`),
  rule(`${APOS}[0-9]{2}`, (text) => [quoted(text)]),
  rule(String.raw`(?:yahoo|jeopardy|e)!`),
  rule(point(numbered), undefined, String.raw`\s?${DIGIT}`),
  rule(String.raw`(?:pt[ey]|co)\.`, undefined, "[ \\u00a0](?:ltd|lim)"),
  rule(point(abbreviations), abbreviated),
  rule(point(capitalAbbreviations), abbreviated, "", "uy"),
  rule(point([...titles, String.raw`\p{L}(?:\.\p{L})*`])),
  rule(THING, (text) => [quoted(unhyphened(text))]),
  rule(String.raw`${PART}(?:\\?/${PART}){1,2}`, (text) => [escaped(text)]),
  rule("[a-z]+(?:(?:[+&]|&amp;)[a-z]+)+", (text) => [text.replaceAll("&amp;", "&")]),
  rule(
    String.raw`[a-z0-9][a-z0-9.,\u00ad]*(?:-(?:[a-z0-9\u00ad]+|[a-z](?:\.[a-z])+\.))+`,
    (text) => [unhyphened(text)],
  ),
  rule(String.raw`[<>]?[:;=][-o*']?[()DP{@|[\]]`, (text) => [bracketed(text)], "$|[^a-z]"),
  rule(
    String
      .raw`[\^x=~<>]\.[\^x=~<>]|[-\^x=~<>']_[-\^x=~<>']|\([-\^x=~<>'][_.]?[-\^x=~<>']\)|\([\^x=~<>']-[\^x=~<>']\)`,
    (text) => [bracketed(text)],
  ),
  rule(String.raw`[A-Z]*\$|#`, undefined, "", "uy"),
  rule("[¢£€¥¤]", (text) => [currency[text]!]),
  rule(String.raw`\.{3}|\.(?:[ \u00a0]\.){2}|\u2026`, () => ["..."]),
  rule("[\\u2013\\u2014\\u2015]|&mdash;", () => ["--"]),
  rule(
    "[-\\u2010-\\u2012]+",
    (text) => [text.length > 2 && text.length < 5 ? "--" : text.replaceAll(/[\u2010-\u2012]/g, "-")],
  ),
  rule("[?!]+"),
  rule(
    "\"|''|&quot;|[\\u201c\\u201d]",
    (text, behind) => [text === "\u201c" || (text !== "\u201d" && /^[a-z0-9$]/i.test(behind)) ? "``" : "''"],
  ),
  rule("``|`|'"),
  rule("[\\u2018\\u201b]", () => ["`"]),
  rule("[\\u2019\\u0092\\u00b4]", () => ["'"]),
  rule("[()[\\]{}]", (text) => [bracketed(text)]),
  rule("\\*+", (text) => [text.replaceAll("*", "\\*")]),
  rule("/", () => ["\\/"]),
  rule("&lt;", () => ["<"]),
  rule("&gt;", () => [">"]),
  rule("@+|_+"),
  rule("[^\\s\\p{Cc}]"),
];

interface Match {
  readonly rule: Rule;
  readonly text: string;
  readonly reach: number;
}

const longest = (text: string, at: number): Match | undefined => {
  let best: Match | undefined;
  for (const one of rules) {
    one.pattern.lastIndex = at;
    const found = one.pattern.exec(text);
    if (found === null || found[0] === "") continue;
    const reach = found[0].length + (found[1]?.length ?? 0);
    if (best === undefined || reach > best.reach) best = { rule: one, text: found[0], reach };
  }
  return best;
};

// A word of plain letters before a space is what the rule of words says, as no other reaches farther: most of a caption.
const plain = /[a-zA-Z]+(?=\s|$)/y;
const two: ReadonlySet<string> = new Set(["cannot", "gonna", "wanna", "gotta", "lemme", "gimme"]);

/** All tokens of a text, punctuation included, lower-case. Characters beyond the basic plane are left out. */
export const ptbTokens = (given: string): readonly string[] => {
  const text = given.replace(/[\u{10000}-\u{10ffff}]/gu, " "), out: string[] = [];
  for (let at = 0; at < text.length;) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    plain.lastIndex = at;
    const word = plain.exec(text)?.[0];
    if (word !== undefined && !two.has(word.toLowerCase())) {
      at += word.length;
      out.push(americanized(word));
      continue;
    }
    const found = longest(text, at);
    if (found === undefined) {
      at++;
      continue;
    }
    at += found.text.length;
    out.push(...found.rule.make(found.text, text.slice(at)));
  }
  return out.map((token) => token.toLowerCase()).filter((token) => token !== "");
};

/** The tokens of a caption that scores compare. */
export const captionTokens = (text: string): readonly string[] =>
  ptbTokens(text).filter((token) => !dropped.has(token));
