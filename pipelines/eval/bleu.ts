/** BLEU-1 to BLEU-4 over a corpus (Papineni et al., ACL 2002), as coco-caption's bleu_scorer.py with `closest` lengths. */
import { type Counts, type TokenizedCaption, upToFour } from "./ngrams.ts";

// The script's guards against divisions by 0: perfect captions get a hair less than 1.
const SMALL = 1e-9, TINY = 1e-15;

const most = (counts: readonly Counts[]): Counts => {
  const out = new Map<string, number>();
  for (const one of counts) for (const [key, n] of one) out.set(key, Math.max(out.get(key) ?? 0, n));
  return out;
};

/** The length nearest to the caption's, the shorter of two that are as near. */
const closest = (length: number, lengths: readonly number[]): number =>
  lengths.reduce((best, l) => {
    const d = Math.abs(l - length), before = Math.abs(best - length);
    return d < before || (d === before && l < best) ? l : best;
  });

interface Parts {
  readonly length: number;
  readonly reference: number;
  readonly guesses: readonly number[];
  readonly correct: readonly number[];
}

const partsOf = ({ words, references }: TokenizedCaption): Parts => {
  const grams = upToFour(words), known = references.map(upToFour);
  return {
    length: words.length,
    reference: closest(words.length, references.map((r) => r.length)),
    guesses: grams.map((_, k) => Math.max(0, words.length - k)),
    correct: grams.map((counts, k) => {
      const limits = most(known.map((r) => r[k]!));
      return [...counts].reduce((sum, [key, n]) => sum + Math.min(n, limits.get(key) ?? 0), 0);
    }),
  };
};

/**
 * BLEU of order 1 to 4, 0 to 1: matches clipped to the most of any reference, summed over the corpus, geometric mean of
 * the precisions, and the brevity penalty of the summed lengths. Every caption must have a reference.
 */
export const bleu = (captions: readonly TokenizedCaption[]): readonly [number, number, number, number] => {
  const parts = captions.map(partsOf);
  const sum = (of: (p: Parts) => number): number => parts.reduce((total, p) => total + of(p), 0);
  const brevity = (sum((p) => p.length) + TINY) / (sum((p) => p.reference) + SMALL);
  const penalty = brevity < 1 ? Math.exp(1 - 1 / brevity) : 1;
  let product = 1;
  return [0, 1, 2, 3].map((k) => {
    product *= (sum((p) => p.correct[k]!) + TINY) / (sum((p) => p.guesses[k]!) + SMALL);
    return product ** (1 / (k + 1)) * penalty;
  }) as unknown as readonly [number, number, number, number];
};
