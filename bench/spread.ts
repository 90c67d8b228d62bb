/** Medians and quartiles of repeated measurements. */
import { quantile } from "../pipelines/base/quantile.ts";

/** Where repeated measurements are. */
export interface Spread {
  /** Number of measurements. */
  readonly n: number;
  /** The middle one, or the mean of the middle two. */
  readonly median: number;
  /** A quarter is below. */
  readonly q1: number;
  /** A quarter is above. */
  readonly q3: number;
  /** The least. */
  readonly least: number;
  /** The largest. */
  readonly largest: number;
}

/** The spread of at least one number. */
export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    n: sorted.length,
    median: quantile(sorted, 0.5),
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
    least: sorted[0]!,
    largest: sorted.at(-1)!,
  };
};
