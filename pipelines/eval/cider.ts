/** CIDEr-D (Vedantam et al., arXiv 1411.5726) as coco-caption's cider_scorer.py, which reports it as CIDEr. */
import { type Counts, type TokenizedCaption, upToFour } from "./ngrams.ts";

const SIGMA = 6;

interface Vector {
  readonly weights: Counts;
  readonly norm: number;
}

interface Weighted {
  /** Vectors of one to four words. */
  readonly orders: readonly Vector[];
  /** The script's length: the number of word pairs. */
  readonly length: number;
}

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** In how many images' references each sequence of one to four words occurs. */
const documents = (references: readonly (readonly (readonly Counts[])[])[]): Counts => {
  const df = new Map<string, number>();
  for (const image of references) {
    const seen = new Set(image.flatMap((orders) => orders.flatMap((counts) => [...counts.keys()])));
    for (const key of seen) df.set(key, (df.get(key) ?? 0) + 1);
  }
  return df;
};

const weigh = (orders: readonly Counts[], df: Counts, logImages: number): Weighted => ({
  orders: orders.map((counts) => {
    const weights = new Map(
      [...counts].map(([key, n]) => [key, n * (logImages - Math.log(Math.max(1, df.get(key) ?? 0)))]),
    );
    return { weights, norm: Math.sqrt(sum([...weights.values()].map((w) => w * w))) };
  }),
  length: sum(orders[1]!.values()),
});

const likeness = (predicted: Vector, reference: Vector): number => {
  const dot = sum(
    [...predicted.weights].map(([key, w]) => {
      const other = reference.weights.get(key) ?? 0;
      return Math.min(w, other) * other;
    }),
  );
  const norms = predicted.norm * reference.norm;
  return norms === 0 ? 0 : dot / norms;
};

/**
 * CIDEr-D of every caption, 0 to 10; the score of a corpus is the mean, often printed times 100. Document frequencies
 * are those of the references given here, so the number belongs to this set of images; with one image all weights
 * and the score are 0. Every caption must have a reference; an empty caption gets 0.
 */
export const ciderD = (captions: readonly TokenizedCaption[]): readonly number[] => {
  const references = captions.map((c) => c.references.map(upToFour));
  const df = documents(references), logImages = Math.log(captions.length);
  return captions.map(({ words }, i) => {
    const predicted = weigh(upToFour(words), df, logImages);
    const scores = references[i]!.map((orders) => {
      const reference = weigh(orders, df, logImages);
      const penalty = Math.exp(-((predicted.length - reference.length) ** 2) / (2 * SIGMA ** 2));
      return sum(predicted.orders.map((vector, k) => likeness(vector, reference.orders[k]!))) / 4 * penalty;
    });
    return 10 * sum(scores) / scores.length;
  });
};
