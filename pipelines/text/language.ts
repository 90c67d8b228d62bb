/** A language as stages use it: an encoding and a template that lays conversations out. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { type Coder, coderOf } from "./coder.ts";
import { continuedOf, type Conversation, conversationOf, promptOf } from "./conversation.ts";
import { withImages } from "./image_mark.ts";
import { openCoder } from "./native_coder.ts";
import { type Message, parseTemplate, TemplateError } from "./template.ts";
import type { NamedTemplate } from "./templates.ts";

/**
 * What a language makes of a conversation.
 * @internal
 */
export type OfMessages<A> = (messages: readonly Message[]) => E.Either<TemplateError, A>;

/** A prompt in tokens. */
export interface PromptIds {
  /** The tokens to be answered, `IMAGE_ID` where an image is. */
  readonly ids: readonly number[];
  /** The tokens that end an answer. */
  readonly ends: readonly number[];
}

/** An encoding and a template. */
export interface Language {
  /** Hash of both. */
  readonly hash: string;
  /** The document of the encoding, a tokenizer.json. */
  readonly json: unknown;
  /** Rows of an embedding: one more than the largest token id. */
  readonly size: number;
  /** What follows the end of a row. */
  readonly pad: number;
  /** Tokens of a conversation, and which of them are learned. */
  readonly tokens: OfMessages<Conversation>;
  /** Tokens of a conversation as it follows others in a row, from the end token of the answer before on. */
  readonly continued: OfMessages<Conversation>;
  /** The tokens of a conversation up to the model's next words. */
  readonly prompt: OfMessages<PromptIds>;
  /** The text of an answer, without special tokens. */
  readonly decode: (ids: readonly number[]) => string;
  /** The first token that rows have of an answer; -1 where no row can have it. */
  readonly first: (answer: string) => number;
  /** The first tokens by which rows tell the answers yes and no apart. */
  readonly words: { readonly yes: number; readonly no: number };
}

/** Names that a token of padding has in published encodings. */
const PADS: readonly string[] = ["<pad>", "[PAD]", "<|pad|>", "<|endoftext|>", "<unk>"];

const padOf = (coder: Coder, eos: string): number =>
  [...PADS, eos].map((name) => coder.idOf(name)).find((id) => id !== undefined) ?? 0;

const foreign = (name: string, token: string): TemplateError =>
  new TemplateError({
    op: name,
    got: `no token ${token}`,
    expected: "the tokens at which texts of the template begin and end",
    hint: "choose the template that belongs to the tokenizer",
  });

/** The tokens that rows learn of an answer, its end included. */
const learnedOf = (
  tokens: OfMessages<Conversation>,
  answer: string,
): readonly number[] =>
  pipe(
    tokens([{ role: "user", content: "a" }, { role: "assistant", content: answer }]),
    E.match(() => [], ({ ids, learned }) => ids.filter((_, i) => learned[i] === 1)),
  );

const wordsOf = (tokens: OfMessages<Conversation>): Language["words"] => {
  const yes = learnedOf(tokens, "yes"), no = learnedOf(tokens, "no");
  const at = yes.findIndex((id, i) => id !== no[i]);
  return { yes: yes[at] ?? -1, no: no[at] ?? -1 };
};

/** A language from a tokenizer, the document that it was made from, and a template. */
const languageWith = (
  bare: Coder,
  json: unknown,
  template: NamedTemplate,
  name: string,
): E.Either<TemplateError, Language> => {
  const coder = withImages(bare);
  const lost = [template.bos, template.eos].find((token) => token !== "" && coder.idOf(token) === undefined);
  if (lost !== undefined) return E.left(foreign(name, lost));
  return pipe(
    parseTemplate(template.source, template),
    E.flatMap((chat) => {
      const pad = padOf(coder, template.eos), tokens = conversationOf(coder, chat);
      // a template that cannot teach is refused here and not row by row
      return pipe(
        tokens([{ role: "user", content: "a" }, { role: "assistant", content: "a" }]),
        E.map((): Language => ({
          hash: hashOf({ json, template }),
          json,
          size: coder.size,
          pad,
          tokens,
          continued: continuedOf(coder, chat),
          prompt: promptOf(coder, chat),
          decode: (ids) => coder.decode(ids, "drop").trim(),
          first: (answer) => learnedOf(tokens, answer)[0] ?? -1,
          words: wordsOf(tokens),
        })),
      );
    }),
  );
};

/** A language from the document of a tokenizer.json, read in JavaScript, and a template. */
export const languageOf = (
  json: unknown,
  template: NamedTemplate,
  name = "tokenizer.json",
): E.Either<DecodeError | TemplateError, Language> =>
  pipe(
    coderOf(json, name),
    E.flatMap((coder): E.Either<DecodeError | TemplateError, Language> =>
      languageWith(coder, json, template, name)
    ),
  );

/** A language whose tokenizer runs in Hugging Face's library, for as long as the scope lives. */
export const openLanguage = (
  json: unknown,
  template: NamedTemplate,
  name = "tokenizer.json",
): Effect.Effect<Language, DecodeError | TemplateError, Scope.Scope> =>
  Effect.flatMap(openCoder(json, name), (coder) => fromEither(languageWith(coder, json, template, name)));
