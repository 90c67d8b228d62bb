/**
 * Chat templates: Jinja texts, as `chat_template` of a tokenizer_config.json has them, that lay out a conversation.
 * Rendered with marks in place of the answers, a template says itself where prompts end and answers begin; the same
 * rendering gives the row to be learned from and the prompt to be answered, so that they cannot differ.
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, DecodeError, parseJson } from "../base/bridge.ts";
import { TaggedFault } from "../base/fault.ts";
import { BoundError, parseJinja, renderJinja } from "./jinja.ts";
import type { NamedTemplate } from "./templates.ts";

/** A template that does not do what conversations need of it. */
export class TemplateError extends TaggedFault("TemplateError") {}

/** One thing said. */
export interface Message {
  /** Who says it: instructions, the one who asks, or the model. */
  readonly role: "system" | "user" | "assistant";
  /** The words. */
  readonly content: string;
}

/** What surrounds a template. */
export interface TemplateOptions {
  /** Start of a text; nothing by default. */
  readonly bos?: string;
  /** What is at the end of one; nothing by default. */
  readonly eos?: string;
  /** Further special tokens by the names that transformers gives them, such as `pad_token`; none by default. */
  readonly special?: Readonly<Record<string, string | readonly string[]>>;
  /** Name shown in errors; `chat template` by default. */
  readonly name?: string;
}

/**
 * What a template makes of messages.
 * @internal
 */
export type RenderMessages = (messages: readonly Message[]) => E.Either<TemplateError, string>;

/** A parsed template. */
export interface ChatTemplate {
  /** Name shown in errors. */
  readonly name: string;
  /** The text of a conversation. */
  readonly render: RenderMessages;
  /** The text of a conversation up to the model's next words, where the template has a generation prompt. */
  readonly prompt: RenderMessages;
}

const fault = (op: string, got: string, expected: string, hint: string): TemplateError =>
  new TemplateError({ op, got, expected, hint });

const reason = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

const boundFault = (name: string, { message }: BoundError): TemplateError =>
  fault(name, message, "the work that a conversation needs", "use the template that belongs to the model");

/** Text of a failed rendering. */
const renderFault = (name: string, cause: unknown): TemplateError =>
  cause instanceof BoundError
    ? boundFault(name, cause)
    : fault(name, reason(cause), "a conversation that it can lay out", "change the roles or their order");

/**
 * A template from its Jinja text. It is rendered as transformers' `apply_chat_template` does, with the names that are
 * always defined there; `tools` and `documents` are none. Work and results are bounded.
 */
export const parseTemplate = (
  source: string,
  { bos = "", eos = "", special = {}, name = "chat template" }: TemplateOptions = {},
): E.Either<TemplateError, ChatTemplate> =>
  pipe(
    E.tryCatch(
      () => parseJinja(source),
      (cause) =>
        cause instanceof BoundError
          ? boundFault(name, cause)
          : fault(name, `a text that is no template (${reason(cause)})`, "Jinja", "correct the template"),
    ),
    E.map((program): ChatTemplate => {
      const rendering = (add_generation_prompt: boolean): RenderMessages => (messages) =>
        E.tryCatch(
          () =>
            renderJinja(program, {
              ...special,
              bos_token: bos,
              eos_token: eos,
              messages,
              tools: null,
              documents: null,
              add_generation_prompt,
            }, messages.length),
          (cause) => renderFault(name, cause),
        );
      return { name, render: rendering(false), prompt: rendering(true) };
    }),
  );

const token = t.union([t.string, t.type({ content: t.string }), t.null, t.undefined]);
const configType = t.type({
  bos_token: token,
  eos_token: token,
  unk_token: token,
  sep_token: token,
  pad_token: token,
  cls_token: token,
  mask_token: token,
  additional_special_tokens: t.union([
    t.array(t.union([t.string, t.type({ content: t.string })])),
    t.null,
    t.undefined,
  ]),
  chat_template: t.union([
    t.string,
    t.array(t.type({ name: t.string, template: t.string })),
    t.undefined,
    t.null,
  ]),
});

const spelt = (value: t.TypeOf<typeof token>): string =>
  typeof value === "string" ? value : value?.content ?? "";

