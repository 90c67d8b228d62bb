/**
 * Rows of training text. A row is `<bos> question answer <eos> question answer <eos> ... <pad>`; what is learned are the
 * tokens of answers and the `<eos>` behind each.
 *
 * Alignment: `labels[t]` is `ids[t]` where it is learned and {@link IGNORED} elsewhere; nothing is shifted here. With
 * `n` visual tokens before the text, the model's output at sequence position `n - 1 + t` predicts text token `t`.
 */
import type { Tokenizer } from "./tokenizer.ts";

/** The label of a token that is not learned. */
export const IGNORED: number = -100;

/** A question and the answer to be learned. */
export interface Turn {
  /** The words that are given. */
  readonly prompt: string;
  /** The words that are learned. */
  readonly answer: string;
}

/** One row, `ids` and `labels` of the length asked for. */
export interface Row {
  /** The scene that it is about. */
  readonly scene: string;
  /** Token numbers, padded with `<pad>`. */
  readonly ids: Int32Array;
  /** The same numbers where they are learned, {@link IGNORED} elsewhere. */
  readonly labels: Int32Array;
  /** 1 where a token belongs to an answer or closes it; what labels may cover. */
  readonly answers: Uint8Array;
  /** Tokens before the padding. */
  readonly length: number;
  /** Turns that found no room. */
  readonly dropped: number;
}

/** A row of separate questions about one image. */
export interface QuestionRow extends Row {
  /** The turn of every token, from 1; 0 for `<bos>` and padding. A turn sees the image, `<bos>` and itself. */
  readonly turns: Int32Array;
}

/** What building rows needs of a tokenizer. */
export type Encoder = Pick<Tokenizer, "encode" | "pad" | "bos" | "eos">;

/**
 * A row of length `length` from turns about one scene. A turn that does not fit is left out whole and counted; later,
 * shorter ones may still fit.
 */
export const rowOf = (
  tokenizer: Encoder,
  scene: string,
  turns: readonly Turn[],
  length: number,
): QuestionRow => {
  const ids = new Int32Array(length).fill(tokenizer.pad), turnsOf = new Int32Array(length);
  const labels = new Int32Array(length).fill(IGNORED), answers = new Uint8Array(length);
  ids[0] = tokenizer.bos;
  let at = 1, dropped = 0;
  for (const [turn, { prompt, answer }] of turns.entries()) {
    const given = tokenizer.encode(prompt), learned = [...tokenizer.encode(answer), tokenizer.eos];
    if (at + given.length + learned.length > length) {
      dropped++;
      continue;
    }
    ids.set(given, at);
    turnsOf.fill(turn + 1, at, at + given.length + learned.length);
    at += given.length;
    ids.set(learned, at);
    labels.set(learned, at);
    answers.fill(1, at, at + learned.length);
    at += learned.length;
  }
  return { scene, ids, labels, answers, turns: turnsOf, length: at, dropped };
};

/** The tokens that a model is given to answer one question: `<bos> question`. */
export const questionIds = (tokenizer: Encoder, prompt: string): readonly number[] => [
  tokenizer.bos,
  ...tokenizer.encode(prompt),
];

/** The tokens of an answer as a model should write them, `<eos>` last. */
export const answerIds = (tokenizer: Encoder, answer: string): readonly number[] => [
  ...tokenizer.encode(answer),
  tokenizer.eos,
];
