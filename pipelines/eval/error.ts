/** What can go wrong between questions, answers and scores. */
import { TaggedFault } from "../base/fault.ts";

/** Answers that do not belong to the questions, questions that a score cannot take, or a file of results at fault. */
export class EvalError extends TaggedFault("EvalError")<{
  /** Ids of the records, predictions or lines that are at fault. */
  readonly ids: readonly string[];
}> {}

/** How many ids a message lists before it counts the rest; the error's field has all of them. */
const LISTED = 5;

/** Ids for a message. */
export const listed = (ids: readonly string[]): string =>
  ids.length <= LISTED
    ? ids.join(", ")
    : `${ids.slice(0, LISTED).join(", ")} and ${ids.length - LISTED} more`;
