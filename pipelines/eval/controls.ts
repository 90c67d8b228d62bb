/**
 * Controls that do not look: how much of a score needs no image, or not this image. They name another image for each
 * question or answer it blindly, for any benchmark; the scores stay the same.
 */
import * as E from "fp-ts/lib/Either.js";
import { rngOf } from "../base/rng.ts";
import { letterOf } from "../text/prompts.ts";
import { EvalError } from "./error.ts";
import { type BenchmarkRecord, imageKey, isHidden, type Prediction } from "../records/records.ts";
import { groupBy } from "./report.ts";
import { mostFrequent } from "../base/quantile.ts";

/**
 * Ways of answering without looking at the image that is asked about: the model before an average image, the model before
 * another question's image, and the most frequent answer of the same type of question in training.
 */
export type Control = "blind" | "shuffled" | "majority";

/** Every control. */
export const everyControl: readonly Control[] = ["blind", "shuffled", "majority"];

/**
 * The questions with each image exchanged for another, so that none keeps its own: a random cycle through all images
 * (Sattolo 1986), so every image is used as often as another was. Questions about one image stay together; those without
 * an image stay without. The answers expected are still those of the image that went.
 *
 * @param records - {@link imageKey} tells their images apart, so that one image under two names is one image.
 * @param seed - the same seed gives the same exchange on every machine.
 * @returns an {@link EvalError} if there is only one image.
 */
export const shuffledImages = <R extends BenchmarkRecord>(
  records: readonly R[],
  seed: number,
): E.Either<EvalError, readonly R[]> => {
  const named = new Map<string, Pick<BenchmarkRecord, "image" | "content">>();
  for (const record of records) {
    const key = imageKey(record), { image, content } = record;
    if (key === undefined || named.has(key)) continue;
    named.set(key, {
      ...(image === undefined ? {} : { image }),
      ...(content === undefined ? {} : { content }),
    });
  }
  const images = [...named.keys()];
  if (images.length === 1) {
    return E.left(
      new EvalError({
        op: "shuffled images",
        got: `one image, ${images[0]}`,
        expected: "two or more",
        hint: "take questions about more images",
        ids: records.map(({ id }) => id),
      }),
    );
  }
  const rng = rngOf(seed, "shuffled images"), moved = [...images];
  for (let i = moved.length - 1; i > 0; i--) {
    const j = rng.below(i);
    [moved[i], moved[j]] = [moved[j]!, moved[i]!];
  }
  const other = new Map(images.map((image, i) => [image, named.get(moved[i]!)!]));
  return E.right(
    records.map((record) => {
      const key = imageKey(record);
      return key === undefined ? record : { ...record, ...other.get(key)! };
    }),
  );
};

/** The answers that a record's annotators gave, as a model should write them. */
const truths = (record: BenchmarkRecord): readonly string[] => {
  if (isHidden(record)) return [];
  switch (record.kind) {
    case "open":
    case "reading":
      return record.answers;
    case "exact":
      return [record.answer];
    case "yes-no":
      return [record.answer ? "yes" : "no"];
    case "choice":
      return [letterOf(record.answer)];
    case "caption":
      return record.references;
    case "box": {
      const { box: [x1, y1, x2, y2], width, height } = record;
      return [[x1 / width, y1 / height, x2 / width, y2 / height].map((v) => v.toFixed(1)).join(" ")];
    }
  }
};

/** The most frequent text; of several the first in the order of code units. Empty if there is none. */
const commonest = (texts: readonly string[]): string => mostFrequent(texts.toSorted()) ?? "";

/** The parts of a kind's questions among which a majority is taken. */
const typeOf = (record: BenchmarkRecord): string =>
  record.template ??
    (record.kind === "yes-no" ? record.part : record.kind === "choice" ? record.category : "") ??
    "";

/** A function that answers without looking. */
export type BlindAnswer = (record: BenchmarkRecord) => string;

/**
 * The majority answer for each type of question, fitted on training annotations only; hidden answers have no voice. A type is the `template`, else
 * the part or category; types that training lacks get the majority of all. For choices this is the most frequent
 * letter; for captions the most frequent caption; for boxes the most frequent box of a tenth of the side, which
 * `boxText` writes in the benchmark's way.
 *
 * @param boxText - writes a box given in shares of the image's sides.
 */
export const majorityAnswer = (
  train: readonly BenchmarkRecord[],
  boxText: (box: readonly [number, number, number, number]) => string = (box) => box.join(" "),
): BlindAnswer => {
  const overall = commonest(train.flatMap(truths));
  const byType = new Map(
    [...groupBy(train, typeOf)].map(([type, records]) => [type, commonest(records.flatMap(truths))]),
  );
  return (record) => {
    const answer = byType.get(typeOf(record)) ?? overall;
    return record.kind === "box" && answer !== ""
      ? boxText(answer.split(" ").map(Number) as unknown as readonly [number, number, number, number])
      : answer;
  };
};

/** Predictions for all questions by a function that does not look. */
export const blindPredictions = (
  records: readonly BenchmarkRecord[],
  answer: BlindAnswer,
): readonly Prediction[] => records.map((record) => ({ id: record.id, answer: answer(record) }));
