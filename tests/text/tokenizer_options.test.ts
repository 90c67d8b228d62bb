/** Any options of a tokenizer.json: the JavaScript tokenizer gives the ids of Hugging Face's library, or refuses by name. */
import * as Effect from "effect/Effect";
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { coderOf } from "../../pipelines/text/coder.ts";
import { openCoder } from "../../pipelines/text/native_coder.ts";
import { byteLetters } from "../../pipelines/text/tokenizer_document.ts";
import { property } from "../support/property.ts";

const test = suite("options of tokenizers");

const added = (flags: Readonly<Record<string, boolean>>, content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...flags,
});

const flag = fc.boolean();
const rarely = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
const pattern = fc.oneof(
  fc.constantFrom("a", " ", "▁", "co", "##").map((String) => ({ String })),
  fc.constantFrom(
    "\\s+",
    "\\p{L}+|\\p{N}+",
    "[^\\s\\p{L}]+",
    "\\d{1,3}",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "(?i:co)",
    ".",
    "\\w+|[^\\w\\s]+",
    "(?=[A-Z])",
    "^a",
    "a|b",
  ).map((Regex) => ({ Regex })),
);
const behavior = fc.constantFrom(
  "Isolated",
  "Removed",
  "Contiguous",
  "MergedWithPrevious",
  "MergedWithNext",
);

const preTokenizer: fc.Arbitrary<object | null> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 6,
    arbitrary: fc.oneof(
      fc.record({
        type: fc.constant("ByteLevel"),
        add_prefix_space: rarely,
        trim_offsets: flag,
        use_regex: flag,
      }),
      fc.record({ type: fc.constant("Split"), pattern, behavior, invert: rarely }),
      fc.record({
        type: fc.constantFrom("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"),
      }),
      fc.record({ type: fc.constant("Digits"), individual_digits: flag }),
      fc.record({ type: fc.constant("Punctuation"), behavior }),
      fc.record({ type: fc.constant("CharDelimiterSplit"), delimiter: fc.constantFrom("a", " ", "-") }),
      fc.record({ type: fc.constant("FixedLength"), length: fc.integer({ min: 1, max: 4 }) }),
      fc.record({
        type: fc.constant("Metaspace"),
        replacement: fc.constant("▁"),
        prepend_scheme: fc.constantFrom("always", "never", "first"),
        split: flag,
      }),
    ),
  },
);
const preTokenizers = fc.oneof(
  preTokenizer,
  fc.array(preTokenizer.filter((one) => one !== null), { minLength: 1, maxLength: 3 }).map((
    pretokenizers,
  ) => ({
    type: "Sequence",
    pretokenizers,
  })),
);

const normalizer: fc.Arbitrary<object | null> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ type: fc.constantFrom("NFC", "NFD", "NFKC", "NFKD", "Lowercase") }),
      },
      fc.constant({ type: "StripAccents" }),
      fc.record({ type: fc.constant("Strip"), strip_left: flag, strip_right: flag }),
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constant("Prepend"), prepend: fc.constantFrom("▁", "a") }),
      },
      fc.record({ type: fc.constant("Replace"), pattern, content: fc.constantFrom("▁", "", "$&", "ab") }),
      fc.record({
        type: fc.constant("BertNormalizer"),
        clean_text: flag,
        handle_chinese_chars: flag,
        strip_accents: fc.constantFrom(null, true, false),
        lowercase: flag,
      }),
    ),
  },
);
const normalizers = fc.oneof(
  normalizer,
  fc.array(normalizer.filter((one) => one !== null), { minLength: 1, maxLength: 3 }).map((normalizers) => ({
    type: "Sequence",
    normalizers,
  })),
);

const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
const letters = [..."▁ abcdeghiknoprstwABCSTéσςΣ0123456789.,!?'-_<>/#世ſ"];
const merges = [["c", "o"], ["co", "w"], ["a", "b"], ["t", "h"], ["th", "e"], ["▁", "a"], ["Ġ", "a"], [
  "Ġ",
  "co",
], [
  "1",
  "2",
], ["s", "s"]];

const vocabularyOf = (pieces: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(pieces)].map((piece, i) => [piece, i]));

