/** Predictions about scenes: questions as records, with the answers of a model and its controls. */
import * as E from "fp-ts/lib/Either.js";
import type { DataConfig } from "../scenes/config.ts";
import { boxFormatOf } from "../scenes/questions/box_format.ts";
import type { Scene } from "../scenes/record.ts";
import type { EvalError } from "../eval/error.ts";
import type { KeptPrediction, Predictions, WayScores } from "../eval/predictions.ts";
import { benchmarkNamed } from "../eval/registry.ts";
import { keptAnswer, wayScores } from "../eval/rescore.ts";
import { sceneBenchmarks } from "../eval/scene_benchmarks.ts";
import { sceneRecord } from "../eval/scene_records.ts";
import type { Answers } from "./kind_scores.ts";

/** The scene whose image a question about another is asked about as a control. */
export const otherScene = (scene: number, scenes: number): number => (scene + 1) % scenes;

/** Every question about scenes with the answers of the model and its controls, as they are kept. */
export const scenePredictions = (
  evaluation: string,
  identity: string,
  { seen, blind, shuffled }: Answers,
  config: DataConfig,
  scenes: readonly Scene[],
): E.Either<EvalError, Predictions> => {
  const all = sceneBenchmarks(config), boxes = boxFormatOf(config).name;
  const named = new Map(Object.values(all).map((of) => [of.name, of]));
  const predictions = seen.map(({ scene, question, answer }, i): KeptPrediction => {
    const of = all[question.kind], record = sceneRecord(question, config, scenes[scene]!.id, `${scene} ${i}`);
    return {
      benchmark: of.name,
      record,
      answers: {
        seen: keptAnswer(of, record, answer),
        blind: keptAnswer(of, record, blind[i]!.answer, "average"),
        shuffled: keptAnswer(of, record, shuffled[i]!.answer, scenes[otherScene(scene, scenes.length)]!.id),
      },
    };
  });
  return E.map((scores: WayScores): Predictions => ({
    head: {
      format: 1,
      evaluation,
      identity,
      boxes,
      prompts: Object.fromEntries(Object.keys(scores).map((name) => [name, named.get(name)!.prompt])),
      scores,
    },
    predictions,
  }))(wayScores(predictions, (name) => benchmarkNamed(name, [...named.values()])));
};
