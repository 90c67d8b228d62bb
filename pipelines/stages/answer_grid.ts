/** A sheet of images with what a model answered about them. */
import * as O from "fp-ts/lib/Option.js";
import { imageGrid, type Sample } from "../scenes/image_grid.ts";
import { parseBox } from "../records/grid.ts";
import { imageAt, type SceneSet } from "../images/image_set.ts";
import type { Question } from "../scenes/tasks.ts";
import { countRight } from "../eval/count.ts";
import { presenceRight } from "../eval/presence.ts";
import { referRight } from "../eval/refer.ts";
import { questionsFor } from "./evaluate.ts";
import type { LanguageData } from "./scene_source.ts";

/** Whether an answer counts as right. */
export const answerRight = (question: Question, answer: string, grid: number): boolean =>
  question.kind === "presence"
    ? presenceRight({ ...question, answer })
    : question.kind === "count"
    ? countRight({ ...question, answer })
    : question.kind === "refer" && referRight(grid)({ truth: question.truth, answer });

/** The first held-out images with answers of one model: two presence questions, a count and a place each. */
export const answerGrid = (
  answers: readonly string[],
  set: SceneSet,
  data: LanguageData,
  side: number,
): Uint8Array => {
  const asked = questionsFor(data).slice(0, answers.length);
  const scenes = [...new Set(asked.map((a) => a.scene))];
  const grid = data.data.grid;
  const samples = scenes.map((scene): Sample => {
    const mine = asked.flatMap(({ scene: s, question }, i) =>
      s === scene ? [{ question, answer: answers[i]! }] : []
    );
    const pick = (kind: string, n: number) => mine.filter((m) => m.question.kind === kind).slice(0, n);
    const chosen = [...pick("presence", 2), ...pick("count", 1), ...pick("refer", 1)];
    const boxes = chosen.flatMap(({ question, answer }) => {
      if (question.kind !== "refer") return [];
      const predicted = parseBox(answer, grid);
      return [{ trueBox: question.truth, ...(O.isSome(predicted) ? { predictedBox: predicted.value } : {}) }];
    });
    return {
      image: imageAt(set, side, scene),
      side,
      lines: chosen.map(({ question, answer }) => ({
        question: question.prompt,
        answer,
        truth: question.answer,
        right: answerRight(question, answer, grid),
      })),
      ...boxes[0],
    };
  });
  return imageGrid(samples);
};
