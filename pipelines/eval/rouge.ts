/** ROUGE-L (Lin, ACL 2004) as coco-caption's rouge.py: beta 1.2, the best precision and the best recall of any reference. */
import type { TokenizedCaption } from "./ngrams.ts";

const BETA2 = 1.2 ** 2;

/** Length of the longest common subsequence. */
export const commonLength = (a: readonly string[], b: readonly string[]): number => {
  let row = new Uint32Array(b.length + 1);
  for (const word of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      next[j] = word === b[j - 1] ? row[j - 1]! + 1 : Math.max(row[j]!, next[j - 1]!);
    }
    row = next;
  }
  return row[b.length]!;
};

// Splitting an empty text at spaces gives one empty word, as in the script.
const split = (words: readonly string[]): readonly string[] => words.length === 0 ? [""] : words;

/** ROUGE-L of one caption, 0 to 1; the score of a corpus is the mean. Every caption must have a reference. */
export const rougeL = ({ words, references }: TokenizedCaption): number => {
  const predicted = split(words);
  const parts = references.map((reference) => {
    const known = split(reference), common = commonLength(predicted, known);
    return { precision: common / predicted.length, recall: common / known.length };
  });
  const precision = Math.max(...parts.map((p) => p.precision));
  const recall = Math.max(...parts.map((p) => p.recall));
  return precision === 0 || recall === 0
    ? 0
    : (1 + BETA2) * precision * recall / (recall + BETA2 * precision);
};
