/** The quickstart's own encodings: what {@link coderOf} makes of them, with the four tokens that its rows need. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { decodeEither, type DecodeError, parseJson } from "../base/bridge.ts";
import { type TokenizerJson, tokenizerJsonCodec } from "./bpe.ts";
import { coderOf } from "./coder.ts";

/** A loaded encoding. */
export interface Tokenizer {
  /** The document that it was made from. */
  readonly json: TokenizerJson;
  /** How many tokens there are: the rows of an embedding. */
  readonly size: number;
  /** Number of `<pad>`. */
  readonly pad: number;
  /** Number of `<bos>`. */
  readonly bos: number;
  /** Number of `<eos>`. */
  readonly eos: number;
  /** Number of `<unk>`. */
  readonly unk: number;
  /** Token numbers of a text; nothing is added at either end. */
  readonly encode: (text: string) => readonly number[];
  /** The text of token numbers, words apart by one space; `<pad>`, `<bos>` and `<eos>` are left out. */
  readonly decode: (ids: readonly number[]) => string;
}

const squeeze = (text: string): string =>
  text.replace(/<\d+>/g, (word) => ` ${word} `).replace(/\s+/g, " ").trim();

/** An encoding from its checked document. Throws a DecodeError for one that contradicts itself. */
export const tokenizerOf = (json: TokenizerJson): Tokenizer => {
  const coder = pipe(
    coderOf(json),
    E.getOrElseW((error) => {
      throw error;
    }),
  );
  const idOf = (content: string): number => json.model.vocab[content]!;
  const [pad, bos, eos, unk] = [idOf("<pad>"), idOf("<bos>"), idOf("<eos>"), idOf("<unk>")];
  return {
    json,
    size: Object.keys(json.model.vocab).length,
    pad,
    bos,
    eos,
    unk,
    encode: (text) => text.trim() === "" ? [] : coder.encode(text),
    decode: (ids) => {
      const kept = ids.filter((id) => id !== pad && id !== bos && id !== eos);
      return kept.length === 0 ? "" : squeeze(coder.decode(kept));
    },
  };
};

/** An encoding from the text of a tokenizer.json; the error names the fields that do not fit. */
export const parseTokenizer = (text: string, name = "tokenizer.json"): E.Either<DecodeError, Tokenizer> =>
  pipe(parseJson(name)(text), E.flatMap(decodeEither(tokenizerJsonCodec(), name)), E.map(tokenizerOf));
