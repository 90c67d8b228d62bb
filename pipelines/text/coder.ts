/**
 * Any tokenizer.json, through `@huggingface/tokenizers`: byte-level and SentencePiece-style byte-pair encodings,
 * Unigram, WordPiece. Where tokens begin and end in a text is not told (the library has no offsets).
 */
import { Tokenizer as Reader } from "@huggingface/tokenizers";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, DecodeError, fromEither, parseJson } from "../bridge.ts";
import { type DiskError, onDisk } from "../runs/disk.ts";

/** Texts to token numbers and back. */
export interface Coder {
  /** One more than the greatest token number: the rows of an embedding. */
  readonly size: number;
  /** Token numbers of a text. Special tokens that are spelt out in it become themselves; none are added. */
  readonly encode: (text: string) => readonly number[];
  /** The text of token numbers, special tokens spelt out or left out. */
  readonly decode: (ids: readonly number[], special?: "keep" | "drop") => string;
  /** The number of a token. */
  readonly idOf: (token: string) => number | undefined;
  /** Whether a number is that of a special token, which text cannot come near by accident. */
  readonly isSpecial: (id: number) => boolean;
}

const id = t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31, "a token number");
const merges = t.array(
  t.union([t.string, t.tuple([t.string, t.string])]),
  'merges such as "a b" or ["a", "b"]',
);
const models = t.union([
  t.type({ type: t.literal("BPE"), vocab: t.record(t.string, id), merges }),
  t.type({ type: t.literal("Unigram"), vocab: t.array(t.tuple([t.string, t.number])) }),
  t.type({ type: t.literal("WordPiece"), vocab: t.record(t.string, id), unk_token: t.string }),
], "a model of type BPE, Unigram or WordPiece");
const stage = t.union([t.null, t.undefined, t.type({ type: t.string })], "null or a stage with a type");
const documentType = t.type({
  added_tokens: t.union([t.undefined, t.array(t.type({ id, content: t.string, special: t.boolean }))]),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
  model: models,
});

type Document = t.TypeOf<typeof documentType>;

const refuse = (op: string, got: string, expected: string): E.Either<DecodeError, never> =>
  E.left(
    new DecodeError({
      op,
      got,
      expected,
      mend: "take the tokenizer.json that belongs to the model, unchanged",
      refusals: [],
    }),
  );

const vocabulary = ({ model, added_tokens = [] }: Document): readonly (readonly [string, number])[] => [
  ...(model.type === "Unigram"
    ? model.vocab.map(([piece], i) => [piece, i] as const)
    : Object.entries(model.vocab)),
  ...added_tokens.map((token) => [token.content, token.id] as const),
];

/** What the shape of a document cannot say: one token to a number, and pieces for every merge. */
const consistent = (op: string) => (document: Document): E.Either<DecodeError, Document> => {
  const known = new Map<number, string>(), { model } = document;
  for (const [token, number] of vocabulary(document)) {
    const other = known.get(number);
    if (other !== undefined && other !== token) {
      return refuse(
        op,
        `number ${number} for ${JSON.stringify(other)} and ${JSON.stringify(token)}`,
        "one token to a number",
      );
    }
    known.set(number, token);
  }
  if (known.size === 0) return refuse(op, "an empty vocabulary", "tokens");
  if (model.type === "WordPiece" && !(model.unk_token in model.vocab)) {
    return refuse(op, `no token ${model.unk_token}`, "the unknown token in the vocabulary");
  }
  if (model.type !== "BPE") return E.right(document);
  for (const merge of model.merges) {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    const lost = pair.length !== 2 ? String(merge) : pair.find((piece) => !(piece in model.vocab));
    if (lost !== undefined) {
      return refuse(op, `the merge ${JSON.stringify(merge)}`, "two pieces of the vocabulary");
    }
  }
  return E.right(document);
};

const built = (op: string) => (document: Document): E.Either<DecodeError, Coder> =>
  pipe(
    E.tryCatch(
      () => new Reader(document, { clean_up_tokenization_spaces: false }),
      (cause) =>
        new DecodeError({
          op,
          got: cause instanceof Error ? cause.message : String(cause),
          expected: "stages that @huggingface/tokenizers knows",
          mend: "take the tokenizer.json that belongs to the model, unchanged",
          refusals: [],
        }),
    ),
    E.map((reader) => {
      const special = new Set(
        (document.added_tokens ?? []).filter((token) => token.special).map((token) => token.id),
      );
      return {
        size: vocabulary(document).reduce((most, [, number]) => Math.max(most, number + 1), 0),
        encode: (text) => text === "" ? [] : reader.encode(text, { add_special_tokens: false }).ids,
        decode: (ids, how = "keep") =>
          ids.length === 0 ? "" : reader.decode([...ids], { skip_special_tokens: how === "drop" }),
        idOf: (token) => reader.token_to_id(token),
        isSpecial: (number) => special.has(number),
      };
    }),
  );

/** A coder from a parsed tokenizer.json; the error names what does not fit. */
export const coderOf = (json: unknown, name = "tokenizer.json"): E.Either<DecodeError, Coder> =>
  pipe(json, decodeEither(documentType, name), E.flatMap(consistent(name)), E.flatMap(built(name)));

/** A coder from the text of a tokenizer.json. */
export const parseCoder = (text: string, name = "tokenizer.json"): E.Either<DecodeError, Coder> =>
  pipe(parseJson(name)(text), E.flatMap((json) => coderOf(json, name)));

/** A coder from a file. */
export const loadCoder = (path: string): Effect.Effect<Coder, DecodeError | DiskError> =>
  Effect.flatMap(
    onDisk("read", path, () => Deno.readTextFile(path)),
    (text) => fromEither(parseCoder(text, path)),
  );
