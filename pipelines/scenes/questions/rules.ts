/** The rules of all kinds of questions. A kind without a rule does not compile. */
import { type DataConfig, isTraining } from "../config.ts";
import type { Scene } from "../record.ts";
import { rngOf } from "../../base/rng.ts";
import { attributeRule } from "./attribute.ts";
import { captionRule, denseRule } from "./caption.ts";
import { compareRule, largerRule } from "./compare.ts";
import { countRule } from "./count.ts";
import { kindOfRule } from "./kind_of.ts";
import { presenceRule } from "./presence.ts";
import { type Question, type QuestionKind, questionKinds, type QuestionOf } from "./question.ts";
import { readingRule } from "./reading.ts";
import { nameRule, referRule } from "./refer.ts";
import { neighbourRule, relationRule } from "./relation.ts";
import { type Rule, viewOf } from "./view.ts";
import { translateRule } from "./translate.ts";

/** A rule for every kind. */
export type Rules = { readonly [K in QuestionKind]: Rule<QuestionOf<K>> };

/** The rules of worlds at full strength. */
export const rules: Rules = {
  caption: captionRule,
  dense: denseRule,
  presence: presenceRule,
  count: countRule,
  compare: compareRule,
  larger: largerRule,
  relation: relationRule,
  neighbour: neighbourRule,
  attribute: attributeRule,
  refer: referRule,
  name: nameRule,
  reading: readingRule,
  "kind-of": kindOfRule,
  translate: translateRule,
};

/** The kinds of questions that scenes of a configuration are asked. */
export const kindsAsked = ({ world }: DataConfig): readonly QuestionKind[] =>
  world?.questions ?? questionKinds;

/**
 * The questions about a scene of a world at full strength, of every kind that the configuration asks and the scene has.
 * Each kind draws from a source of its own, so that kinds that are left out change nothing in the others. Training
 * splits ask in random order, and with another `pass` they ask other questions; evaluation splits keep the order of
 * kinds. The split `vision` has the caption alone.
 * @param wanted - the kinds that are needed.
 */
export const fullQuestions = (
  scene: Scene,
  config: DataConfig,
  pass: number,
  wanted: readonly QuestionKind[] = questionKinds,
): readonly Question[] => {
  const view = viewOf(scene, config), training = isTraining(scene.split), drawn = training ? pass : 0;
  const key = (part: string) => rngOf(config.seed, scene.split, scene.index, "questions", part, drawn);
  const possible = kindsAsked(config).filter((kind) => wanted.includes(kind));
  const kinds = scene.split === "vision" || scene.objects.length === 0 ? ["caption"] as const : possible;
  const asked = kinds.flatMap((kind): readonly Question[] => rules[kind].ask(view, key(kind)));
  return training ? key("order").shuffle(asked) : asked;
};
