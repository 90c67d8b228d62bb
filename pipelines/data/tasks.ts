/** Questions and answers that follow from a scene's record. */
import { pipe } from "fp-ts/lib/function.js";
import * as RA from "fp-ts/lib/ReadonlyArray.js";
import { concepts } from "./concepts.ts";
import type { DataConfig } from "./config.ts";
import { poolOf } from "./pool.ts";
import { plainQuestions } from "./questions/plain.ts";
import type { Question, QuestionKind } from "./questions/question.ts";
import { fullQuestions } from "./questions/rules.ts";
import type { Scene } from "./record.ts";

export * from "./questions/question.ts";
export { captionOf } from "./questions/plain.ts";

/**
 * The questions about a scene: those of {@link fullQuestions} in worlds at full strength, those of
 * {@link plainQuestions} in others. A function of the record, the configuration and the pass.
 * @param wanted - kinds that are needed; worlds at full strength leave the others out, which saves their work.
 */
export const questionsOf = (
  scene: Scene,
  config: DataConfig,
  pass = 0,
  wanted?: readonly QuestionKind[],
): readonly Question[] =>
  config.world === undefined
    ? plainQuestions(scene, config, pass)
    : fullQuestions(scene, config, pass, wanted);

/** Every text that questions and answers of the configuration can contain; a tokenizer is trained on it. */
export const corpusOf = (config: DataConfig, scenes: readonly Scene[]): readonly string[] =>
  pipe(
    scenes,
    RA.chain((scene) => questionsOf(scene, config)),
    RA.chain((q): readonly string[] => [q.prompt, q.answer]),
    RA.concat(poolOf(config, "pretrain").flatMap((id) => [concepts[id]!.name, concepts[id]!.plural])),
  );
