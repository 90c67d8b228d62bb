/**
 * Evaluation on held-out scenes, alongside two controls of the same model: `blind` sees the average image of the
 * training scenes whatever it is asked about, `shuffled` sees the image of another scene. What a model scores
 * beyond both it owes to its eyes.
 */
import type { ConfigError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { type DecodeError, fromEither, type TypeOf } from "../base/bridge.ts";
import type { DataConfig } from "../scenes/config.ts";
import { sampleScenes } from "../scenes/scene.ts";
import { type QuestionKind, questionKinds, questionsOf } from "../scenes/tasks.ts";
import type { EvalError } from "../eval/error.ts";
import { leadHas, onLead, type RanksError } from "../ranks/ranks.ts";
import type { GenerationError } from "../generate/generator.ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import type { DiskError } from "../base/disk.ts";
import { hashOf } from "../base/hash.ts";
import { readJson, RunError, writeJson } from "../runs/run_directory.ts";
import { questionIds } from "../text/prompt.ts";
import type { FeatureSet } from "../train/features.ts";
import { type Answerer, openAnswerer } from "./answer.ts";
import type { LanguageData } from "./scene_source.ts";
import type { ModelParts, ModelState } from "./model.ts";
import { predictionsPath, writePredictions } from "./predictions.ts";
import { otherScene, scenePredictions } from "./scene_predictions.ts";
import { type Answers, kindScoresCodec, kindScoresOf } from "./kind_scores.ts";
import { type Answered, evalQuestions, f1Gain, type ScoreOptions, scoresCodec, scoresOf } from "./scores.ts";
import type { Stage, StageRun } from "./stage.ts";

/** How a model is evaluated. */
export interface EvaluateConfig {
  /** Questions per submit. */
  readonly batch: number;
  /** Resamples of intervals. */
  readonly resamples: number;
  /** Key of the resampling. */
  readonly seed: number;
  /** Scenes whose answers are kept for the contact sheet. */
  readonly samples: number;
}

/** What a model and its controls score. */
export interface Evaluation extends TypeOf<typeof evaluationCodec> {}

const interval = t.strict({
  value: nullableNumberCodec(),
  low: nullableNumberCodec(),
  high: nullableNumberCodec(),
});
/** @internal */
export const evaluationCodec = t.strict({
  /** Hash of all that it came from. */
  identity: t.string,
  /** The model. */
  scores: scoresCodec,
  /** The model that sees the average image. */
  blind: scoresCodec,
  /** The model that sees another scene. */
  shuffled: scoresCodec,
  /** Presence F1 beyond the blind control, paired by scene. */
  gainOverBlind: interval,
  /** Presence F1 beyond the shuffled control, paired by scene. */
  gainOverShuffled: interval,
  /** Every kind of question that was asked, by size and template, alongside its controls. */
  kinds: kindScoresCodec(),
  /** Answers of the model about the first scenes, in the order of the questions. */
  answers: t.readonlyArray(t.string),
});

/**
 * Questions about the scenes of some data: in worlds at full strength of the kinds that its rows train, in others all
 * but captions.
 */
export const questionsFor = (
  { scenes, data, text }: Pick<LanguageData, "scenes" | "data" | "text">,
): ReturnType<typeof evalQuestions> => {
  const trained = questionKinds.filter((kind) => (text.turns[kind] ?? 0) > 0);
  return evalQuestions(
    scenes,
    (scene) =>
      data.world === undefined
        ? questionsOf(scene, data).filter((q) => q.kind !== "caption")
        : questionsOf(scene, data, 0, trained).filter((q) => trained.includes(q.kind)),
  );
};

/** Training scenes whose answers say how long answers are. */
const MEASURED = 512;

/**
 * Tokens that answers of a kind may have: those of the longest right one to questions about training scenes, since the
 * answers of the scenes that are asked about must not be made use of. A kind that training lacks may have those of any.
 */
const tokensFor = (
  { tokenizer, data, text }: Pick<LanguageData, "tokenizer" | "data" | "text">,
): (kind: QuestionKind) => number => {
  const longest = new Map<QuestionKind, number>();
  for (
    const { question: { kind, answer } } of questionsFor({
      scenes: sampleScenes(data, "finetune", MEASURED),
      data,
      text,
    })
  ) {
    longest.set(kind, Math.max(longest.get(kind) ?? 1, tokenizer.encode(answer).length));
  }
  const most = Math.max(1, ...longest.values());
  return (kind) => longest.get(kind) ?? most;
};

/** Answers all questions, each about the image that `imageOf` names. Equal askings are answered once. */
export const answerAll = (
  answer: Answerer,
  features: FeatureSet,
  data: Pick<LanguageData, "scenes" | "data" | "text">,
  tokens: (kind: QuestionKind) => number,
  imageOf: (scene: number) => number,
): Effect.Effect<readonly Answered[], GenerationError | RanksError> =>
  Effect.gen(function* () {
    const questions = questionsFor(data);
    const keyOf = (scene: number, prompt: string): string => `${imageOf(scene)} ${prompt}`;
    const requests = new Map(questions.map(({ scene, question }) => [
      keyOf(scene, question.prompt),
      { imageIndex: imageOf(scene), prompt: question.prompt, tokens: tokens(question.kind) },
    ]));
    const answers = yield* answer(features, [...requests.values()]);
    const byKey = new Map([...requests.keys()].map((key, i) => [key, answers[i]!]));
    return questions.map(({ scene, question }) => ({
      scene,
      question,
      answer: byKey.get(keyOf(scene, question.prompt))!,
    }));
  });

/** Everything that evaluation reads. */
export interface EvaluateStage {
  /** Name of the stage in the run. */
  readonly name: string;
  /** How it is done. */
  readonly config: EvaluateConfig;
  /** The model around the bridge. */
  readonly model: ModelParts;
  /** Held-out scenes at the resolution of the model. */
  readonly data: LanguageData;
  /** The average image of the training scenes. */
  readonly average: FeatureSet;
}

/** The pure end of an evaluation: scores from answers. */
export const judged = (
  identity: string,
  answers: Answers,
  config: DataConfig,
  { resamples, seed, samples }: Pick<EvaluateConfig, "resamples" | "seed" | "samples">,
): Evaluation => {
  const options: ScoreOptions = { grid: config.grid, resamples, seed };
  return {
    identity,
    scores: scoresOf(answers.seen, options),
    blind: scoresOf(answers.blind, options),
    shuffled: scoresOf(answers.shuffled, options),
    gainOverBlind: f1Gain(answers.seen, answers.blind, options),
    gainOverShuffled: f1Gain(answers.seen, answers.shuffled, options),
    kinds: kindScoresOf(answers, config, { resamples, seed }),
    answers: answers.seen.filter((a) => a.scene < samples).map((a) => a.answer),
  };
};

const otherEvaluation = (path: string, got: string, expected: string): RunError =>
  new RunError({
    op: `evaluate into ${path}`,
    got: `an evaluation with the identity ${got}`,
    expected,
    hint: "go on with the configuration and data of that run, or choose another directory",
    path,
  });

/** Evaluation as a stage; its result is kept as JSON alongside the checkpoints. */
export const evaluate = (
  run: StageRun,
  stage: EvaluateStage,
): Stage<
  ModelState,
  Evaluation,
  ConfigError | GenerationError | DiskError | DecodeError | EvalError | RanksError | RunError,
  Device
> =>
(given) =>
  Effect.gen(function* () {
    const { data, config, model } = stage, { tokenizer, features, scenes } = data;
    const path = `${run.directory.samples}/${stage.name}.json`;
    const identity = hashOf({
      evaluate: given.identity,
      config,
      data: data.data,
      features: features.key,
      average: stage.average.key,
      scenes: scenes.length,
    });
    const before = yield* readJson(path, evaluationCodec).pipe(
      Effect.catch(() => Effect.succeed(undefined)),
    );
    if (before !== undefined && before.identity !== identity) {
      return yield* Effect.fail(otherEvaluation(path, before.identity, identity));
    }
    if ((yield* leadHas(before !== undefined)) && before !== undefined) return before;
    const questions = questionsFor(data), tokens = tokensFor(data);
    const longest = Math.max(...questions.map(({ question: q }) => questionIds(tokenizer, q.prompt).length));
    return yield* Effect.scoped(Effect.gen(function* () {
      const answer = yield* openAnswerer({
        model,
        bridge: given.bridge,
        params: given.params,
        tokenizer,
        batch: config.batch,
        prompt: longest,
        tokens: Math.max(...questions.map(({ question }) => tokens(question.kind))),
      });
      const seen = yield* answerAll(answer, features, data, tokens, (scene) => scene);
      const blind = yield* answerAll(answer, stage.average, data, tokens, () => 0);
      const shuffled = yield* answerAll(answer, features, data, tokens, (scene) =>
        otherScene(scene, scenes.length));
      const answers = { seen, blind, shuffled };
      const result = judged(identity, answers, data.data, config);
      const predictions = yield* fromEither(
        scenePredictions(stage.name, identity, answers, data.data, scenes),
      );
      yield* onLead(Effect.andThen(
        writePredictions(predictionsPath(run.directory.path, stage.name), predictions),
        writeJson(path, result),
      ));
      return result;
    }));
  });
