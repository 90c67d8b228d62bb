/** Shared parts of the tests of scores. */
import * as assert from "uvu/assert";

/** Two numbers within a tolerance. */
export const close = (got: number | undefined, want: number, tolerance = 1e-12): void =>
  assert.ok(got !== undefined && Math.abs(got - want) <= tolerance, `${got} instead of ${want}`);

/** Writes values one a line, with a newline at the end of each. */
export const printLines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");
