/**
 * Evaluation on held-out scenes, beside two controls of the same model: `blind` sees the average picture of the
 * training scenes whatever it is asked about, `shuffled` sees the picture of another scene. What a model scores
 * beyond both it owes to its eyes.
 */
import type { ConfigError } from "@chain-of-sight/core";
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError } from "../bridge.ts";
import { questionsOf } from "../data/tasks.ts";
import type { Interval } from "../eval/bootstrap.ts";
import type { GenerationError } from "../generate/generator.ts";
import type { DiskError } from "../runs/disk.ts";
import { hashOf } from "../runs/hash.ts";
import { readJson, writeJson } from "../runs/run_directory.ts";
import { questionIds } from "../text/prompt.ts";
import type { FeatureSet } from "../train/features.ts";
import { type Answerer, openAnswerer } from "./answer.ts";
import type { LanguageData } from "./scene_source.ts";
import type { ModelConfig, ModelState } from "./model.ts";
import {
  type Answered,
  evalQuestions,
  f1Gain,
  type ScoreOptions,
  type Scores,
  scoresCodec,
  scoresOf,
} from "./scores.ts";
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
export interface Evaluation {
  /** Hash of all that it came from. */
  readonly identity: string;
  /** The model. */
  readonly scores: Scores;
  /** The model that sees the average picture. */
  readonly blind: Scores;
  /** The model that sees another scene. */
  readonly shuffled: Scores;
  /** Presence F1 beyond the blind control, paired by scene. */
  readonly gainOverBlind: Interval;
  /** Presence F1 beyond the shuffled control, paired by scene. */
  readonly gainOverShuffled: Interval;
  /** Answers of the model about the first scenes, in the order of the questions. */
  readonly answers: readonly string[];
}

const interval = t.strict({ value: t.number, low: t.number, high: t.number });
const evaluationType = t.strict({
  identity: t.string,
  scores: scoresCodec(),
  blind: scoresCodec(),
  shuffled: scoresCodec(),
  gainOverBlind: interval,
  gainOverShuffled: interval,
  answers: t.readonlyArray(t.string),
});

/** Codec of {@link Evaluation}. */
export const evaluationCodec = (): t.Type<Evaluation, unknown, unknown> =>
  evaluationType as unknown as t.Type<Evaluation, unknown, unknown>;

/** Tokens of an answer by kind of question: a word, a number, four coordinates. */
const tokensFor: Readonly<Record<string, number>> = { presence: 1, count: 1, refer: 4 };

/** Questions about the scenes of some data. */
export const questionsFor = (data: LanguageData): ReturnType<typeof evalQuestions> =>
  evalQuestions(data.scenes, (scene) => questionsOf(scene, data.data));

/** Answers all questions, each about the picture that `pictureOf` names. Equal askings are answered once. */
export const answerAll = (
  answer: Answerer,
  features: FeatureSet,
  data: LanguageData,
  pictureOf: (scene: number) => number,
): Effect.Effect<readonly Answered[], GenerationError> =>
  Effect.gen(function* () {
    const questions = questionsFor(data);
    const keyOf = (scene: number, prompt: string): string => `${pictureOf(scene)} ${prompt}`;
    const askings = new Map(questions.map(({ scene, question }) => [
      keyOf(scene, question.prompt),
      { picture: pictureOf(scene), prompt: question.prompt, tokens: tokensFor[question.kind]! },
    ]));
    const answers = yield* answer(features, [...askings.values()]);
    const byKey = new Map([...askings.keys()].map((key, i) => [key, answers[i]!]));
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
  /** The model behind the bridge. */
  readonly model: ModelConfig;
  /** Held-out scenes at the resolution of the model. */
  readonly data: LanguageData;
  /** The average picture of the training scenes. */
  readonly average: FeatureSet;
}

/** The pure end of an evaluation: scores from answers. */
export const judged = (
  identity: string,
  answers: {
    readonly seen: readonly Answered[];
    readonly blind: readonly Answered[];
    readonly shuffled: readonly Answered[];
  },
  options: ScoreOptions,
  samples: number,
): Evaluation => ({
  identity,
  scores: scoresOf(answers.seen, options),
  blind: scoresOf(answers.blind, options),
  shuffled: scoresOf(answers.shuffled, options),
  gainOverBlind: f1Gain(answers.seen, answers.blind, options),
  gainOverShuffled: f1Gain(answers.seen, answers.shuffled, options),
  answers: answers.seen.filter((a) => a.scene < samples).map((a) => a.answer),
});

/** Evaluation as a stage; its result is kept as JSON beside the checkpoints. */
export const evaluate = (
  run: StageRun,
  stage: EvaluateStage,
): Stage<ModelState, Evaluation, ConfigError | GenerationError | DiskError | DecodeError, Device> =>
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
    const before = yield* readJson(path, evaluationCodec()).pipe(
      Effect.catch(() => Effect.succeed(undefined)),
    );
    if (before?.identity === identity) return before;
    const longest = Math.max(
      ...questionsFor(data).map(({ question: q }) => questionIds(tokenizer, q.prompt).length),
    );
    return yield* Effect.scoped(Effect.gen(function* () {
      const answer = yield* openAnswerer({
        model,
        bridge: given.bridge,
        params: given.params,
        tokenizer,
        batch: config.batch,
        prompt: longest,
        tokens: Math.max(...Object.values(tokensFor)),
      });
      const seen = yield* answerAll(answer, features, data, (scene) => scene);
      const blind = yield* answerAll(answer, stage.average, data, () => 0);
      const shuffled = yield* answerAll(answer, features, data, (scene) => (scene + 1) % scenes.length);
      const options = { grid: data.data.grid, resamples: config.resamples, seed: config.seed };
      const result = judged(identity, { seen, blind, shuffled }, options, config.samples);
      yield* writeJson(path, result);
      return result;
    }));
  });
