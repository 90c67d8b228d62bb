/**
 * Steps of rows of like length. A program computes a batch of one length, and padding costs it as much as text; so
 * examples of some steps are drawn together, put in order of the row that each needs, and cut into batches again.
 */
import { type Draw, drawsAt, type Mixture } from "./mixture.ts";
import { rngOf } from "../base/rng.ts";

/** Steps whose examples are put in order together. */
export const BUCKET_STEPS = 64;

/** A batch of one length of row. */
export interface Bucket<A> {
  /** Tokens of its rows. */
  readonly length: number;
  /** What stands in its rows. */
  readonly items: readonly A[];
}

/** The least of some ascending lengths that holds so many tokens; nothing if none does. */
export const leastLength = (lengths: readonly number[], tokens: number): number | undefined =>
  lengths.find((length) => tokens <= length);

/**
 * Cuts examples into batches of like length. Each needs a row of the least length that holds it; they are put in that
 * order, those of one length as they came, and cut. Where a batch holds the last of one length and the first of the
 * next, the longer serves for both: so every batch is full, and at most one for each length has rows longer than they need.
 * @param lengths - lengths of rows, ascending.
 * @param tokensOf - tokens of an example.
 * @throws {RangeError} for an example that no row can hold.
 */
export const bucketed = <A>(
  examples: readonly A[],
  lengths: readonly number[],
  batch: number,
  tokensOf: (example: A) => number,
): readonly Bucket<A>[] => {
  const byLength = Map.groupBy(examples, (example) => {
    const tokens = tokensOf(example), length = leastLength(lengths, tokens);
    if (length === undefined) {
      throw new RangeError(`an example of ${tokens} tokens; expected at most ${lengths.at(-1)}`);
    }
    return length;
  });
  const sorted = lengths.flatMap((length) => (byLength.get(length) ?? []).map((item) => ({ length, item })));
  return Array.from({ length: Math.ceil(sorted.length / batch) }, (_, i) => {
    const some = sorted.slice(i * batch, (i + 1) * batch);
    return { length: some.at(-1)!.length, items: some.map(({ item }) => item) };
  });
};

/**
 * The examples of any step, in rows of one length: a function of the step alone. Every {@link BUCKET_STEPS} steps meet
 * exactly the examples that they would meet without buckets, each once, in batches whose order the mixture's seed decides.
 * It keeps the numbers of those examples and its place.
 * @param lengths - lengths of rows, ascending; the last holds every example.
 */
export const bucketsAt = (
  mixture: Mixture,
  size: number,
  lengths: readonly number[],
  tokensOf: (draw: Draw) => number,
): (step: number) => Bucket<Draw> => {
  const together = drawsAt(mixture, size * BUCKET_STEPS);
  const windowAt = (window: number) => ({
    window,
    batches: rngOf(mixture.hash, "buckets", window).shuffle(
      bucketed(together(window), lengths, size, tokensOf),
    ),
  });
  let kept = { window: -1, batches: [] as readonly Bucket<Draw>[] };
  return (step) => {
    const window = Math.floor(step / BUCKET_STEPS);
    if (kept.window !== window) kept = windowAt(window);
    return kept.batches[step % BUCKET_STEPS]!;
  };
};
