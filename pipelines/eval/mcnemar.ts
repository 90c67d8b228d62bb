/** McNemar's test (Psychometrika 12, 1947): are two models' shares of right answers on the same questions different? */
import { erfc } from "@chain-of-sight/core";

/** What the test finds. */
export interface McNemar {
  /** Questions that only the first model has right. */
  readonly onlyFirst: number;
  /** Questions that only the second model has right. */
  readonly onlySecond: number;
  /** Two-sided p of the exact binomial test on these two; 1 if there are none. */
  readonly exact: number;
  /** Chi-square with Edwards's correction for continuity, 1 degree of freedom; 0 if there are none. */
  readonly chiSquare: number;
  /** Its p; a good approximation from 25 such questions on. */
  readonly approximate: number;
}

/** Twice the lower tail of a fair binomial, at most 1, in logarithms so that thousands of questions are no trouble. */
const binomial = (k: number, n: number): number => {
  let log = -n * Math.LN2, total = Math.exp(log);
  for (let i = 1; i <= k; i++) {
    log += Math.log((n - i + 1) / i);
    total += Math.exp(log);
  }
  return Math.min(1, 2 * total);
};

/**
 * Compares two models' right (true) and wrong answers to the same questions, in the same order.
 * @throws {RangeError} if the lists differ in length.
 */
export const mcNemar = (first: readonly boolean[], second: readonly boolean[]): McNemar => {
  if (first.length !== second.length) {
    throw new RangeError(
      `mcNemar: got ${first.length} and ${second.length} answers; expected the same questions`,
    );
  }
  const onlyFirst = first.filter((right, i) => right && !second[i]).length;
  const onlySecond = second.filter((right, i) => right && !first[i]).length;
  const n = onlyFirst + onlySecond;
  const chiSquare = n === 0 ? 0 : Math.max(0, Math.abs(onlyFirst - onlySecond) - 1) ** 2 / n;
  return {
    onlyFirst,
    onlySecond,
    exact: binomial(Math.min(onlyFirst, onlySecond), n),
    chiSquare,
    approximate: erfc(Math.sqrt(chiSquare / 2)),
  };
};
