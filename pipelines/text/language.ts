/** A language as stages use it: an encoding and a template that lays conversations out. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type { DecodeError } from "../bridge.ts";
import { hashOf } from "../runs/hash.ts";
import { type Coder, coderOf } from "./coder.ts";
import { conversationOf, conversationRow, promptOf } from "./conversation.ts";
import type { Row } from "./prompt.ts";
import { type Message, parseTemplate, TemplateError } from "./template.ts";
import type { NamedTemplate } from "./templates.ts";

/** A function of a conversation. */
export const ofMessages = <A>(
  f: (messages: readonly Message[]) => E.Either<TemplateError, A>,
): (messages: readonly Message[]) => E.Either<TemplateError, A> => f;

/** A function as what builds rows: name, conversation, tokens. */
export const rowBuilder = (
  build: (name: string, messages: readonly Message[], length: number) => E.Either<TemplateError, Row>,
): (name: string, messages: readonly Message[], length: number) => E.Either<TemplateError, Row> => build;

/** A prompt in tokens. */
export interface PromptIds {
  /** The tokens to be answered. */
  readonly ids: readonly number[];
  /** The tokens that end an answer. */
  readonly ends: readonly number[];
}

/** An encoding and a template. */
export interface Language {
  /** Hash of both. */
  readonly hash: string;
  /** Rows of an embedding: one more than the greatest token number. */
  readonly size: number;
  /** What stands behind the end of a row. */
  readonly pad: number;
  /** Tokens of a conversation. */
  readonly count: ReturnType<typeof ofMessages<number>>;
  /** The row to learn a conversation from. */
  readonly row: ReturnType<typeof rowBuilder>;
  /** The tokens of a conversation up to the model's next words. */
  readonly prompt: ReturnType<typeof ofMessages<PromptIds>>;
  /** The text of an answer, without special tokens. */
  readonly decode: (ids: readonly number[]) => string;
  /** The first token of an answer. */
  readonly first: (answer: string) => number;
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
    mend: "choose the template that belongs to the tokenizer",
  });

/** A language from the document of a tokenizer.json and a template. */
export const languageOf = (
  json: unknown,
  template: NamedTemplate,
  name = "tokenizer.json",
): E.Either<DecodeError | TemplateError, Language> =>
  pipe(
    coderOf(json, name),
    E.flatMap((coder): E.Either<DecodeError | TemplateError, Language> => {
      const lost = [template.bos, template.eos].find((token) =>
        token !== "" && coder.idOf(token) === undefined
      );
      if (lost !== undefined) return E.left(foreign(name, lost));
      return pipe(
        parseTemplate(template.source, { bos: template.bos, eos: template.eos }),
        E.flatMap((chat) => {
          const pad = padOf(coder, template.eos), conversation = conversationOf(coder, chat);
          const language: Language = {
            hash: hashOf({ json, template }),
            size: coder.size,
            pad,
            count: ofMessages((messages) =>
              E.map((c: { ids: readonly number[] }) => c.ids.length)(conversation(messages))
            ),
            row: rowBuilder(conversationRow(coder, chat, pad)),
            prompt: ofMessages(promptOf(coder, chat)),
            decode: (ids) => coder.decode(ids, "drop").trim(),
            first: (answer) => firstOf(coder, answer),
          };
          // a template without an end for answers is refused here and not row by row
          return E.map(() => language)(conversation([
            { role: "user", content: "a" },
            { role: "assistant", content: "a" },
          ]));
        }),
      );
    }),
  );

const firstOf = (coder: Coder, answer: string): number =>
  coder.encode(` ${answer}`)[0] ?? coder.encode(answer)[0] ?? -1;
