/** Questions and answers brought together; nothing is dropped silently. */
import * as E from "fp-ts/lib/Either.js";
import { EvalError, listed } from "./error.ts";
import type { Answered, BenchmarkRecord, Prediction } from "../records/records.ts";

/** Ids that occur more than once, each once, in order of appearance. */
export const duplicates = (ids: readonly string[]): readonly string[] => {
  const seen = new Set<string>(), twice = new Set<string>();
  for (const id of ids) (seen.has(id) ? twice : seen).add(id);
  return [...twice];
};

const refuse = (got: string, expected: string, hint: string, ids: readonly string[]): EvalError =>
  new EvalError({ op: "join", got: `${got}: ${listed(ids)}`, expected, hint, ids });

/**
 * Every question with its answer, in the order of the questions.
 *
 * @returns an {@link EvalError} with the ids for questions or predictions that occur twice, questions without a
 * prediction, and predictions without a question. An empty answer is an answer.
 */
export const answeredOf = <R extends BenchmarkRecord>(
  records: readonly R[],
  predictions: readonly Prediction[],
): E.Either<EvalError, readonly Answered<R>[]> => {
  const recordIds = records.map(({ id }) => id), predictionIds = predictions.map(({ id }) => id);
  const known = new Set(recordIds), given = new Map(predictions.map(({ id, answer }) => [id, answer]));
  const checks = [
    [duplicates(recordIds), "questions with the same id", "ids that are unique", "give each question an id"],
    [duplicates(predictionIds), "more than one prediction", "one for each question", "keep one of them"],
    [recordIds.filter((id) => !given.has(id)), "no prediction", "one for each question", "answer them too"],
    [
      predictionIds.filter((id) => !known.has(id)),
      "predictions without a question",
      "predictions for these annotations only",
      "take the annotations of the same split, or leave these predictions out",
    ],
  ] as const;
  const found = checks.find(([ids]) => ids.length > 0);
  return found === undefined
    ? E.right(records.map((record) => ({ record, answer: given.get(record.id)! })))
    : E.left(refuse(found[1], found[2], found[3], found[0]));
};
