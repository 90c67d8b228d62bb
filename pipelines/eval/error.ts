/** What can go wrong between questions, answers and scores. */
import { FaultError } from "../base/fault.ts";

/** Answers that do not belong to the questions, questions that a score cannot take, or a file of results at fault. */
export class EvalError extends FaultError<{
  /** Ids of the records, predictions or lines that are at fault. */
  readonly ids: readonly string[];
}> {
  /** Discriminates the error. */
  readonly _tag = "EvalError";
  /** The class name shown in stack traces. */
  override readonly name = "EvalError";
}

/** How many ids a message lists before it counts the rest; the error's field has all of them. */
const LISTED = 5;

/** Ids for a message. */
export const listed = (ids: readonly string[]): string =>
  ids.length <= LISTED
    ? ids.join(", ")
    : `${ids.slice(0, LISTED).join(", ")} and ${ids.length - LISTED} more`;
