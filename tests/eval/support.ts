/** What the tests of scores share. */
import * as assert from "uvu/assert";
import * as E from "fp-ts/lib/Either.js";

/** Two numbers within a tolerance. */
export const close = (got: number | undefined, want: number, tolerance = 1e-12): void =>
  assert.ok(got !== undefined && Math.abs(got - want) <= tolerance, `${got} instead of ${want}`);

/** The value of a `Right`. */
export const right = <L, A>(either: E.Either<L, A>): A => {
  if (E.isLeft(either)) throw either.left;
  return either.right;
};

/** The value of a `Left`. */
export const left = <L, A>(either: E.Either<L, A>): L => {
  if (E.isRight(either)) throw new Error(`right: ${JSON.stringify(either.right)}`);
  return either.left;
};
