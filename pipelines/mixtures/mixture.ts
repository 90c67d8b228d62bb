/**
 * Mixtures of data sets: which example comes at which step, as a function of the seed and the step alone. Nothing but
 * the number of examples drawn has to be kept to go on in the middle of an epoch with the very next example.
 */
import * as E from "fp-ts/lib/Either.js";
import { hashOf } from "../base/hash.ts";
import { DataError } from "../base/data_error.ts";
import { hashWords, rngOf } from "../base/rng.ts";

/** One data set of a mixture. */
export interface MixturePart {
  /** Its name; decides its order of examples. */
  readonly name: string;
  /** Number of its examples. */
  readonly count: number;
  /** How often it is drawn from, relative to the others; its count if absent, so that every example is as likely. */
  readonly weight?: number;
}

/** One example of a mixture. */
export interface Draw {
  /** Which part. */
  readonly part: number;
  /** Which of its examples. */
  readonly index: number;
  /** How many times the part was gone through before. */
  readonly epoch: number;
}

/** Where a mixture is. */
export interface MixtureState {
  /** Examples drawn from each part. */
  readonly drawn: readonly number[];
}

/** A mixture that can be drawn from. */
export interface Mixture {
  /** Its parts. */
  readonly parts: readonly Required<MixturePart>[];
  /** Hash of the parts and the seed. */
  readonly hash: string;
  /** Nothing drawn yet. */
  readonly start: MixtureState;
  /** Which part the next example is of, after so many of each. */
  readonly partAfter: (drawn: readonly number[]) => number;
  /** The next example and the state behind it. */
  readonly next: (state: MixtureState) => readonly [Draw, MixtureState];
}

/** Rounds of the cipher that shuffles. */
const ROUNDS = 6;

/**
 * The place of the `i`-th example in an order that the key decides: a bijection of 0 to `count - 1` that needs no table.
 * It is a Feistel network on the least even number of bits that hold the count, walked until it is below it
 * (Black and Rogaway 2002).
 */
export const shuffled = (count: number, key: number, i: number): number => {
  const half = Math.max(1, Math.ceil(Math.log2(Math.max(2, count)) / 2)), mask = 2 ** half - 1;
  let at = i;
  do {
    let left = Math.floor(at / 2 ** half), right = at % 2 ** half;
    for (let round = 0; round < ROUNDS; round++) {
      [left, right] = [right, (left ^ (hashWords(key, round, right) & mask)) >>> 0];
    }
    at = left * 2 ** half + right;
  } while (at >= count);
  return at;
};

const refuse = (got: string, expected: string, hint: string) =>
  E.left(new DataError({ op: "mixture", got, expected, hint }));

/**
 * A mixture with a seed. The part that is furthest behind its share is drawn from next (ties go to a coin), so that
 * shares hold at every step to within as many examples as there are parts; each part is gone through in a new order every epoch.
 */
export const mixtureOf = (
  parts: readonly MixturePart[],
  seed: number,
): E.Either<DataError, Mixture> => {
  const bad = parts.find(({ count, weight = count }) =>
    !Number.isSafeInteger(count) || count < 1 || count > 2 ** 40 || !(weight > 0 && Number.isFinite(weight))
  );
  if (parts.length === 0 || bad !== undefined) {
    return refuse(
      bad === undefined
        ? "no parts"
        : `the part ${bad.name} of ${bad.count} examples, weight ${bad.weight ?? bad.count}`,
      "parts with one or more examples and a weight above 0",
      "leave out parts that are empty",
    );
  }
  const names = parts.map((p) => p.name);
  if (new Set(names).size < names.length) return refuse("a name twice", "every name once", "rename a part");
  const whole = parts.map(({ name, count, weight = count }) => ({ name, count, weight }));
  const sum = whole.reduce((n, p) => n + p.weight, 0), shares = whole.map((p) => p.weight / sum);
  const hash = hashOf({ parts: whole, seed }).slice(0, 16);
  const partAfter = (drawn: readonly number[]): number => {
    let step = 0, most = -Infinity, first = 0, tied = 0;
    for (const count of drawn) step += count;
    const behind = (i: number): number => shares[i]! * (step + 1) - drawn[i]!;
    for (let i = 0; i < shares.length; i++) most = Math.max(most, behind(i));
    for (let i = shares.length - 1; i >= 0; i--) if (behind(i) > most - 1e-9) [first, tied] = [i, tied + 1];
    if (tied === 1) return first;
    const among = shares.flatMap((_, i) => behind(i) > most - 1e-9 ? [i] : []);
    return rngOf(seed, "mixture", step).pick(among);
  };
  const next = ({ drawn }: MixtureState): readonly [Draw, MixtureState] => {
    const part = partAfter(drawn), { count, name } = whole[part]!;
    const done = drawn[part]!, epoch = Math.floor(done / count);
    const index = shuffled(count, hashWords(seed, name, epoch), done % count);
    return [{ part, index, epoch }, { drawn: drawn.with(part, done + 1) }];
  };
  return E.right({
    parts: whole,
    hash,
    start: { drawn: whole.map(() => 0) },
    partAfter,
    next,
  });
};

/**
 * The examples of any step of `size` each: a function of the step alone. It keeps its place, so that the next step costs
 * nothing; any other is counted to from the start, which takes a second or so for a million examples.
 */
export const drawsAt = (mixture: Mixture, size: number): (step: number) => readonly Draw[] => {
  let drawn = [...mixture.start.drawn], at = 0;
  return (step) => {
    if (step * size < at) [drawn, at] = [[...mixture.start.drawn], 0];
    for (; at < step * size; at++) drawn[mixture.partAfter(drawn)]!++;
    let state: MixtureState = { drawn };
    return Array.from({ length: size }, () => {
      const [draw, after] = mixture.next(state);
      state = after;
      return draw;
    });
  };
};
