/**
 * Predictions as an evaluation keeps them alongside its scores, so that rules can be applied again: lines of JSON, first what
 * holds for all of them, then one for each question with the answers of the model and of its controls.
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, parseJson, parseLines, type TypeOf } from "../base/bridge.ts";
import { type Control, everyControl } from "./controls.ts";
import { anyRecordCodec } from "../records/records.ts";
import type { ScoreReport } from "./report.ts";

/** Whose answers: the model's about the image in question, or a control's. */
export type Way = "seen" | Control;

/** Every way. */
export const everyWay: readonly Way[] = ["seen", ...everyControl];

/** An answer, what its score read in it, and what it was worth. */
export interface KeptAnswer extends TypeOf<typeof keptAnswerCodec> {}

/** A question with all that was answered. */
export interface KeptPrediction extends TypeOf<typeof keptPredictionCodec> {}

/** Scores by benchmark and by whose answers they are. */
export type WayScores = Readonly<Record<string, Readonly<Partial<Record<Way, ScoreReport>>>>>;

/** What holds for all predictions of an evaluation. */
export interface PredictionsHead extends TypeOf<typeof headCodec> {}

/** The predictions of one evaluation. */
export interface Predictions {
  /** What holds for all. */
  readonly head: PredictionsHead;
  /** One for each question. */
  readonly predictions: readonly KeptPrediction[];
}

const byWay = <A>(of: t.Type<A, unknown, unknown>): t.Type<Partial<Record<Way, A>>, unknown, unknown> =>
  t.partial({ seen: of, blind: of, shuffled: of, majority: of });

const report: t.Type<ScoreReport, unknown, unknown> = t.type({
  n: t.number,
  main: t.string,
  values: t.record(t.string, t.number),
});
/** @internal */
export const headCodec = t.type({
  /** Version of this form. */
  format: t.literal(1),
  /** The evaluation: a part of a mixture, or a set of scenes. */
  evaluation: t.string,
  /** Hash of all that the answers come from. */
  identity: t.string,
  /** Name of the format in which boxes are written and read. */
  boxes: t.string,
  /** The prompt of each benchmark. */
  prompts: t.record(t.string, t.string),
  /** The scores as they were. */
  scores: t.record(t.string, byWay(report)),
});
/** @internal */
export const keptAnswerCodec = t.intersection([
  t.type({
    /** The text as the model wrote it. */
    answer: t.string,
    /** What the score took from it, as the benchmark's `read` gives it. */
    read: t.string,
    /** Its credit, 0 to 1. */
    credit: t.number,
  }),
  t.partial({
    /** The image that was shown, where that is not the question's own. */
    image: t.string,
  }),
]);
/** @internal */
export const keptPredictionCodec = t.type({
  /** Name of its benchmark. */
  benchmark: t.string,
  /** The question with its image and the true answer. */
  record: anyRecordCodec,
  /** The answers. */
  answers: byWay(keptAnswerCodec),
});

/** The file of predictions, line by line. */
export function* predictionLines({ head, predictions }: Predictions): Generator<string> {
  yield `${JSON.stringify(head)}\n`;
  for (const one of predictions) yield `${JSON.stringify(one)}\n`;
}

/** Reads a file of predictions; the error names the line and the field. */
export const parsePredictions = (
  file: string,
): (text: string) => E.Either<DecodeError, Predictions> =>
(text) => {
  const end = text.indexOf("\n"), op = `${file}, line 1`;
  return pipe(
    parseJson(op)(text.slice(0, end < 0 ? text.length : end)),
    E.flatMap(decodeEither(headCodec, op)),
    E.flatMap((head) =>
      pipe(
        // the empty line keeps the numbers of the others
        parseLines(keptPredictionCodec, file)(end < 0 ? "" : text.slice(end)),
        E.map((predictions) => ({ head, predictions })),
      )
    ),
  );
};
