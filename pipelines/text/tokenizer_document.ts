/** The document of a tokenizer.json: its shape, and what its parts must agree in before any library reads it. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, DecodeError } from "../base/bridge.ts";
import { explosive } from "./pattern.ts";

/** One more than the largest token id: no published vocabulary has a sixteenth of it. */
const MAX_IDS = 2 ** 24;

/** Deepest nesting of stages in stages. */
const MAX_DEPTH = 16;

const id = t.refinement(
  t.number,
  (n) => Number.isInteger(n) && n >= 0 && n < MAX_IDS,
  `a token id from 0 to ${MAX_IDS - 1}`,
);
const nullable = <A>(codec: t.Type<A, A, unknown>) => t.union([codec, t.null, t.undefined]);
const merges = t.array(
  t.union([t.string, t.tuple([t.string, t.string])]),
  'merges such as "a b" or ["a", "b"]',
);
const score = t.refinement(t.number, Number.isFinite, "a finite score");
const models = t.union([
  t.type({
    type: t.literal("BPE"),
    vocab: t.record(t.string, id),
    merges,
    dropout: nullable(t.number),
    unk_token: nullable(t.string),
    continuing_subword_prefix: nullable(t.string),
    end_of_word_suffix: nullable(t.string),
    fuse_unk: nullable(t.boolean),
    byte_fallback: nullable(t.boolean),
    ignore_merges: nullable(t.boolean),
  }),
  t.type({
    type: t.literal("Unigram"),
    vocab: t.array(t.tuple([t.string, score])),
    unk_id: nullable(id),
    byte_fallback: nullable(t.boolean),
  }),
  t.type({
    type: t.literal("WordPiece"),
    vocab: t.record(t.string, id),
    unk_token: t.string,
    continuing_subword_prefix: nullable(t.string),
    max_input_chars_per_word: nullable(t.number),
  }),
  t.type({ type: t.literal("WordLevel"), vocab: t.record(t.string, id), unk_token: t.string }),
], "a model of type BPE, Unigram, WordPiece or WordLevel");
const stage = nullable(t.type({ type: t.string }));
const addedToken = t.type({
  id,
  content: t.string,
  special: t.boolean,
  single_word: nullable(t.boolean),
  lstrip: nullable(t.boolean),
  rstrip: nullable(t.boolean),
  normalized: nullable(t.boolean),
});
const documentType = t.type({
  truncation: t.unknown,
  padding: t.unknown,
  added_tokens: nullable(t.array(addedToken)),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
  model: models,
});

/** A checked tokenizer.json. */
export type TokenizerDocument = t.TypeOf<typeof documentType>;

/** A token that is cut out of texts before anything else. */
export type AddedToken = t.TypeOf<typeof addedToken>;

/** A normalizer, pre-tokenizer or decoder: its type, and fields that depend on it. */
export interface Stage {
  /** Kind of the stage. */
  readonly type: string;
  /** Its settings. */
  readonly [field: string]: unknown;
}

/** Makes the error of a document that cannot be used. */
export const refuseDocument = (
  op: string,
  got: string,
  expected: string,
  hint = "take the tokenizer.json that belongs to the model, unchanged",
): DecodeError => new DecodeError({ op, got, expected, hint, refusals: [] });

/** The stages in a stage, itself first; stages below the largest depth are left out. */
export const stagesIn = (of: unknown, depth = 0): readonly Stage[] => {
  if (typeof of !== "object" || of === null || !("type" in of) || depth > MAX_DEPTH) return [];
  const { normalizers, pretokenizers, processors, decoders } = of as Readonly<Record<string, unknown>>;
  const inner = [normalizers, pretokenizers, processors, decoders].find(Array.isArray) ?? [];
  return [of as Stage, ...inner.flatMap((one) => stagesIn(one, depth + 1))];
};

const tooDeep = (of: unknown, depth = 0): boolean => {
  if (typeof of !== "object" || of === null) return false;
  return depth > 3 * MAX_DEPTH || Object.values(of).some((one) => tooDeep(one, depth + 1));
};

/** The tokens of the model with their ids. */
const modelTokens = ({ model }: TokenizerDocument): ReadonlyMap<string, number> =>
  new Map(
    model.type === "Unigram"
      ? model.vocab.map(([piece], i) => [piece, i] as const)
      : Object.entries(model.vocab),
  );

