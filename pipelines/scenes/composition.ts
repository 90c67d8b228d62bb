/**
 * Held-out compositions. A fixed hash, independent of every seed, puts a share of the unordered pairs of concepts
 * aside. A scene of a training split (vision, pretrain, finetune) never shows both concepts of such a pair, anywhere
 * in the image; an evaluation scene may, and then its `composition` is `held-out`.
 */
import { hashWords } from "../base/rng.ts";

/** Whether two different concepts are put aside as a pair. */
export const isHeldOut = (a: number, b: number, share: number): boolean =>
  a !== b && hashWords("composition", Math.min(a, b), Math.max(a, b)) / 2 ** 32 < share;

/** All held-out pairs among the first `k` concepts, smaller number first. */
export const heldOutPairs = (k: number, share: number): readonly (readonly [number, number])[] =>
  Array.from({ length: k }, (_, a) => Array.from({ length: k }, (_, b) => [a, b] as const))
    .flat()
    .filter(([a, b]) => a < b && isHeldOut(a, b, share));

/** Whether a set of concepts contains a held-out pair. */
export const showsHeldOut = (present: readonly number[], share: number): boolean =>
  present.some((a, i) => present.slice(i + 1).some((b) => isHeldOut(a, b, share)));

/**
 * Whether a number of equal objects is held out for a concept. For every concept a fixed hash, independent of every
 * seed, picks `heldOut` of the numbers 2 to `most`; which numbers differs between concepts, so that training shows
 * every number, but not of everything.
 */
export const isHeldOutCount = (concept: number, count: number, most: number, heldOut: number): boolean => {
  if (count < 2 || count > most) return false;
  const rank = (n: number): number => hashWords("count", concept, n);
  const before = Array.from({ length: most - 1 }, (_, i) => i + 2).filter((n) => rank(n) < rank(count));
  return before.length < heldOut;
};
