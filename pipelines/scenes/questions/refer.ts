/** Referring expressions, each true of one object only: where it is, and what is where. */
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { colourNames } from "../colours.ts";
import { nameOf } from "../concepts.ts";
import type { Rng } from "../../base/rng.ts";
import { prior } from "./expected.ts";
import {
  alone,
  byPlaces,
  bySizes,
  distanceTo,
  expressed,
  type Expression,
  gap,
  MARGIN,
  relationWords,
} from "./places.ts";
import { type NameQuestion, type ReferQuestion, type Relation, relations } from "./question.ts";
import type { Rule, SceneView, Thing } from "./view.ts";
import { boxFormatOf } from "./box_format.ts";

const several = ({ nameable, byConcept }: SceneView): readonly (readonly [string, readonly Thing[]])[] =>
  nameable.map((c) => [nameOf(c), byConcept.get(c)!] as const).filter(([, things]) => things.length > 1);

const byName = ({ unique }: SceneView): readonly Expression[] =>
  unique.map((thing) => ({ words: `the ${nameOf(thing.concept)}`, thing }));

/** The one of a colour among two or more things whose colours are all plain. */
const byColour = (noun: string, things: readonly Thing[]): readonly Expression[] =>
  things.length > 1 && things.every(({ colour }) => O.isSome(colour))
    ? colourNames.flatMap((name) => {
      const found = things.filter(({ colour }) => pipe(colour, O.exists((c) => c === name)));
      return found.length === 1 ? [{ words: `the ${name} ${noun}`, thing: found[0]! }] : [];
    })
    : [];

const byAttribute = (view: SceneView): readonly Expression[] => [
  ...several(view).flatMap(([name, things]) => byColour(name, things)),
  ...byColour("object", view.things),
];

const bySize = (view: SceneView): readonly Expression[] => [
  ...several(view).flatMap(([name, things]) => bySizes(name, things)),
  ...bySizes("object", view.things),
];

const byPlace = (view: SceneView): readonly Expression[] =>
  several(view).flatMap(([name, things]) => byPlaces(name, things));

/** The only one of several that is on a side of a landmark, the middles of the others being on the other side. */
const onSide = (things: readonly Thing[], side: Relation, landmark: Thing): O.Option<Thing> => {
  const there = things.filter((thing) => gap(side, thing.box, landmark.box) >= MARGIN);
  const plain = things.every((thing) =>
    there.includes(thing) || distanceTo(side, thing) >= distanceTo(side, landmark)
  );
  return there.length === 1 && plain ? O.some(there[0]!) : O.none;
};

const byRelation = (view: SceneView): readonly Expression[] =>
  several(view).flatMap(([name, things]) =>
    view.unique.flatMap((landmark) =>
      relations.flatMap((side) =>
        expressed(
          `the ${name} ${relationWords[side]} the ${nameOf(landmark.concept)}`,
          onSide(things, side, landmark),
        )
      )
    )
  );

/** By template: all expressions that are true of one object of the scene. */
const families = {
  "refer/by-name": byName,
  "refer/by-attribute": byAttribute,
  "refer/by-size": bySize,
  "refer/by-place": byPlace,
  "refer/by-relation": byRelation,
} as const;

type Family = keyof typeof families;

const refer = (view: SceneView, rng: Rng, template: Family): readonly ReferQuestion[] => {
  const found = families[template](view), often = prior(view);
  if (found.length === 0) return [];
  const { words, thing } = rng.weighted(found, (e) => 1 / often(e.thing.concept));
  return [{
    kind: "refer",
    template,
    size: thing.size,
    concept: thing.concept,
    truth: thing.box,
    prompt: `Where is ${words}?`,
    answer: boxFormatOf(view.config).print(thing.box),
  }];
};

/** Where an object is that its name, colour, size, place or relation singles out: a question for each way. */
export const referRule: Rule<ReferQuestion> = {
  templates: Object.keys(families),
  ask: (view, rng) => (Object.keys(families) as Family[]).flatMap((template) => refer(view, rng, template)),
};

/** Objects named from their boxes in a scene. */
const NAMED = 2;

/** What is in a box. */
export const nameRule: Rule<NameQuestion> = {
  templates: ["name"],
  ask: (view, rng) => {
    const often = prior(view), print = boxFormatOf(view.config).print;
    const left = view.things.filter((t) => view.nameable.includes(t.concept) && alone(t, view.things));
    const asked: Thing[] = [];
    while (asked.length < NAMED) {
      const among = left.filter((t) => !asked.some((a) => a.concept === t.concept));
      if (among.length === 0) break;
      asked.push(rng.weighted(among, (t) => 1 / (often(t.concept) * view.byConcept.get(t.concept)!.length)));
    }
    return asked.map((thing) => ({
      kind: "name",
      template: "name",
      size: thing.size,
      object: thing.object,
      truth: thing.concept,
      prompt: `What is at ${print(thing.box)}?`,
      answer: nameOf(thing.concept),
    }));
  },
};
