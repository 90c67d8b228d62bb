/** Counts of word sequences. */

/** How often each sequence occurs; words joined by spaces, which no token has. */
export type Counts = ReadonlyMap<string, number>;

/** Counts of the sequences of `n` words. */
export const ngrams = (words: readonly string[], n: number): Counts => {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const key = words.slice(i, i + n).join(" ");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};

/** Counts of one to four words, at places 0 to 3. */
export const upToFour = (words: readonly string[]): readonly Counts[] =>
  [1, 2, 3, 4].map((n) => ngrams(words, n));

/** One caption with its references, as tokens. */
export interface TokenizedCaption {
  /** The model's caption. */
  readonly words: readonly string[];
  /** One or more captions by people. */
  readonly references: readonly (readonly string[])[];
}
