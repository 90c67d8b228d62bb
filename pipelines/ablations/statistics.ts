/**
 * Means over seeds with intervals. Seeds and scenes are drawn again independently of each other (the crossed bootstrap of
 * Owen 2007), since every seed answers about the same scenes; the same draws serve all arms, so that differences are
 * paired by both. With few seeds the spread between them is underestimated by (n - 1) / n.
 */
import { rngOf } from "../base/rng.ts";
import { type Interval, meanOf } from "../base/bootstrap.ts";
import { quantile } from "../base/quantile.ts";
import { type Form, type SampleScore, scoreOf, scoreOfAll } from "../engine/sample_scores.ts";

/** Draws that serve all arms. */
export interface Draws {
  /** Of every resample, which seeds. */
  readonly seeds: readonly (readonly number[])[];
  /** Of every resample, how often each scene. */
  readonly scenes: readonly Uint16Array[];
}

/** Resamples of so many seeds and scenes, by a key. */
export const drawsOf = (seeds: number, scenes: number, resamples: number, key: number): Draws => {
  const rng = rngOf(key, "ablation");
  const some = (n: number): readonly number[] => Array.from({ length: n }, () => rng.below(n));
  const times = (): Uint16Array => {
    const weights = new Uint16Array(scenes);
    for (const i of some(scenes)) weights[i]!++;
    return weights;
  };
  const rounds = Array.from({ length: resamples }, () => [some(seeds), times()] as const);
  return { seeds: rounds.map(([s]) => s), scenes: rounds.map(([, w]) => w) };
};

const weighted = (form: Form, sums: SampleScore["sums"], weights: Uint16Array): number => {
  const total = [0, 0, 0];
  for (let i = 0; i < sums.length; i++) {
    const times = weights[i]!, of = sums[i]!;
    if (times === 0) continue;
    for (let k = 0; k < of.length; k++) total[k]! += times * of[k]!;
  }
  return scoreOf(form, total);
};

/** One metric of an arm by seed, in the order of the draws' seeds. */
export type BySeed = readonly SampleScore[];

/** The score in every resample. */
const resampled = (bySeed: BySeed, { seeds, scenes }: Draws): readonly number[] =>
  seeds.map((drawn, r) => {
    const known = new Map<number, number>();
    return meanOf(drawn.map((seed) => {
      const score = known.get(seed) ?? weighted(bySeed[seed]!.form, bySeed[seed]!.sums, scenes[r]!);
      known.set(seed, score);
      return score;
    }));
  });

// draws of scenes in which nothing of the kind was asked say nothing
const intervalOf = (value: number, values: readonly number[], tail: number = 0.025): Interval => {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  return sorted.length === 0
    ? { value, low: value, high: value }
    : { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
};

/** The mean of a metric over seeds with its 95 % interval. */
export const meanWithInterval = (bySeed: BySeed, draws: Draws): Interval =>
  intervalOf(meanOf(bySeed.map(scoreOfAll)), resampled(bySeed, draws));

/** A mean over seeds, and how much of it is taken. */
export interface Term {
  /** Factor, below 0 where it is taken away. */
  readonly weight: number;
  /** The metric by seed. */
  readonly bySeed: BySeed;
}

const combined = (terms: readonly Term[], of: (bySeed: BySeed) => number): number =>
  terms.reduce((sum, { weight, bySeed }) => sum + weight * of(bySeed), 0);

/**
 * A sum of weighted means with the same seeds on the same scenes, with its interval: a difference, or how much one
 * difference is greater than another.
 * @param tail - share of draws beyond either end; 0.025 makes an interval of 95 %.
 */
export const contrastWithInterval = (
  terms: readonly Term[],
  draws: Draws,
  tail: number = 0.025,
): Interval => {
  const drawn = terms.map(({ weight, bySeed }) => ({ weight, scores: resampled(bySeed, draws) }));
  return intervalOf(
    combined(terms, (bySeed) => meanOf(bySeed.map(scoreOfAll))),
    draws.seeds.map((_, r) => drawn.reduce((sum, { weight, scores }) => sum + weight * scores[r]!, 0)),
    tail,
  );
};

/** How much greater the mean of `a` is than that of `b` with the same seeds on the same scenes, with its interval. */
export const differenceWithInterval = (a: BySeed, b: BySeed, draws: Draws): Interval =>
  contrastWithInterval([{ weight: 1, bySeed: a }, { weight: -1, bySeed: b }], draws);
