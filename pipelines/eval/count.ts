/** Scores of counting. */
import * as O from "fp-ts/lib/Option.js";
import { pipe } from "fp-ts/lib/function.js";
import { share } from "./report.ts";

/** One counting question and what the model wrote. */
export interface CountItem {
  /** How many there are. */
  readonly truth: number;
  /** The model's answer. */
  readonly answer: string;
}

/** Scores of a list of counting questions. */
export interface CountScore {
  /** Number of questions. */
  readonly n: number;
  /** Share of exactly right answers; an answer without a number is wrong. */
  readonly accuracy: number;
  /** Mean distance from the truth over the answers that have a number; 0 if none has. */
  readonly meanError: number;
  /** Share of answers without a number. */
  readonly unparsable: number;
  /** Accuracy by true count. */
  readonly byCount: Readonly<Record<number, number>>;
}

const words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] as const;

/** The first number of an answer, in digits or as a word up to nine; `no` and `none` mean 0. */
export const parseCount = (answer: string): O.Option<number> => {
  const found = answer.toLowerCase().match(/\d+|[a-z]+/g) ?? [];
  const read = (word: string): number =>
    /^\d/.test(word) ? Number(word) : word === "no" || word === "none" ? 0 : words.indexOf(word as never);
  return O.fromNullable(found.map(read).find((n) => n >= 0));
};

/** Whether one answer is right. */
export const countRight = (item: CountItem): boolean =>
  pipe(parseCount(item.answer), O.exists((n) => n === item.truth));

/** Scores answers to counting questions. */
export const scoreCount = (items: readonly CountItem[]): CountScore => {
  const errors = items.flatMap((item) =>
    pipe(
      parseCount(item.answer),
      O.match(() => [], (n) => [Math.abs(n - item.truth)]),
    )
  );
  const truths = [...new Set(items.map((item) => item.truth))].toSorted((a, b) => a - b);
  return {
    n: items.length,
    accuracy: share(items, countRight),
    meanError: errors.length === 0 ? 0 : errors.reduce((a, b) => a + b, 0) / errors.length,
    unparsable: items.length === 0 ? 0 : 1 - errors.length / items.length,
    byCount: Object.fromEntries(
      truths.map((n) => [n, share(items.filter((i) => i.truth === n), countRight)]),
    ),
  };
};
