/** Names in other languages: what an object is called there. */
import * as O from "fp-ts/lib/Option.js";
import { localeNames, locales, nameIn } from "../lexicon/names.ts";
import { prior } from "./expected.ts";
import { alone } from "./places.ts";
import type { TranslateQuestion } from "./question.ts";
import type { Rule } from "./view.ts";
import { boxFormatOf } from "./box_format.ts";

/** The name of what is in a box, in one of the languages. */
export const translateRule: Rule<TranslateQuestion> = {
  templates: locales.map((locale) => `translate/${locale}`),
  ask: (view, rng) => {
    const often = prior(view), locale = rng.pick(locales);
    const found = view.things
      .filter((t) => view.nameable.includes(t.concept) && alone(t, view.things))
      .flatMap((thing) => {
        const name = nameIn(locale, thing.concept);
        return O.isSome(name) ? [{ thing, name: name.value }] : [];
      });
    if (found.length === 0) return [];
    const { thing, name } = rng.weighted(
      found,
      (f) => 1 / (often(f.thing.concept) * view.byConcept.get(f.thing.concept)!.length),
    );
    return [{
      kind: "translate",
      template: `translate/${locale}`,
      size: thing.size,
      locale,
      object: thing.object,
      truth: thing.concept,
      prompt: `What is at ${boxFormatOf(view.config).print(thing.box)}? Answer in ${localeNames[locale]}.`,
      answer: name,
    }];
  },
};
