/** Places of objects from one another: whether one is left of another, and what is next to one. */
import * as O from "fp-ts/lib/Option.js";
import type { Box } from "../../records/box.ts";
import { nameOf } from "../concepts.ts";
import type { Rng } from "../../base/rng.ts";
import { prior } from "./expected.ts";
import { gap, MARGIN, relationWords, smaller } from "./places.ts";
import { type NeighbourQuestion, type Relation, type RelationQuestion, relations } from "./question.ts";
import type { Rule, SceneView, Thing } from "./view.ts";

const axes = [["left", "right"], ["above", "below"]] as const;

const relation = (name: Relation, a: Thing, b: Thing): RelationQuestion => {
  const truth = gap(name, a.box, b.box) >= MARGIN;
  return {
    kind: "relation",
    template: `relation/${name}`,
    size: smaller(a, b),
    relation: name,
    concepts: [a.concept, b.concept],
    truth,
    prompt: `Is the ${nameOf(a.concept)} ${relationWords[name]} the ${nameOf(b.concept)}?`,
    answer: truth ? "yes" : "no",
  };
};

/** A pair that is apart along an axis, asked about with either word and in either order. */
const relationAlong = (
  [one, other]: readonly [Relation, Relation],
  { unique }: SceneView,
  rng: Rng,
): readonly RelationQuestion[] => {
  const apart = unique.flatMap((a, i) =>
    unique.slice(i + 1)
      .filter((b) => Math.max(gap(one, a.box, b.box), gap(other, a.box, b.box)) >= MARGIN)
      .map((b) => [a, b] as const)
  );
  if (apart.length === 0) return [];
  const [a, b] = rng.pick(apart), name = rng.chance(0.5) ? one : other;
  return [rng.chance(0.5) ? relation(name, a, b) : relation(name, b, a)];
};

/**
 * Whether one object is left of, right of, above or below another: a question for each axis. Their boxes are at least
 * {@link MARGIN} apart along it, so that either yes or the opposite is plainly true.
 */
export const relationRule: Rule<RelationQuestion> = {
  templates: relations.map((name) => `relation/${name}`),
  ask: (view, rng) => axes.flatMap((axis) => relationAlong(axis, view, rng)),
};

/** Length that two boxes share across a direction. */
const shared = (name: Relation, a: Box, b: Box): number => {
  const [low, high] = name === "left" || name === "right" ? [1, 3] : [0, 2];
  return Math.min(a[high]!, b[high]!) - Math.max(a[low]!, b[low]!);
};

const across = (name: Relation, box: Box): number =>
  name === "left" || name === "right" ? box[3] - box[1] : box[2] - box[0];

/**
 * What is next to a thing on one side: the nearest of those that it shares more than half of the smaller's width with.
 * `none` if there is nothing, if something else that touches the same strip is less than {@link MARGIN} further, or if
 * something overlaps the thing on that side.
 */
const neighbourOf = (
  name: Relation,
  of: Thing,
  things: readonly Thing[],
): O.Option<Thing> => {
  const strip = things
    .filter((t) => t.object !== of.object && shared(name, t.box, of.box) > 0)
    .filter((t) => {
      const [near, far] = [gap(name, t.box, of.box), gap(opposite[name], t.box, of.box)];
      return near > far;
    })
    .toSorted((a, b) => gap(name, a.box, of.box) - gap(name, b.box, of.box));
  const [first, second] = strip;
  if (first === undefined || gap(name, first.box, of.box) < 0) return O.none;
  const half = Math.min(across(name, first.box), across(name, of.box)) / 2;
  if (shared(name, first.box, of.box) <= half) return O.none;
  const clear = second === undefined ||
    gap(name, second.box, of.box) - gap(name, first.box, of.box) >= MARGIN;
  return clear ? O.some(first) : O.none;
};

const opposite: Readonly<Record<Relation, Relation>> = {
  left: "right",
  right: "left",
  above: "below",
  below: "above",
};

/** Questions of this kind in a scene. */
const NEIGHBOURS = 2;

/** What is directly left of, right of, above or below an object that its name singles out. */
export const neighbourRule: Rule<NeighbourQuestion> = {
  templates: relations.map((name) => `neighbour/${name}`),
  ask: (view, rng) => {
    const often = prior(view), nameable = new Set(view.nameable);
    const found = relations.flatMap((name) =>
      view.unique.flatMap((of) => {
        const next = neighbourOf(name, of, view.things);
        return O.isSome(next) && nameable.has(next.value.concept) ? [{ name, of, next: next.value }] : [];
      })
    );
    const asked: NeighbourQuestion[] = [], used = new Set<Relation>();
    for (let i = 0; i < NEIGHBOURS; i++) {
      const left = found.filter(({ name }) => !used.has(name));
      if (left.length === 0) break;
      const { name, of, next } = rng.weighted(left, ({ next }) => 1 / often(next.concept));
      used.add(name);
      asked.push({
        kind: "neighbour",
        template: `neighbour/${name}`,
        size: smaller(of, next),
        relation: name,
        concept: of.concept,
        truth: next.concept,
        prompt: `What is directly ${relationWords[name]} the ${nameOf(of.concept)}?`,
        answer: nameOf(next.concept),
      });
    }
    return asked;
  },
};
