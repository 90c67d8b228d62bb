/** Counting: how many there are of a concept, the answers 0 to 9 alike. */
import * as O from "fp-ts/lib/Option.js";
import { prior } from "./expected.ts";
import type { CountQuestion } from "./question.ts";
import { drawLevel, levelsFor } from "./balance.ts";
import type { Rule, SceneView } from "./view.ts";
import { pluralOf } from "./words.ts";

/** Counts asked for in a scene. */
const ASKED = 3;

/** Greatest count that is asked for. */
const LIMIT = 9;

const countIn = ({ byConcept }: SceneView, concept: number): number => byConcept.get(concept)?.length ?? 0;

const offers = (view: SceneView): readonly string[] => {
  const there = view.nameable.map((c) => countIn(view, c)).filter((n) => n <= LIMIT);
  return [...new Set(view.absent.length > 0 ? [0, ...there] : there)].toSorted((a, b) => a - b).map(String);
};

const count = (view: SceneView, concept: number): CountQuestion => {
  const things = view.byConcept.get(concept) ?? [];
  return {
    kind: "count",
    template: "count",
    ...(things.length > 0 ? { size: Math.min(...things.map(({ size }) => size)) } : {}),
    concept,
    truth: things.length,
    prompt: `How many ${pluralOf(concept)} are there?`,
    answer: String(things.length),
  };
};

/** Up to three counts of different concepts. */
export const countRule: Rule<CountQuestion> = {
  templates: ["count"],
  ask: (view, rng) => {
    const levels = levelsFor(view, "count", offers), offered = offers(view), often = prior(view);
    const asked: CountQuestion[] = [], used = new Set<number>();
    for (let i = 0; i < ASKED; i++) {
      const drawn = drawLevel(levels, rng, offered);
      if (O.isNone(drawn)) continue;
      const n = Number(drawn.value);
      const among = (n === 0 ? view.absent : view.nameable.filter((c) => countIn(view, c) === n))
        .filter((c) => !used.has(c));
      if (among.length === 0) continue;
      const concept = n === 0 ? rng.pick(among) : rng.weighted(among, (c) => 1 / often(c));
      used.add(concept);
      asked.push(count(view, concept));
    }
    return asked;
  },
};
