/** The sides of an Either, where a test knows which one it has. */
import * as E from "fp-ts/lib/Either.js";

/** The value of a `Right`; throws what a `Left` holds. */
export const right = <L, A>(either: E.Either<L, A>): A => {
  if (E.isLeft(either)) throw either.left;
  return either.right;
};

/** The value of a `Left`; throws for a `Right`. */
export const left = <L, A>(either: E.Either<L, A>): L => {
  if (E.isRight(either)) throw new Error(`right: ${JSON.stringify(either.right)}`);
  return either.left;
};
