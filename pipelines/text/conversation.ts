/** Conversations as tokens: what is given, what is learnt, and the prompt of a question, from one template. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type { Coder } from "./coder.ts";
import { IGNORED, type Row } from "./prompt.ts";
import { type ChatTemplate, type Message, piecesOf, TemplateError } from "./template.ts";

/** A conversation in tokens. */
export interface Conversation {
  /** All tokens. */
  readonly ids: readonly number[];
  /** 1 for the tokens of answers and of the end behind each. */
  readonly learnt: readonly (0 | 1)[];
  /** The tokens that end answers, each once. */
  readonly ends: readonly number[];
}

/** What conversations need of a coder. */
export type Codes = Pick<Coder, "encode" | "decode" | "isSpecial">;

const fault = (template: ChatTemplate, got: string, expected: string, mend: string) =>
  E.left(new TemplateError({ op: template.name, got, expected, mend }));

/**
 * The tokens of a conversation, with those of answers marked. What stands before an answer is
 * the prompt that {@link promptOf} gives, so that a model is asked exactly what it has learnt from.
 * Refuses templates that put no special token behind answers, and texts where one token reaches over an answer's edge.
 */
export const conversationOf = (
  coder: Codes,
  template: ChatTemplate,
): (messages: readonly Message[]) => E.Either<TemplateError, Conversation> =>
(messages) =>
  pipe(
    piecesOf(template)(messages),
    E.flatMap((pieces): E.Either<TemplateError, Conversation> => {
      const ids = coder.encode(pieces.map((p) => p.text).join(""));
      const learnt = ids.map((): 0 | 1 => 0), ends = new Set<number>();
      let text = "";
      for (const [i, piece] of pieces.entries()) {
        if (piece.answer) {
          const from = edge(coder, ids, text), to = edge(coder, ids, text + piece.text);
          if (from === undefined || to === undefined) {
            return fault(
              template,
              `one token over the edge of the answer ${JSON.stringify(piece.text)}`,
              "answers whose tokens are their own",
              "separate answers from what surrounds them by special tokens, spaces or line breaks",
            );
          }
          const after = pieces[i + 1]!.text.match(/^ */)![0].length;
          const end = edge(coder, ids, text + piece.text + pieces[i + 1]!.text.slice(0, after)) ?? to;
          const last = ids[end];
          if (last === undefined || !coder.isSpecial(last)) {
            return fault(
              template,
              last === undefined ? "nothing behind an answer" : "text behind an answer",
              "a special token, so that a model can learn to stop",
              "end answers with the end token of the tokenizer",
            );
          }
          ends.add(last);
          learnt.fill(1, from, end + 1);
        }
        text += piece.text;
      }
      return E.right({ ids, learnt, ends: [...ends] });
    }),
  );

/**
 * Number of tokens of `ids` that spell a text out; undefined where a token reaches over its end. Some encodings look
 * ahead: line breaks before a word are other tokens than those at an end, though they spell the same.
 */
const edge = ({ encode, decode }: Codes, ids: readonly number[], text: string): number | undefined => {
  const part = encode(text);
  if (part.every((id, i) => id === ids[i])) return part.length;
  const spelt = decode(part);
  for (let k = Math.max(1, part.length - LOOK); k <= Math.min(ids.length, part.length + LOOK); k++) {
    if (decode(ids.slice(0, k)) === spelt) return k;
  }
  return undefined;
};

/** By how many tokens an encoding that looks ahead may differ. */
const LOOK = 8;

/** The tokens to be answered, and those that will end the answer: a conversation up to the model's next words. */
export const promptOf = (
  coder: Codes,
  template: ChatTemplate,
): (messages: readonly Message[]) => E.Either<TemplateError, Omit<Conversation, "learnt">> =>
(messages) =>
  pipe(
    // any answer will do: what stands before it does not depend on it
    conversationOf(coder, template)([...messages, { role: "assistant", content: "yes" }]),
    E.map(({ ids, learnt, ends }) => {
      const end = learnt.lastIndexOf(1);
      return { ids: ids.slice(0, learnt.lastIndexOf(0, end) + 1), ends };
    }),
  );

/** A row of `length` tokens to learn a conversation from; one that is longer is refused. */
export const conversationRow = (
  coder: Codes,
  template: ChatTemplate,
  pad: number,
): (scene: string, messages: readonly Message[], length: number) => E.Either<TemplateError, Row> =>
(scene, messages, length) =>
  pipe(
    conversationOf(coder, template)(messages),
    E.flatMap(({ ids: all, learnt }): E.Either<TemplateError, Row> => {
      if (all.length > length) {
        return fault(
          template,
          `${all.length} tokens about ${scene}`,
          `at most ${length}`,
          "raise the row length or shorten the conversation",
        );
      }
      const ids = new Int32Array(length).fill(pad), labels = new Int32Array(length).fill(IGNORED);
      const answers = new Uint8Array(length);
      all.forEach((id, i) => {
        ids[i] = id;
        answers[i] = learnt[i]!;
        if (learnt[i] === 1) labels[i] = id;
      });
      return E.right({ scene, ids, labels, answers, length: all.length, dropped: 0 });
    }),
  );
