/** BLEU, ROUGE-L and CIDEr-D as coco-caption computes them, and the words that they see. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bleu } from "../../pipelines/eval/bleu.ts";
import { captionCredit, scoreCaptions, tokenized } from "../../pipelines/eval/caption.ts";
import { ciderD } from "../../pipelines/eval/cider.ts";
import { captionTokens, ptbTokens } from "../../pipelines/eval/ptb.ts";
import type { Answered, CaptionRecord } from "../../pipelines/records/records.ts";
import { commonLength, rougeL } from "../../pipelines/eval/rouge.ts";
import { property } from "../support/property.ts";
import { close } from "./support.ts";
import { left, right } from "../support/either.ts";

const captions = suite("captions");

const item = (answer: string, references: readonly string[], id = answer): Answered<CaptionRecord> => ({
  record: { kind: "caption", id, question: "", references },
  answer,
});

// The numbers below are those of coco-caption's bleu_scorer.py, rouge.py and cider_scorer.py on these words.
const five = [
  item("a man riding a horse on the beach", [
    "a man rides a horse on a beach",
    "a person on a horse near the sea",
    "man riding a brown horse on the beach at sunset",
  ]),
  item("two dogs play", [
    "two dogs are playing with a red ball in the grass",
    "a couple of dogs play in a field",
  ]),
  item("a bowl of fruit and a bowl of soup and a bowl of rice on a table", [
    "a table with three bowls of food",
    "a bowl of soup and a bowl of rice",
  ]),
  item("", ["a cat sleeps", "the cat is asleep on a sofa"]),
  item("the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
];

captions("BLEU of a corpus, against the official scorer", () => {
  const want = [0.6752031388549857, 0.6385615440668769, 0.5599482003158894, 0.49016472035879793];
  bleu(five.map(tokenized)).forEach((got, k) => close(got, want[k]!, 1e-14));
});

captions("ROUGE-L of captions, against the official scorer", () => {
  const want = [0.7966417910447762, 0.3360881542699724, 0.732977303070761, 0, 0.3860759493670886];
  five.map(tokenized).map(rougeL).forEach((got, i) => close(got, want[i]!, 1e-14));
});

captions("CIDEr-D of captions, against the official scorer", () => {
  const want = [3.0651985414964016, 0.998453456973891, 1.3620070833354676, 0, 0.1443076595224126];
  ciderD(five.map(tokenized)).forEach((got, i) => close(got, want[i]!, 1e-13));
});

captions("the report has all of them", () => {
  const { n, main, values } = right(scoreCaptions(five));
  assert.is(n, 5);
  assert.is(main, "CIDEr");
  close(values["CIDEr"], 1.1139933482656343, 1e-13);
  close(values["Bleu_4"], 0.49016472035879793, 1e-14);
  close(values["ROUGE_L"], 0.4503566395505196, 1e-14);
});

captions("BLEU by hand: clipping, and the nearest reference's length, the shorter of two", () => {
  // Papineni et al.: "the" seven times against two references that have it at most twice: 2/7.
  const [one] = bleu([tokenized(item("the the the the the the the", [
    "the cat is on the mat",
    "there is a cat on the mat",
  ]))]);
  close(one, 2 / 7, 1e-9);
  // Five words; references of four and six are as near: four, so no brevity penalty.
  const [even] = bleu([tokenized(item("a b c d e", ["a b c d", "a b c d e f"]))]);
  close(even, 1, 1e-8);
  // One word of a reference of three: exp(1 - 3).
  const [short] = bleu([tokenized(item("a", ["a b c"]))]);
  close(short, Math.exp(-2), 1e-7);
});

const words = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 7 });
const slow = (a: readonly string[], b: readonly string[]): number =>
  a.length === 0 || b.length === 0
    ? 0
    : a[0] === b[0]
    ? 1 + slow(a.slice(1), b.slice(1))
    : Math.max(slow(a.slice(1), b), slow(a, b.slice(1)));

property(
  captions,
  "the longest common subsequence is that of the definition",
  [words, words],
  (a, b) => assert.is(commonLength(a, b), slow(a, b)),
);

const noun = fc.constantFrom("cat", "dog", "horse", "tree", "boat", "lamp", "kite", "house");
const sentence = fc.array(noun, { minLength: 4, maxLength: 8 }).map((w) => w.join(" "));
const corpus = fc.uniqueArray(sentence, { minLength: 2, maxLength: 6 });

property(captions, "perfect captions score the maximum", [corpus], (texts) => {
  const { values } = right(scoreCaptions(texts.map((text) => item(text, [text]))));
  for (const name of ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]) close(values[name], 1, 1e-6);
  close(values["ROUGE_L"], 1);
});

captions("perfect captions that share no words have the largest CIDEr", () => {
  const apart = ["a red cat sits here", "two big dogs run fast", "that old boat sank today"];
  close(right(scoreCaptions(apart.map((text) => item(text, [text])))).values["CIDEr"], 10);
});

property(captions, "case and punctuation do not count, words and their order do", [corpus], (texts) => {
  const score = (change: (text: string) => string) =>
    right(scoreCaptions(texts.map((text, i) => item(change(text), [text], String(i))))).values;
  const plain = score((text) => text);
  assert.equal(score((text) => `${text.toUpperCase()} !`), plain);
  assert.equal(score((text) => `"${text.replaceAll(" ", ", ")}."`), plain);
  const more = score((text) => `${text} zebra`);
  assert.ok(more["Bleu_4"]! < plain["Bleu_4"]! && more["ROUGE_L"]! < plain["ROUGE_L"]!);
});

captions("the order of words counts", () => {
  assert.ok(captionCredit(item("", ["a b c"]).record, "c b a") < 1);
});

captions("references count for CIDEr-D: a word of every image weighs nothing", () => {
  const [first] = ciderD([item("cat", ["cat"]), item("cat", ["cat"])].map(tokenized));
  assert.is(first, 0);
  assert.equal(ciderD([tokenized(item("a cat", ["a cat"]))]), [0]);
});

captions("images without references are refused by id, and give no credit", () => {
  const error = left(scoreCaptions([...five, item("a", [], "x7")]));
  assert.is(error._tag, "EvalError");
  assert.equal(error.ids, ["x7"]);
  assert.is(captionCredit(item("a", []).record, "a"), 0);
});

captions("tokens are those of the Penn treebank, without the punctuation of the list", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["A man's t-shirt, isn't red!", ["a", "man", "'s", "t-shirt", "is", "n't", "red"]],
    ["They're 1,000 ft. from 3.5 U.S. dogs.", ["they", "'re", "1,000", "ft.", "from", "3.5", "u.s.", "dogs"]],
    ['He said "hi" -- and left...', ["he", "said", "hi", "and", "left"]],
    ["a cat (black) & a dog; 50% off", [
      "a",
      "cat",
      "-lrb-",
      "black",
      "-rrb-",
      "&",
      "a",
      "dog",
      "50",
      "%",
      "off",
    ]],
    ["You cannot; we wanna go", ["you", "can", "not", "we", "wan", "na", "go"]],
    ["it’s “fine”", ["it", "'s", "fine"]],
    ["a 3-year-old at 10:30", ["a", "3-year-old", "at", "10:30"]],
    ["   ", []],
  ];
  for (const [text, want] of cases) assert.equal(captionTokens(text), want, text);
});

captions("tokens keep to the rules of CoreNLP 3.4.1, each shown by its own tests", () => {
  const cases: readonly (readonly [string, string])[] = [
    // points, abbreviations, and a point more at the end of a sentence
    [
      "Made by Acme Corp. in Reno,Nev., not by Best Pty. Ltd. of Oz.",
      "made by acme corp. in reno , nev. , not by best pty. ltd. of oz .",
    ],
    ["They work for Acme Corp.", "they work for acme corp. ."],
    ["Signs of Acme Co. Ltd. The rest is new.", "signs of acme co. ltd. . the rest is new ."],
    [
      "No. It is No. 7, no.8 or fig. 9; ca. 1920 – ca. 1930",
      "no . it is no. 7 , no. 8 or fig. 9 ; ca. 1920 -- ca. 1930",
    ],
    ["the U.S flag, a U.S. flag, a B. A. or Ph.D", "the u.s flag , a u.s. flag , a b. a. or ph.d"],
    ["a dog.The cat", "a dog.the cat"],
    ["wait.... and wait . . . . then see…", "wait ... . and wait ... . then see ..."],
    // words
    [
      "Gimme that, they gotta go; I cannot, 'tis late",
      "gim me that , they got ta go ; i can not , 't is late",
    ],
    ["He doesn’t, can't, won't and I'd've", "he does n't , ca n't , wo n't and i 'd 've"],
    [
      "rock 'n' roll at five o'clock with the kids' dogs",
      "rock 'n' roll at five o'clock with the kids ' dogs",
    ],
    [
      "a grey theatre in the centre, colourful, with neighbours",
      "a gray theater in the center , colorful , with neighbors",
    ],
    ["the contour of travelled programmes", "the contour of traveled programs"],
    ["Grey walls", "grey walls"],
    // hyphens, slashes, stars
    [
      "a well-known, 3.5-inch, 1,000-foot, 20%-filled thing",
      "a well-known , 3.5-inch , 1,000-foot , 20 % - filled thing",
    ],
    [
      "a black/white and 1/2 or ½ of a cat/dog/bird",
      "a black\\/white and 1\\/2 or 1\\/2 of a cat\\/dog\\/bird",
    ],
    ["soft\u00adly \u00ad so", "softly - so"],
    ["stop --- no ----- yes", "stop -- no ----- yes"],
    // numbers, money, units
    [
      "at 6:15pm it weighs 12kg and costs US$3,000 or only$4.50",
      "at 6:15 pm it weighs 12kg and costs us$ 3,000 or only $ 4.50",
    ],
    ["£5, €6 and 7¢ on 12/25/2014", "# 5 , $ 6 and 7 cents on 12\\/25\\/2014"],
    // marks
    ['"Go," she said (to me).\n"What?!', "`` go , '' she said -lrb- to me -rrb- . `` what ?!"],
    [
      "black & white, R&B; a happy man :) and (x.x)!",
      "black & white , r&b ; a happy man :-rrb- and -lrb-x.x-rrb- !",
    ],
    ["<b>bold</b> p <q 3) at www.example.com.", "<b> bold </b> p < q 3 -rrb- at www.example.com ."],
    ["a cat 😀 [seen] {here}", "a cat -lsb- seen -rsb- -lcb- here -rcb-"],
  ];
  for (const [text, want] of cases) assert.is(ptbTokens(text).join(" "), want, text);
});

property(captions, "tokens of tokens are the same, for words", [sentence], (text) => {
  assert.equal(ptbTokens(ptbTokens(text).join(" ")), ptbTokens(text));
});

property(
  captions,
  "tokens are not empty and hold no space",
  [fc.string({ unit: "grapheme" })],
  (text) => {
    for (const token of captionTokens(text)) {
      assert.ok(token !== "" && !/\s/.test(token), JSON.stringify(token));
    }
  },
);

captions.run();
