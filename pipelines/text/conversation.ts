/**
 * Conversations as tokens: what is given, what is learned, and the prompt of a question, from one template. Where a text has
 * a mark of an image, a number is that is no token (`image_mark.ts`).
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type { Coder } from "./coder.ts";
import { prefixFault } from "./prefix_check.ts";
import { type ChatTemplate, type Message, type Piece, piecesOf, TemplateError } from "./template.ts";

/** A conversation in tokens. */
export interface Conversation {
  /** All tokens. */
  readonly ids: readonly number[];
  /** 1 for the tokens of answers and of the end behind each. */
  readonly learned: readonly (0 | 1)[];
  /** The tokens that end answers, each once. */
  readonly ends: readonly number[];
  /** Where those tokens are, one for each answer. */
  readonly stops: readonly number[];
}

/** What conversations need of a coder. */
export type Codes = Pick<Coder, "encodeAll" | "decode" | "isSpecial">;

const fault = (template: ChatTemplate, got: string, expected: string, hint: string) =>
  E.left(new TemplateError({ op: template.name, got, expected, hint }));

const overEdge = (template: ChatTemplate, answer: string) =>
  fault(
    template,
    `one token over the edge of the answer ${JSON.stringify(answer)}`,
    "answers whose tokens are their own",
    "separate answers from what surrounds them by special tokens, spaces or line breaks",
  );

/** The text of a conversation from one end token, or its beginning, to the end token of the next answer. */
interface Turn {
  /** The text. */
  readonly text: string;
  /** Where the answer begins in it. */
  readonly from: number;
  /** Where the answer ends in it; spaces may follow. */
  readonly to: number;
  /** The answer, with the spaces before it. */
  readonly answer: string;
}

const spacesBefore = (text: string): number => text.match(/^ */)![0].length;

/**
 * The turns, and the text from the last end token on. An end token is special, and special tokens are cut out of a text
 * before anything else: the tokens of a turn do not depend on those around it, so that a conversation is encoded in a time
 * that grows with its length and not with its square.
 */
const turnsOf = (pieces: readonly Piece[]): { readonly turns: readonly Turn[]; readonly rest: string } => {
  const texts = pieces.map((piece) => piece.text), behind = (i: number) => spacesBefore(texts[i] ?? "");
  const turns = pieces.flatMap((piece, i): readonly Turn[] => {
    if (!piece.answer) return [];
    const before = texts[i - 1]!.slice(i === 1 ? 0 : behind(i - 1)), to = before.length + piece.text.length;
    const text = before + piece.text + texts[i + 1]!.slice(0, behind(i + 1));
    return [{ text, from: before.length, to, answer: piece.text }];
  });
  return { turns, rest: turns.length === 0 ? texts.join("") : texts.at(-1)!.slice(behind(texts.length - 1)) };
};

/**
 * Number of tokens of `ids` that spell out the text which `part` encodes; undefined where a token reaches over its end.
 * Some encodings look ahead: line breaks before a word are other tokens than those at an end, though they spell the same.
 */
const edge = (
  decode: Coder["decode"],
  ids: readonly number[],
  part: readonly number[],
): number | undefined => {
  if (part.every((id, i) => id === ids[i])) return part.length;
  const spelt = decode(part);
  for (let k = Math.max(1, part.length - LOOK); k <= Math.min(ids.length, part.length + LOOK); k++) {
    if (decode(ids.slice(0, k)) === spelt) return k;
  }
  return undefined;
};

/** By how many tokens an encoding that looks ahead may differ. */
const LOOK = 8;

const encoded = (
  coder: Codes,
  template: ChatTemplate,
  pieces: readonly Piece[],
): E.Either<TemplateError, Conversation> => {
  const { turns, rest } = turnsOf(pieces), n = turns.length, whole = pieces.map((p) => p.text).join("");
  const [all, ...parts] = coder.encodeAll([
    whole,
    ...turns.map(({ text }) => text),
    rest,
    ...turns.map(({ text, from }) => text.slice(0, from)),
    ...turns.map(({ text, to }) => text.slice(0, to)),
  ]);
  const ids: number[] = [], learned: (0 | 1)[] = [], ends = new Set<number>(), stops: number[] = [];
  for (const [k, { answer }] of turns.entries()) {
    const own = parts[k]!, end = parts[k + 1]![0];
    const from = edge(coder.decode, own, parts[n + 1 + k]!),
      to = edge(coder.decode, own, parts[2 * n + 1 + k]!);
    if (from === undefined || to === undefined) return overEdge(template, answer);
    if (end === undefined || !coder.isSpecial(end)) {
      return fault(
        template,
        end === undefined ? "nothing behind an answer" : "text behind an answer",
        "a special token, so that a model can learn to stop",
        "end answers with the end token of the tokenizer",
      );
    }
    // the end token of the turn before is learned with it
    own.forEach((id, i) => {
      ids.push(id);
      learned.push(i >= from || (k > 0 && i === 0) ? 1 : 0);
    });
    ends.add(end);
    stops.push(ids.length);
  }
  parts[n]!.forEach((id, i) => {
    ids.push(id);
    learned.push(n > 0 && i === 0 ? 1 : 0);
  });
  return ids.length === all!.length && ids.every((id, i) => id === all![i])
    ? E.right({ ids, learned, ends: [...ends], stops })
    : fault(
      template,
      "tokens that depend on what is on the other side of an end token",
      "an end token that takes no spaces around it",
      "choose another template, or unset lstrip and rstrip of that token in tokenizer.json",
    );
};

/**
 * The tokens of a conversation, with those of answers marked. What precedes an answer is the prompt that
 * {@link promptOf} gives, so that a model is asked exactly what it has learned from. Refuses templates that lay out a turn
 * otherwise once others follow, or put no special token behind answers, and texts where one token reaches over an
 * answer's edge.
 */
export const conversationOf = (
  coder: Codes,
  template: ChatTemplate,
): (messages: readonly Message[]) => E.Either<TemplateError, Conversation> =>
(messages) => {
  const layout = prefixFault(template);
  return layout !== undefined
    ? E.left(layout)
    : pipe(piecesOf(template)(messages), E.flatMap((pieces) => encoded(coder, template, pieces)));
};

/** What a conversation may follow. */
const BEFORE: readonly Message[] = [
  { role: "user", content: "a" },
  { role: "assistant", content: "a" },
];

/**
 * The tokens of a conversation as it follows others in a row: from the end token of the answer before on, without
 * instructions of the system.
 */
export const continuedOf = (
  coder: Codes,
  template: ChatTemplate,
): (messages: readonly Message[]) => E.Either<TemplateError, Conversation> =>
(messages) =>
  pipe(
    conversationOf(coder, template)([...BEFORE, ...messages.filter(({ role }) => role !== "system")]),
    E.map(({ ids, learned, ends, stops: [first = 0, ...stops] }) => ({
      ids: ids.slice(first),
      learned: learned.slice(first),
      ends,
      stops: stops.map((at) => at - first),
    })),
  );

/** The tokens to be answered, and those that will end the answer: a conversation up to the model's next words. */
export const promptOf = (
  coder: Codes,
  template: ChatTemplate,
): (messages: readonly Message[]) => E.Either<TemplateError, Pick<Conversation, "ids" | "ends">> =>
(messages) =>
  pipe(
    // any answer will do: what precedes it does not depend on it
    conversationOf(coder, template)([...messages, { role: "assistant", content: "yes" }]),
    E.map(({ ids, learned, ends }) => {
      const end = learned.lastIndexOf(1);
      return { ids: ids.slice(0, learned.lastIndexOf(0, end) + 1), ends };
    }),
  );
