/** Words of a command line that name nothing. */
import * as Data from "effect/Data";
import { distance } from "fastest-levenshtein";
import { TaggedFault } from "../base/fault.ts";

/** A flag or argument that does not fit. */
export class UsageError extends TaggedFault("UsageError") {}

/** The end of a command with an exit code whose reason was said already. */
export class ExitCode extends Data.TaggedError("ExitCode")<{
  /** The code. */
  readonly code: number;
}> {}

/** The error of a name that is none of some, with the nearest of them. */
export const unknownName = (
  flag: string,
  got: string,
  what: string,
  names: readonly string[],
): UsageError => {
  const nearest = names.toSorted((a, b) => distance(a, got) - distance(b, got))[0];
  return new UsageError({
    op: flag,
    got,
    expected: `${what}: ${names.join(", ")}`,
    hint: nearest === undefined ? "see --help" : `the nearest is ${nearest}`,
  });
};