const OTHERS = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;

// a token that is not set is not defined either
const specialOf = (config: t.TypeOf<typeof configType>): NonNullable<TemplateOptions["special"]> => ({
  ...Object.fromEntries(
    OTHERS.flatMap((name) => spelt(config[name]) === "" ? [] : [[name, spelt(config[name])]]),
  ),
  ...(config.additional_special_tokens?.length
    ? { additional_special_tokens: config.additional_special_tokens.map(spelt) }
    : {}),
});

/** The text of the template of a tokenizer_config.json, and the tokens around it; of several, the one named `default`. */
export const namedTemplateOf = (
  text: string,
  name = "tokenizer_config.json",
): E.Either<DecodeError | TemplateError, NamedTemplate> =>
  pipe(
    parseJson(name)(text),
    E.flatMap(decodeEither(configType, name)),
    E.flatMap((config): E.Either<DecodeError | TemplateError, NamedTemplate> => {
      const { chat_template: found } = config;
      const source = Array.isArray(found) ? found.find((one) => one.name === "default")?.template : found;
      return typeof source === "string"
        ? E.right({
          source,
          bos: spelt(config.bos_token),
          eos: spelt(config.eos_token),
          special: specialOf(config),
        })
        : E.left(
          fault(name, "no chat template", "chat_template", "choose one of the named templates instead"),
        );
    }),
  );

/** The template of a tokenizer_config.json; of several, the one named `default`. */
export const templateOfConfig = (
  text: string,
  name = "tokenizer_config.json",
): E.Either<DecodeError | TemplateError, ChatTemplate> =>
  pipe(
    namedTemplateOf(text, name),
    E.flatMap((template): E.Either<DecodeError | TemplateError, ChatTemplate> =>
      parseTemplate(template.source, { ...template, name })
    ),
  );

/** A piece of a conversation's text. */
export interface Piece {
  /** The text. */
  readonly text: string;
  /** Whether it is an answer of the model, with the spaces before it. */
  readonly answer: boolean;
}

// private-use characters, which no template tests for and trimming leaves alone
const mark = (i: number): string => `\uE000${i}\uE001`;
const marks = /\uE000(\d+)\uE001/;

/**
 * A conversation as pieces whose texts together are what the template renders. Spaces between a prompt and its answer
 * belong to the answer: tokens begin with the space before a word. Answers are trimmed first.
 */
export const piecesOf =
  (template: ChatTemplate): (messages: readonly Message[]) => E.Either<TemplateError, readonly Piece[]> =>
  (messages) => {
    const trimmed = messages.map((m) => m.role === "assistant" ? { ...m, content: m.content.trim() } : m);
    const answers = trimmed.flatMap((m) => m.role === "assistant" ? [m.content] : []);
    const wrong = (got: string): E.Either<TemplateError, never> =>
      E.left(fault(template.name, got, "every answer once, in order, word for word", "use another template"));
    if (trimmed.some((m) => marks.test(m.content))) return wrong("a message with characters kept for marks");
    let n = 0;
    const masked = trimmed.map((m) => m.role === "assistant" ? { ...m, content: mark(n++) } : m);
    return pipe(
      template.render(masked),
      E.flatMap((marked) => E.map((whole: string) => ({ marked, whole }))(template.render(trimmed))),
      E.flatMap(({ marked, whole }): E.Either<TemplateError, readonly Piece[]> => {
        const parts = marked.split(marks), order = parts.filter((_, i) => i % 2 === 1);
        if (order.join() !== answers.map((_, i) => i).join()) {
          return wrong(`answers ${order.join(", ") || "none"} of ${answers.length}`);
        }
        const pieces: Piece[] = [];
        for (let i = 0; i < parts.length; i += 2) {
          const text = parts[i]!, bare = i + 1 < parts.length ? text.replace(/ +$/, "") : text;
          pieces.push({ text: bare, answer: false });
          if (i + 1 < parts.length) {
            pieces.push({ text: text.slice(bare.length) + answers[i >> 1]!, answer: true });
          }
        }
        const together = pieces.map((p) => p.text).join("");
        return together === whole
          ? E.right(pieces)
          : wrong("a text that differs where answers are filled in");
      }),
    );
  };