/** All tokens with their ids; added tokens that the model has too are one token. */
export const tokenIds = (document: TokenizerDocument): ReadonlyMap<string, number> =>
  new Map([
    ...modelTokens(document),
    ...(document.added_tokens ?? []).map((a) => [a.content, a.id] as const),
  ]);

type Fault = readonly [got: string, expected: string];

const quoted = (text: string): string => JSON.stringify(text);

const duplicate = (ids: Iterable<readonly [string, number]>): Fault | undefined => {
  const known = new Map<number, string>();
  for (const [token, number] of ids) {
    const other = known.get(number);
    if (other !== undefined && other !== token) {
      return [`number ${number} for ${quoted(other)} and ${quoted(token)}`, "one token to a number"];
    }
    known.set(number, token);
  }
  return undefined;
};

/**
 * Hugging Face's library (github.com/huggingface/tokenizers, `AddedVocabulary::add_tokens`) does not read the ids of added
 * tokens: it gives each that of the model, or the next free one.
 */
const addedFault = (document: TokenizerDocument): Fault | undefined => {
  const known = modelTokens(document), contents = new Set<string>();
  let most = -1;
  for (const { content, id } of document.added_tokens ?? []) {
    if (content === "") return ["an added token without text", "tokens that can be found in a text"];
    if (contents.has(content)) return [`the added token ${quoted(content)} twice`, "every added token once"];
    contents.add(content);
    const own = known.get(content);
    if (own !== undefined && own !== id) {
      return [
        `${quoted(content)} as ${own} in the vocabulary and as ${id} among added tokens`,
        "one id to a token",
      ];
    }
    const next = most >= known.size ? most + 1 : known.size;
    if (own === undefined && id !== next) {
      return [
        `id ${id} for the added token ${quoted(content)}`,
        `${next}, the next id by the order of the file`,
      ];
    }
    most = Math.max(most, id);
  }
  return undefined;
};

/** Ids that no token has. */
const holeFault = (ids: ReadonlyMap<string, number>): Fault | undefined => {
  const used = new Set(ids.values());
  for (let i = 0; i < used.size; i++) {
    if (!used.has(i)) {
      const most = [...used].reduce((a, b) => Math.max(a, b), 0);
      return [
        `no token for id ${i}, of ids up to ${most}`,
        `the ids 0 to ${used.size - 1} for ${used.size} tokens`,
      ];
    }
  }
  return undefined;
};

