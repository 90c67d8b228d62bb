/** Nested token counts. */
import { ConfigError } from "../errors.ts";

/**
 * A list of counts, each greater than the one before.
 * @throws {ConfigError} where it is empty or does not grow.
 */
export const growing = (op: string, counts: readonly number[]): readonly number[] => {
  if (counts.length > 0 && counts.every((n, i) => Number.isInteger(n) && n > (counts[i - 1] ?? 0))) {
    return counts;
  }
  throw new ConfigError({
    op,
    got: `[${counts}]`,
    expected: "one whole number above 0 or more, each greater than the one before",
    hint: "sort them from small to large",
  });
};
