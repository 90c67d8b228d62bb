/** Scores of every kind of question about scenes, by size and template, alongside controls that do not look. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import type { DataConfig } from "../scenes/config.ts";
import { boxFormatOf } from "../scenes/questions/box_format.ts";
import { sampleScenes } from "../scenes/scene.ts";
import { type QuestionKind, questionKinds, questionsOf } from "../scenes/tasks.ts";
import type { Benchmark } from "../eval/benchmark.ts";
import { bootstrap, type BootstrapOptions, type Interval, pairedDifference } from "../base/bootstrap.ts";
import { type BlindAnswer, type Control, everyControl, majorityAnswer } from "../eval/controls.ts";
import type { EvalError } from "../eval/error.ts";
import { type AnswerEvaluation, evaluateAnswers } from "../eval/evaluation.ts";
import type { Answered as AnsweredRecord } from "../records/records.ts";
import { sceneBenchmarks } from "../eval/scene_benchmarks.ts";
import { byKind, sceneRecord } from "../eval/scene_records.ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import { byImage, meanCredit, sceneSizes } from "../eval/slices.ts";
import type { Answered } from "./scores.ts";

/** A control alongside the model. */
export interface ControlScore {
  /** Its mean credit. */
  readonly credit: Interval;
  /** The model's mean credit less the control's, paired by scene. */
  readonly gain: Interval;
}

/** Scores of one kind of question. */
export interface KindScore extends AnswerEvaluation {
  /** Number of questions. */
  readonly n: number;
  /** The controls on the same questions. */
  readonly controls: Readonly<Record<Control, ControlScore>>;
}

/** Scores of the kinds that were asked. */
export type KindScores = Readonly<Partial<Record<QuestionKind, KindScore>>>;

const amount = nullableNumberCodec();
const interval = { value: amount, low: amount, high: amount };
const parts = t.readonlyArray(t.strict({ name: t.string, n: amount, ...interval }));
const control = t.strict({ credit: t.strict(interval), gain: t.strict(interval) });
const kindScore = t.strict({
  n: amount,
  report: t.strict({ n: amount, main: t.string, values: t.record(t.string, amount) }),
  credit: t.strict(interval),
  bySize: parts,
  byTemplate: parts,
  controls: t.strict(
    Object.fromEntries(everyControl.map((c) => [c, control])) as Record<Control, typeof control>,
  ),
});
const kindScoresType: t.Type<KindScores, unknown, unknown> = t.exact(t.partial(
  Object.fromEntries(questionKinds.map((kind) => [kind, kindScore])) as Record<
    QuestionKind,
    typeof kindScore
  >,
));

/** Codec of {@link KindScores}. */
export const kindScoresCodec = (): t.Type<KindScores, unknown, unknown> => kindScoresType;

/** The same questions answered by the model and by the controls that need it, in the same order. */
export interface Answers {
  /** The model that sees the scene. */
  readonly seen: readonly Answered[];
  /** The model that sees the average image. */
  readonly blind: readonly Answered[];
  /** The model that sees another scene. */
  readonly shuffled: readonly Answered[];
}

/** Training scenes whose answers the majority is taken of. */
const FITTED = 512;

/** The most frequent answer of each template in training, fitted on scenes of the configuration's split `finetune`. */
export const majorityOf = (config: DataConfig): BlindAnswer => {
  const records = sampleScenes(config, "finetune", FITTED).flatMap((scene) =>
    questionsOf(scene, config).map((q, i) => sceneRecord(q, config, scene.id, `${scene.id} ${i}`))
  );
  return majorityAnswer(records, boxFormatOf(config).print);
};

const recordsOf = (answered: readonly Answered[], config: DataConfig): readonly AnsweredRecord[] =>
  answered.map(({ scene, question, answer }, i) => ({
    record: sceneRecord(question, config, String(scene), String(i)),
    answer,
  }));

const totalsOf = ({ credit }: Benchmark, answered: readonly AnsweredRecord[]): ReturnType<typeof byImage> =>
  byImage(answered, answered.map(({ record, answer }) => credit(record, answer)));

const scoreOf = (
  of: Benchmark,
  seen: readonly AnsweredRecord[],
  others: Readonly<Record<Control, readonly AnsweredRecord[]>>,
  options: BootstrapOptions,
): E.Either<EvalError, KindScore> => {
  const own = totalsOf(of, seen);
  const controlOf = (name: Control): ControlScore => {
    const totals = totalsOf(of, others[name]);
    return {
      credit: bootstrap(totals, meanCredit, options),
      gain: pairedDifference(own, totals, meanCredit, options),
    };
  };
  return E.map((evaluation: AnswerEvaluation): KindScore => ({
    ...evaluation,
    n: seen.length,
    controls: { blind: controlOf("blind"), shuffled: controlOf("shuffled"), majority: controlOf("majority") },
  }))(evaluateAnswers(of, seen, { ...options, sizes: sceneSizes }));
};

/**
 * Scores of every kind among some answers. Intervals draw scenes, each with its questions of the kind.
 * @throws {EvalError} for a question without an answer to compare with, which {@link questionsOf} never asks.
 */
export const kindScoresOf = (answers: Answers, config: DataConfig, options: BootstrapOptions): KindScores => {
  const majority = majorityOf(config), benchmarks = sceneBenchmarks(config);
  const [blind, shuffled] = [byKind(answers.blind), byKind(answers.shuffled)];
  return Object.fromEntries(
    [...byKind(answers.seen)].map(([kind, items]) => {
      const seen = recordsOf(items, config);
      const score = scoreOf(benchmarks[kind], seen, {
        blind: recordsOf(blind.get(kind)!, config),
        shuffled: recordsOf(shuffled.get(kind)!, config),
        majority: seen.map(({ record }) => ({ record, answer: majority(record) })),
      }, options);
      if (E.isLeft(score)) throw score.left;
      return [kind, score.right];
    }),
  );
};
