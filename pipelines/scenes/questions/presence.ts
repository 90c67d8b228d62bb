/** Presence questions after POPE (arXiv 2305.10355): a yes and a no for each way of choosing what is absent. */
import { nameOf } from "../concepts.ts";
import type { Rng } from "../../base/rng.ts";
import { expectedBeside, mayMeet, popularIn, prior } from "./expected.ts";
import { type NegativeKind, negativeKinds, type PresenceQuestion } from "./question.ts";
import type { Rule, SceneView } from "./view.ts";
import { withArticle } from "./words.ts";

/** How many of the most expected absent concepts adversarial questions choose from. */
const EXPECTED = 8;

/**
 * Present concepts of adversarial questions are weighted by this power of how little they are expected: then yes comes
 * as often for rare concepts as for popular ones, which a test measures. With 1 popular ones say yes in 55 of 100.
 */
const EVEN = 2.5;

const presence = (
  { byConcept }: SceneView,
  concept: number,
  truth: boolean,
  negative: NegativeKind,
): PresenceQuestion => ({
  kind: "presence",
  template: `presence/${negative}`,
  ...(truth ? { size: Math.max(...byConcept.get(concept)!.map(({ size }) => size)) } : {}),
  negative,
  concept,
  truth,
  prompt: `Is there ${withArticle(nameOf(concept))} in the image?`,
  answer: truth ? "yes" : "no",
});

interface Choice {
  readonly yes: readonly number[];
  readonly no: readonly number[];
  /** How often a concept is there, relative to others. */
  readonly often: (concept: number) => number;
}

/** The absent concepts that are most expected alongside the present ones, and the present ones that would be among them. */
const adversarial = (view: SceneView): Choice => {
  const present = [...view.byConcept.keys()], score = expectedBeside(view, present);
  const scored = (c: number) => [c, score(c)] as const;
  const before = ([a, x]: readonly [number, number], [b, y]: readonly [number, number]) => y - x || a - b;
  const may = mayMeet(view, present);
  const ranked = view.absent.map(scored).sort(before);
  const no = ranked.values().filter(([c]) => may(c)).take(EXPECTED).toArray(), last = no.at(-1);
  const yes = view.nameable.map(scored).filter((c) => last !== undefined && before(c, last) < 0);
  return { yes: yes.map(([c]) => c), no: no.map(([c]) => c), often: (c) => score(c) ** EVEN };
};

const choiceOf = (view: SceneView, kind: NegativeKind): Choice => {
  switch (kind) {
    case "random":
      return { yes: view.nameable, no: view.absent, often: prior(view) };
    case "popular": {
      const popular = popularIn(view);
      return {
        yes: view.nameable.filter((c) => popular.has(c)),
        no: view.absent.filter((c) => popular.has(c)),
        often: prior(view),
      };
    }
    case "adversarial":
      return adversarial(view);
  }
};

const pair = (view: SceneView, kind: NegativeKind, rng: Rng): readonly PresenceQuestion[] => {
  const { yes, no, often } = choiceOf(view, kind);
  if (yes.length === 0 || no.length === 0) return [];
  // What is drawn often is there often: without the weights its name alone would say yes.
  return [
    presence(view, rng.weighted(yes, (c) => 1 / often(c)), true, kind),
    presence(view, rng.pick(no), false, kind),
  ];
};

/**
 * A yes and a no for each setting, or neither. `random` takes any concept, `popular` one of the most popular third for
 * either answer, `adversarial` the absent concepts that themes and co-occurrence make most expected, and for yes
 * present ones that are expected as much.
 */
export const presenceRule: Rule<PresenceQuestion> = {
  templates: negativeKinds.map((kind) => `presence/${kind}`),
  ask: (view, rng) => negativeKinds.flatMap((kind) => pair(view, kind, rng)),
};
