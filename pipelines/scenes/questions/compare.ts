/** Comparisons: of numbers and of sizes. A coin decides which of the two is named first. */
import { nameOf } from "../concepts.ts";
import { ALIKE, smaller } from "./places.ts";
import type { CompareQuestion, LargerQuestion } from "./question.ts";
import type { Rule, SceneView, Thing } from "./view.ts";
import { pluralOf } from "./words.ts";

/** Questions of each of the two kinds in a scene. */
const ASKED = 2;

const pairs = <A>(items: readonly A[]): readonly (readonly [A, A])[] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b) => [a, b] as const));

const compare = ({ byConcept }: SceneView, [a, b]: readonly [number, number]): CompareQuestion => {
  const [first, second] = [byConcept.get(a)!, byConcept.get(b)!], truth = first.length > second.length;
  return {
    kind: "compare",
    template: "compare",
    size: Math.min(...first.map(({ size }) => size), ...second.map(({ size }) => size)),
    concepts: [a, b],
    truth,
    prompt: `Are there more ${pluralOf(a)} than ${pluralOf(b)}?`,
    answer: truth ? "yes" : "no",
  };
};

/** Whether there are more of one than of another; both are there, and not as many of each. */
export const compareRule: Rule<CompareQuestion> = {
  templates: ["compare"],
  ask: (view, rng) => {
    const countOf = (c: number): number => view.byConcept.get(c)!.length;
    const uneven = pairs(view.nameable).filter(([a, b]) => countOf(a) !== countOf(b));
    return rng.shuffle(uneven).slice(0, ASKED).map(([a, b]) =>
      compare(view, rng.chance(0.5) ? [a, b] : [b, a])
    );
  },
};

const larger = (a: Thing, b: Thing): LargerQuestion => {
  const truth = a.size > b.size ? a.concept : b.concept;
  return {
    kind: "larger",
    template: "larger",
    size: smaller(a, b),
    concepts: [a.concept, b.concept],
    truth,
    prompt: `Which is larger, the ${nameOf(a.concept)} or the ${nameOf(b.concept)}?`,
    answer: nameOf(truth),
  };
};

/** Which of two objects has the longer side, by a quarter or more. */
export const largerRule: Rule<LargerQuestion> = {
  templates: ["larger"],
  ask: ({ unique }, rng) => {
    const uneven = pairs(unique).filter(([a, b]) => Math.max(a.size, b.size) >= ALIKE * smaller(a, b));
    return rng.shuffle(uneven).slice(0, ASKED).map(([a, b]) => rng.chance(0.5) ? larger(a, b) : larger(b, a));
  },
};