const BYTES: readonly string[] = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`,
);

/** The 256 characters that byte-level encodings write bytes with (GPT-2's `bytes_to_unicode`). */
export const byteLetters: readonly string[] = ((): readonly string[] => {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let others = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : 256 + others++));
})();

/** Whether every byte has a token of its own, so that no character needs the unknown token. */
export const hasAllBytes = (document: TokenizerDocument): boolean => {
  const known = modelTokens(document), { model } = document;
  return model.type !== "WordPiece" && model.type !== "WordLevel" && model.byte_fallback === true &&
    BYTES.every((byte) => known.has(byte));
};

const isByteLevel = (document: TokenizerDocument): boolean => {
  const known = modelTokens(document);
  return stagesIn(document.pre_tokenizer).some(({ type }) => type === "ByteLevel") &&
    byteLetters.every((letter) => known.has(letter));
};

const bpeFault = (document: TokenizerDocument): Fault | undefined => {
  const { model } = document;
  if (model.type !== "BPE") return undefined;
  const has = (piece: string): boolean => Object.hasOwn(model.vocab, piece);
  const prefix = model.continuing_subword_prefix ?? "";
  for (const merge of model.merges) {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    const [a = "", b = ""] = pair;
    if (pair.length !== 2 || !has(a) || !has(b)) {
      return [
        `the merge ${quoted(typeof merge === "string" ? merge : merge.join(" "))}`,
        "two pieces of the vocabulary",
      ];
    }
    if (!b.startsWith(prefix)) {
      return [`the merge of ${quoted(b)}`, `a second piece that begins with ${quoted(prefix)}`];
    }
    const whole = a + b.slice(prefix.length);
    if (!has(whole)) return [`a merge to ${quoted(whole)}`, "a token for what it gives"];
  }
  if (model.dropout != null && model.dropout !== 0) {
    return [`dropout ${model.dropout}`, "none, since equal texts have equal ids"];
  }
  const unk = model.unk_token ?? undefined;
  if (unk !== undefined && !has(unk)) return [`no token ${unk}`, "the unknown token in the vocabulary"];
  return unk === undefined && !isByteLevel(document) && !hasAllBytes(document)
    ? [
      "no unk_token, and characters without a token, which would vanish",
      "an unk_token, or a token for every byte",
    ]
    : undefined;
};

const modelFault = (document: TokenizerDocument): Fault | undefined => {
  const { model } = document;
  switch (model.type) {
    case "BPE":
      return bpeFault(document);
    case "Unigram": {
      const pieces = new Set(model.vocab.map(([piece]) => piece));
      if (pieces.size < model.vocab.length) return ["a piece twice in the vocabulary", "every piece once"];
      if (model.unk_id == null && !hasAllBytes(document)) return ["no unk_id", "the id of the unknown token"];
      return model.unk_id != null && model.unk_id >= model.vocab.length
        ? [`unk_id ${model.unk_id}`, `an id below ${model.vocab.length}`]
        : undefined;
    }
    default: {
      const most = "max_input_chars_per_word" in model ? model.max_input_chars_per_word : undefined;
      if (most != null && !(Number.isInteger(most) && most > 0)) {
        return [`max_input_chars_per_word ${most}`, "an integer above 0"];
      }
      return Object.hasOwn(model.vocab, model.unk_token)
        ? undefined
        : [`no token ${model.unk_token}`, "the unknown token in the vocabulary"];
    }
  }
};

const stageFault = (document: TokenizerDocument): Fault | undefined => {
  const { normalizer, pre_tokenizer, decoder } = document;
  if ([normalizer, pre_tokenizer, decoder].some((one) => tooDeep(one))) {
    return ["stages in stages in stages", `at most ${MAX_DEPTH} levels`];
  }
  for (const stage of [normalizer, pre_tokenizer, decoder].flatMap((one) => stagesIn(one))) {
    const { type, pattern, length } = stage;
    if (type === "FixedLength" && !(Number.isInteger(length) && (length as number) > 0)) {
      return [`FixedLength of ${JSON.stringify(length)}`, "an integer above 0"];
    }
    const regex = typeof pattern === "object" && pattern !== null && "Regex" in pattern
      ? pattern.Regex
      : undefined;
    if (typeof regex !== "string") continue;
    const reason = explosive(regex);
    if (reason !== undefined) {
      return [
        `the pattern ${regex.length > 200 ? `${regex.slice(0, 200)}…` : regex} of ${type}: ${reason}`,
        "a pattern whose time grows with the length of a text",
      ];
    }
  }
  return undefined;
};

/** Ids and stages that are settings of one call in transformers, and of the file in the library below it. */
const callFault = ({ truncation, padding }: TokenizerDocument): Fault | undefined =>
  truncation != null
    ? [
      `truncation ${JSON.stringify(truncation)}`,
      "none, since rows have a length of their own: set it to null",
    ]
    : padding != null
    ? [`padding ${JSON.stringify(padding)}`, "none, since rows have a length of their own: set it to null"]
    : undefined;

const consistent =
  (op: string) => (document: TokenizerDocument): E.Either<DecodeError, TokenizerDocument> => {
    const ids = tokenIds(document);
    const fault: Fault | undefined = ids.size === 0
      ? ["an empty vocabulary", "tokens"]
      : duplicate([...modelTokens(document), ...ids]) ?? addedFault(document) ?? holeFault(ids) ??
        modelFault(document) ?? callFault(document) ?? stageFault(document);
    return fault === undefined ? E.right(document) : E.left(refuseDocument(op, ...fault));
  };

/** A parsed tokenizer.json whose parts agree; the error names the first that does not. */
export const tokenizerDocument = (json: unknown, name: string): E.Either<DecodeError, TokenizerDocument> =>
  pipe(json, decodeEither(documentType, name), E.flatMap(consistent(name)));
