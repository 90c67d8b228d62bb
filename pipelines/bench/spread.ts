/** Medians and quartiles of repeated measurements. */
import * as t from "io-ts";
import { quantile } from "../base/quantile.ts";

/** Where repeated measurements lie. */
export interface Spread {
  /** Number of measurements. */
  readonly n: number;
  /** The middle one, or the mean of the middle two. */
  readonly median: number;
  /** A quarter lies below. */
  readonly q1: number;
  /** A quarter lies above. */
  readonly q3: number;
  /** The least. */
  readonly least: number;
  /** The greatest. */
  readonly greatest: number;
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
    greatest: sorted.at(-1)!,
  };
};

/** A spread in another unit. */
export const scaled = (s: Spread, factor: number): Spread => ({
  n: s.n,
  median: s.median * factor,
  q1: s.q1 * factor,
  q3: s.q3 * factor,
  least: s.least * factor,
  greatest: s.greatest * factor,
});

const spreadType = t.strict({
  n: t.number,
  median: t.number,
  q1: t.number,
  q3: t.number,
  least: t.number,
  greatest: t.number,
});

/** Codec of {@link Spread}. */
export const spreadCodec = (): t.Type<Spread, unknown, unknown> =>
  spreadType as unknown as t.Type<Spread, unknown, unknown>;
