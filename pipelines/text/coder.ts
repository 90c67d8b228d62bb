/** Texts as token ids: what a tokenizer is to the rest, and tokenizers that run wherever JavaScript does. */
import { Tokenizer } from "@huggingface/tokenizers";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { type DecodeError, parseJson } from "../base/bridge.ts";
import { libraryDocument, lowers } from "./library_rules.ts";
import { refuseDocument, tokenIds, type TokenizerDocument, tokenizerDocument } from "./tokenizer_document.ts";

/** Texts to token ids and back. */
export interface Coder {
  /** One more than the largest token id: the rows of an embedding. */
  readonly size: number;
  /** Token ids of a text. Special tokens that are spelt out in it become themselves; none are added. */
  readonly encode: (text: string) => readonly number[];
  /** Token ids of several texts, which may be faster than one by one. */
  readonly encodeAll: (texts: readonly string[]) => readonly (readonly number[])[];
  /** The text of token ids, special tokens spelt out or left out. */
  readonly decode: (ids: readonly number[], special?: "keep" | "drop") => string;
  /** The id of a token. */
  readonly idOf: (token: string) => number | undefined;
  /** Whether an id is that of a special token, which text cannot come near by accident. */
  readonly isSpecial: (id: number) => boolean;
}

/** What a document alone says of a tokenizer. */
export const idsOf = (document: TokenizerDocument): Pick<Coder, "size" | "idOf" | "isSpecial"> => {
  const ids = tokenIds(document);
  const special = new Set((document.added_tokens ?? []).filter((a) => a.special).map((a) => a.id));
  return {
    size: [...ids.values()].reduce((most, id) => Math.max(most, id + 1), 0),
    idOf: (token) => ids.get(token),
    isSpecial: (id) => special.has(id),
  };
};

const reason = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

const built = (name: string) => (document: TokenizerDocument): E.Either<DecodeError, Coder> =>
  pipe(
    libraryDocument(document),
    E.mapLeft((option) =>
      refuseDocument(
        name,
        option,
        "options that the JavaScript tokenizer reads as Hugging Face's library does",
        "open it with openCoder, which runs that library, or leave the option out",
      )
    ),
    E.flatMap((rewritten) =>
      E.tryCatch(
        () => new Tokenizer(rewritten, { clean_up_tokenization_spaces: false }),
        (cause) => refuseDocument(name, reason(cause), "stages that @huggingface/tokenizers knows"),
      )
    ),
    E.map((tokenizer) => {
      const lowered = lowers(document);
      const encode: Coder["encode"] = (text) =>
        text === ""
          ? []
          : tokenizer.encode(lowered ? text.replaceAll("Σ", "σ") : text, { add_special_tokens: false }).ids;
      return {
        ...idsOf(document),
        encode,
        encodeAll: (texts) => texts.map(encode),
        decode: (ids, how = "keep") =>
          ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: how === "drop" }),
      };
    }),
  );

/**
 * A tokenizer from a parsed tokenizer.json, in JavaScript: for browsers, and where nothing can be awaited. The error names
 * what contradicts itself, and every option that the JavaScript library does not honour; `openCoder` honours all.
 */
export const coderOf = (json: unknown, name = "tokenizer.json"): E.Either<DecodeError, Coder> =>
  pipe(tokenizerDocument(json, name), E.flatMap(built(name)));

/** A tokenizer in JavaScript from the text of a tokenizer.json. */
export const parseCoder = (text: string, name = "tokenizer.json"): E.Either<DecodeError, Coder> =>
  pipe(parseJson(name)(text), E.flatMap((json) => coderOf(json, name)));
