/** Questions and answers that follow from a scene's record. */
import { pipe } from "fp-ts/lib/function.js";
import * as RA from "fp-ts/lib/ReadonlyArray.js";
import { concepts } from "./concepts.ts";
import type { DataConfig } from "./config.ts";
import { locales, nameIn } from "./lexicon/names.ts";
import { poolOf } from "./world_tables.ts";
import { plainQuestions } from "./questions/plain.ts";
import type { Question, QuestionKind } from "./questions/question.ts";
import { fullQuestions, kindsAsked } from "./questions/rules.ts";
import type { Scene } from "./record.ts";

export * from "./questions/question.ts";
export { captionOf } from "./questions/plain.ts";

/**
 * The questions about a scene: those of {@link fullQuestions} in worlds at full strength whose wording is not plain,
 * those of {@link plainQuestions} in others. A function of the record, the configuration and the pass.
 * @param wanted - kinds that are needed; worlds at full strength leave the others out, which saves their work.
 */
export const questionsOf = (
  scene: Scene,
  config: DataConfig,
  pass = 0,
  wanted?: readonly QuestionKind[],
): readonly Question[] =>
  config.world === undefined || config.world.wording === "plain"
    ? plainQuestions(scene, config, pass)
    : fullQuestions(scene, config, pass, wanted);

/** All names in other languages where they are asked for, also of what is held out: its letters must be known. */
const foreignNames = (config: DataConfig): readonly string[] =>
  config.world !== undefined && kindsAsked(config).includes("translate")
    ? RA.compact(
      concepts.slice(0, config.concepts).flatMap(({ id }) => locales.map((locale) => nameIn(locale, id))),
    )
    : [];

/**
 * Texts from which a tokenizer learns all letters and the usual words of the configuration's questions and answers:
 * what is said about some scenes, and every name.
 */
export const corpusOf = (config: DataConfig, scenes: readonly Scene[]): readonly string[] =>
  pipe(
    scenes,
    RA.chain((scene) => questionsOf(scene, config)),
    RA.chain((q): readonly string[] => [q.prompt, q.answer]),
    RA.concat(poolOf(config, "pretrain").flatMap((id) => [concepts[id]!.name, concepts[id]!.plural])),
    RA.concat(foreignNames(config)),
  );
