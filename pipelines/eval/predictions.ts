/**
 * Predictions as an evaluation keeps them beside its scores, so that rules can be applied again: lines of JSON, first what
 * holds for all of them, then one for each question with the answers of the model and of its controls.
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, parseJson, parseLines } from "../base/bridge.ts";
import { type Control, everyControl } from "./controls.ts";
import { anyRecordCodec, type BenchmarkRecord } from "../records/records.ts";
import type { ScoreReport } from "./report.ts";

/** Whose answers: the model's about the image in question, or a control's. */
export type Way = "seen" | Control;

/** Every way. */
export const everyWay: readonly Way[] = ["seen", ...everyControl];

/** An answer, what its score read in it, and what it was worth. */
export interface KeptAnswer {
  /** The text as the model wrote it. */
  readonly answer: string;
  /** What the score took from it, as the benchmark's `read` gives it. */
  readonly read: string;
  /** Its credit, 0 to 1. */
  readonly credit: number;
  /** The image that was shown, where that is not the question's own. */
  readonly image?: string;
}

/** A question with all that was answered. */
export interface KeptPrediction {
  /** Name of its benchmark. */
  readonly benchmark: string;
  /** The question with its image and the true answer. */
  readonly record: BenchmarkRecord;
  /** The answers. */
  readonly answers: Readonly<Partial<Record<Way, KeptAnswer>>>;
}

/** Scores by benchmark and by whose answers they are. */
export type WayScores = Readonly<Record<string, Readonly<Partial<Record<Way, ScoreReport>>>>>;

/** What holds for all predictions of an evaluation. */
export interface PredictionsHead {
  /** Version of this form. */
  readonly format: 1;
  /** The evaluation: a part of a mixture, or a set of scenes. */
  readonly evaluation: string;
  /** Hash of all that the answers come from. */
  readonly identity: string;
  /** Name of the format in which boxes are written and read. */
  readonly boxes: string;
  /** The prompt of each benchmark. */
  readonly prompts: Readonly<Record<string, string>>;
  /** The scores as they were. */
  readonly scores: WayScores;
}

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
const head: t.Type<PredictionsHead, unknown, unknown> = t.type({
  format: t.literal(1),
  evaluation: t.string,
  identity: t.string,
  boxes: t.string,
  prompts: t.record(t.string, t.string),
  scores: t.record(t.string, byWay(report)),
});
const answer: t.Type<KeptAnswer, unknown, unknown> = t.intersection([
  t.type({ answer: t.string, read: t.string, credit: t.number }),
  t.partial({ image: t.string }),
]);
const prediction: t.Type<KeptPrediction, unknown, unknown> = t.type({
  benchmark: t.string,
  record: anyRecordCodec,
  answers: byWay(answer),
});

/** The file of predictions, line by line. */
export function* predictionLines({ head, predictions }: Predictions): Generator<string> {
  yield `${JSON.stringify(head)}\n`;
  for (const one of predictions) yield `${JSON.stringify(one)}\n`;
}

/** Reads a file of predictions; the error names the line and the field. */
export const parsePredictions = (file: string) => (text: string): E.Either<DecodeError, Predictions> => {
  const end = text.indexOf("\n"), op = `${file}, line 1`;
  return pipe(
    parseJson(op)(text.slice(0, end < 0 ? text.length : end)),
    E.flatMap(decodeEither(head, op)),
    E.flatMap((head) =>
      pipe(
        // the empty line keeps the numbers of the others
        parseLines(prediction, file)(end < 0 ? "" : text.slice(end)),
        E.map((predictions) => ({ head, predictions })),
      )
    ),
  );
};
