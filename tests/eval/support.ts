/** What the tests of scores share. */
import * as assert from "uvu/assert";

/** Two numbers within a tolerance. */
export const close = (got: number | undefined, want: number, tolerance = 1e-12): void =>
  assert.ok(got !== undefined && Math.abs(got - want) <= tolerance, `${got} instead of ${want}`);
