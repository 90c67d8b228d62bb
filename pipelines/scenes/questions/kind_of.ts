/** Knowledge alongside sight: which object is of a kind, after WordNet. */
import * as O from "fp-ts/lib/Option.js";
import { nameOf } from "../concepts.ts";
import { keptBy } from "../../base/kept.ts";
import { isKind, kindNames } from "../lexicon/kinds.ts";
import { poolOf } from "../world_tables.ts";
import type { DataConfig, Split } from "../config.ts";
import { prior } from "./expected.ts";
import type { KindOfQuestion } from "./question.ts";
import type { Rule, SceneView } from "./view.ts";

/** Questions of this kind in a scene. */
const ASKED = 2;

/** Minimum number of concepts of a kind in the pool; with fewer the kind alone would give the answer. */
const MINIMUM = 6;

const isSo = O.exists((yes: boolean) => yes);

const kept = keptBy<DataConfig, Split, ReadonlyMap<string, readonly number[]>>();

/** The kinds that have enough members among the concepts of a split, with their members. */
const kindsIn = (config: DataConfig, split: Split): ReadonlyMap<string, readonly number[]> =>
  kept(config, split, () => {
    const pool = poolOf(config, split);
    return new Map(
      kindNames.map((kind) => [kind, pool.filter((c) => isSo(isKind(c, kind)))] as const)
        .filter(([, members]) => members.length >= MINIMUM),
    );
  });

/** The kinds that one concept of a scene alone is of, nothing else in it being disputed. */
const candidates = ({ scene, config, byConcept, nameable }: SceneView) => {
  const present = [...byConcept.keys()];
  return [...kindsIn(config, scene.split).keys()].flatMap((kind) => {
    const there = present.map((concept) => ({ concept, is: isKind(concept, kind) }));
    const members = there.filter(({ is }) => isSo(is));
    return there.every(({ is }) => O.isSome(is)) && members.length === 1 &&
        nameable.includes(members[0]!.concept)
      ? [{ kind, concept: members[0]!.concept }]
      : [];
  });
};

/** Which object is a kind of something, where one concept alone is. */
export const kindOfRule: Rule<KindOfQuestion> = {
  templates: ["kind-of"],
  ask: (view, rng) => {
    const often = prior(view), found = candidates(view), asked: KindOfQuestion[] = [];
    while (asked.length < ASKED) {
      const left = found.filter((f) => !asked.some((a) => a.truth === f.concept));
      if (left.length === 0) break;
      const { kind, concept } = rng.weighted(left, (f) => 1 / often(f.concept));
      asked.push({
        kind: "kind-of",
        template: "kind-of",
        size: Math.max(...view.byConcept.get(concept)!.map(({ size }) => size)),
        hypernym: kind,
        truth: concept,
        prompt: `Which object is a kind of ${kind}?`,
        answer: nameOf(concept),
      });
    }
    return asked;
  },
};
