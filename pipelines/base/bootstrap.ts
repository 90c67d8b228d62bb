/** Percentile bootstrap intervals (Efron 1979) over items, seeded. */
import * as t from "io-ts";
import type { TypeOf } from "./bridge.ts";
import { rngOf } from "./rng.ts";
import { quantile } from "./quantile.ts";

/** A number computed from a list of items. */
export type Statistic<A> = (items: readonly A[]) => number;

/** A statistic with an interval. */
export interface Interval extends TypeOf<typeof intervalCodec> {}

/** @internal */
export const intervalCodec = t.strict({
  /** The statistic of all items. */
  value: t.number,
  /** Lower end. */
  low: t.number,
  /** Upper end. */
  high: t.number,
});

/** How an interval is estimated. */
export interface BootstrapOptions {
  /** Key of the resampling. */
  readonly seed?: number;
  /** Number of resamples, 1,000 if absent. */
  readonly resamples?: number;
  /** Share that the interval covers, 0.95 if absent. */
  readonly level?: number;
}

/**
 * The interval of a statistic over resampled items. Several answers about one image are not independent: pass the
 * images, each with its answers, as items.
 * @throws {RangeError} if there are no items.
 */
export const bootstrap = <A>(
  items: readonly A[],
  statistic: Statistic<A>,
  { seed = 0, resamples = 1000, level = 0.95 }: BootstrapOptions = {},
): Interval => {
  if (items.length === 0) throw new RangeError("bootstrap: got no items; expected one or more");
  const rng = rngOf(seed, "bootstrap"), n = items.length;
  const values = Array.from(
    { length: resamples },
    () => statistic(Array.from({ length: n }, () => items[rng.below(n)]!)),
  ).sort((a, b) => a - b);
  const tail = (1 - level) / 2;
  return { value: statistic(items), low: quantile(values, tail), high: quantile(values, 1 - tail) };
};

/**
 * The interval of `statistic(a) - statistic(b)` where `a[i]` and `b[i]` are two models' results on the same item; the
 * same items are drawn for both. The difference is supported at the level where the interval leaves out 0.
 * @throws {RangeError} if the lists are empty or of different lengths.
 */
export const pairedDifference = <A>(
  a: readonly A[],
  b: readonly A[],
  statistic: Statistic<A>,
  options: BootstrapOptions = {},
): Interval => {
  if (a.length !== b.length) {
    throw new RangeError(
      `pairedDifference: got ${a.length} and ${b.length} items; expected the same items twice`,
    );
  }
  const pairs = a.map((item, i) => [item, b[i]!] as const);
  return bootstrap(
    pairs,
    (drawn) => statistic(drawn.map(([x]) => x)) - statistic(drawn.map(([, y]) => y)),
    options,
  );
};

/** The mean, the usual statistic; right answers count 1. */
export const meanOf = (items: readonly (number | boolean)[]): number =>
  items.reduce<number>((sum, item) => sum + Number(item), 0) / items.length;