const bpe = fc.record({
  dropout: fc.constant(null),
  unk_token: fc.constantFrom("<unk>", null),
  continuing_subword_prefix: fc.constant(null),
  end_of_word_suffix: fc.constantFrom(null, null, "</w>"),
  fuse_unk: rarely,
  byte_fallback: flag,
  ignore_merges: flag,
}).map((options) => options.byte_fallback ? options : { ...options, unk_token: "<unk>" }).map((options) => ({
  type: "BPE",
  ...options,
  vocab: vocabularyOf([
    "<unk>",
    ...(options.byte_fallback ? bytes : []),
    ...byteLetters,
    ...letters,
    ...merges.map((pair) => pair.join("")),
    ...["w", "s", "a", "e", "cow"].map((piece) => `${piece}</w>`),
    "cows",
  ]),
  merges,
}));

const wordPiece = fc.record({ max_input_chars_per_word: fc.constantFrom(4, 100) }).map((options) => ({
  type: "WordPiece",
  unk_token: "<unk>",
  continuing_subword_prefix: "##",
  ...options,
  vocab: vocabularyOf(["<unk>", ...letters, ...letters.map((c) => `##${c}`), "cow", "##co", "the", "##s"]),
}));

const others = fc.constantFrom(
  { type: "WordLevel", unk_token: "<unk>", vocab: vocabularyOf(["<unk>", "a", "cow", "the"]) },
  {
    type: "Unigram",
    unk_id: 0,
    byte_fallback: false,
    vocab: [["<unk>", 0], ["▁", -3], ["a", -2], ["cow", -2.5], ["c", -4], ["o", -4.1], ["w", -4.2]],
  },
);

const document = fc.record({
  model: fc.oneof({ weight: 6, arbitrary: bpe }, { weight: 2, arbitrary: wordPiece }, {
    weight: 1,
    arbitrary: others,
  }),
  normalizer: normalizers,
  pre_tokenizer: preTokenizers,
  tokens: fc.uniqueArray(
    fc.tuple(
      fc.constantFrom("<s>", "cow", "the", " x", "co"),
      fc.record({ single_word: rarely, lstrip: rarely, rstrip: rarely, normalized: rarely }),
    ),
    { selector: ([content]) => content, maxLength: 3 },
  ),
  post_processor: fc.constantFrom(null, { type: "ByteLevel", add_prefix_space: true, trim_offsets: true }),
}).map(({ model, tokens, ...stages }) => {
  const vocab: Record<string, number> = Array.isArray(model.vocab)
    ? Object.fromEntries((model.vocab as [string, number][]).map(([piece], i) => [piece, i]))
    : model.vocab as Record<string, number>;
  let most = -1;
  const size = Object.keys(vocab).length;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: tokens.map(([content, flags]) => {
      const id = vocab[content] ?? (most >= size ? most + 1 : size);
      most = Math.max(most, id);
      return added(flags, content, id);
    }),
    ...stages,
    decoder: null,
    model,
  };
});

const text = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom("cow", "the", "a", "s", "co", " ", " ", "  ", "<s>", " x", "12", "3"),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ..."\u0085\ufeff\u00a0\u3000\t\n\r.,!?'-_/ſKéΣßİ世界２½٣🐄\u0301\u200d_",
        "e\u0301",
        "ΟΣ ",
        "'S",
        "'ſ",
        "A",
        "▁",
        "👩‍👩‍👧",
        "aﬁ",
        "##",
      ),
    },
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

const counts = { equal: 0, refused: new Map<string, number>() };

property(
  test,
  "documents with any options",
  [document, fc.array(text, { minLength: 6, maxLength: 12 })],
  (json, texts) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const here = coderOf(json);
      if (E.isLeft(here)) {
        const option = here.left.got.replace(/".*"|\{.*/, "…");
        counts.refused.set(option, (counts.refused.get(option) ?? 0) + 1);
        return;
      }
      const native = yield* openCoder(json), wanted = native.encodeAll(texts);
      texts.forEach((one, i) =>
        assert.equal([...here.right.encode(one)], [...wanted[i]!], `${JSON.stringify(one)}`)
      );
      counts.equal++;
    }))),
  { runs: 400, counts: "documents" },
);

test("say how many were compared", () => {
  const refused = [...counts.refused].map(([option, n]) => `${option} ${n}`).join(", ");
  console.log(`\nfuzz tokenizer options: ${counts.equal} documents equal on all texts; refused: ${refused}`);
  assert.ok(counts.equal > 40, "most documents are compared");
});

test.run();
