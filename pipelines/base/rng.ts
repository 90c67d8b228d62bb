/** Counter-based random numbers for data: the same words of a key give the same numbers on every machine. */

/** A source of numbers that belongs to one scene or one epoch; it counts its own draws. */
export interface Rng {
  /** Uniform in [0, 1), with 32 bits. */
  readonly unit: () => number;
  /** Uniform in [low, high). */
  readonly range: (low: number, high: number) => number;
  /** An integer from 0 to n - 1. */
  readonly below: (n: number) => number;
  /** An integer from low to high, both included. */
  readonly between: (low: number, high: number) => number;
  /** True with probability p. */
  readonly chance: (p: number) => boolean;
  /** One of the items. The list must not be empty. */
  readonly pick: <A>(items: readonly A[]) => A;
  /** One of the items, in proportion to their weights. The list must not be empty. */
  readonly weighted: <A>(items: readonly A[], weight: (item: A) => number) => A;
  /** The items in random order. */
  readonly shuffle: <A>(items: readonly A[]) => A[];
}

/** MurmurHash3's finaliser: a bijection of 32-bit words that changes half the bits. */
const mix = (word: number): number => {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

const absorb = (state: number, word: number): number =>
  mix((Math.imul(state, 0x9e3779b1) + mix(word + 0x7f4a7c15)) | 0);

/** A 32-bit hash of numbers (their lower 32 bits and the next 21) and texts; order matters. */
export const hashWords = (...words: readonly (number | string)[]): number =>
  words.reduce<number>((state, word) => {
    if (typeof word === "number") return absorb(absorb(state, word | 0), Math.floor(word / 2 ** 32) | 0);
    let h = absorb(state, word.length);
    for (let i = 0; i < word.length; i++) h = absorb(h, word.charCodeAt(i));
    return h;
  }, 0x243f6a88);

/** A source keyed by words such as `(seed, "eval", 17, "layout")`. */
export const rngOf = (...words: readonly (number | string)[]): Rng => {
  const a = hashWords(...words), b = hashWords("second half", ...words);
  let count = 0;
  const bits = (): number => mix(a ^ mix((b + Math.imul(++count, 0x9e3779b9)) | 0));
  const unit = (): number => bits() / 2 ** 32;
  const below = (n: number): number => Math.floor(unit() * n);
  return {
    unit,
    below,
    range: (low, high) => low + (high - low) * unit(),
    between: (low, high) => low + below(high - low + 1),
    chance: (p) => unit() < p,
    pick: (items) => items[below(items.length)]!,
    weighted: (items, weight) => {
      let left = unit() * items.reduce((sum, item) => sum + weight(item), 0);
      return items.find((item) => (left -= weight(item)) < 0) ?? items.at(-1)!;
    },
    shuffle: (items) => {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [out[i], out[j]] = [out[j]!, out[i]!];
      }
      return out;
    },
  };
};
