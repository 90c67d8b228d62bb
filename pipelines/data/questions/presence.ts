/** Presence questions after POPE (arXiv 2305.10355): a yes and a no for each way of choosing what is absent. */
import { nameOf, popularity } from "../concepts.ts";
import type { Rng } from "../rng.ts";
import { poolOf } from "../pool.ts";
import { type NegativeKind, negativeKinds, type PresenceQuestion } from "./question.ts";
import type { Rule } from "./rule.ts";
import { expectedBeside, prior, type SceneView } from "./view.ts";
import { withArticle } from "./words.ts";

/** How many of the most expected absent concepts adversarial questions choose from. */
const EXPECTED = 8;

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

/** The most popular third of a pool. */
const popularOf = (pool: readonly number[]): ReadonlySet<number> =>
  new Set(
    pool.toSorted((a, b) => popularity(b) - popularity(a) || a - b).slice(0, Math.ceil(pool.length / 3)),
  );

interface Choice {
  readonly yes: readonly number[];
  readonly no: readonly number[];
}

/** Absent concepts by their expectation beside the present ones, and present ones that are expected as much. */
const adversarial = (view: SceneView): Choice => {
  const present = [...view.byConcept.keys()], score = expectedBeside(view, present);
  const no = view.absent.toSorted((a, b) => score(b) - score(a) || a - b).slice(0, EXPECTED);
  const least = score(no.at(-1) ?? 0);
  const beside = (c: number): number => expectedBeside(view, present.filter((p) => p !== c))(c);
  const yes = view.nameable.filter((c) => beside(c) >= least);
  return { yes: yes.length > 0 ? yes : view.nameable, no };
};

const choiceOf = (view: SceneView, kind: NegativeKind): Choice => {
  switch (kind) {
    case "random":
      return { yes: view.nameable, no: view.absent };
    case "popular": {
      const popular = popularOf(poolOf(view.config, view.scene.split));
      return {
        yes: view.nameable.filter((c) => popular.has(c)),
        no: view.absent.filter((c) => popular.has(c)),
      };
    }
    case "adversarial":
      return adversarial(view);
  }
};

const pair = (view: SceneView, kind: NegativeKind, rng: Rng): readonly PresenceQuestion[] => {
  const { yes, no } = choiceOf(view, kind), often = prior(view);
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
