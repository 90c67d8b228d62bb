/** Referring expressions, each true of one object only: where it is, and what is where. */
import * as O from "fp-ts/lib/Option.js";
import { centre, covered, iou } from "../box.ts";
import { colourNames } from "../colours.ts";
import { nameOf } from "../concepts.ts";
import type { Rng } from "../rng.ts";
import { prior } from "./expected.ts";
import { type NameQuestion, type ReferQuestion, type Relation, relations } from "./question.ts";
import type { Rule } from "./rule.ts";
import { boxFormatOf } from "./spoken.ts";
import { extreme, gap, hasColour, MARGIN, type SceneView, type Thing } from "./view.ts";

/** An expression and the only object that it is true of. */
export interface Expression {
  /** The words, `the leftmost cow`. */
  readonly words: string;
  /** What they mean. */
  readonly thing: Thing;
}

const superlatives: Readonly<Record<Relation, string>> = {
  left: "leftmost",
  right: "rightmost",
  above: "topmost",
  below: "bottommost",
};

const along: Readonly<Record<Relation, (thing: { readonly box: Thing["box"] }) => number>> = {
  left: ({ box }) => centre(box)[0],
  right: ({ box }) => -centre(box)[0],
  above: ({ box }) => centre(box)[1],
  below: ({ box }) => -centre(box)[1],
};

/** The furthest of some things on a side; `none` unless its middle is {@link MARGIN} beyond the next. */
export const furthest = <A extends { readonly box: Thing["box"] }>(
  side: Relation,
  things: readonly A[],
): O.Option<A> => {
  const [first, second] = things.toSorted((a, b) => along[side](a) - along[side](b));
  return first !== undefined && (second === undefined || along[side](second) - along[side](first) >= MARGIN)
    ? O.some(first)
    : O.none;
};

const expression = (words: string, thing: O.Option<Thing>): readonly Expression[] =>
  O.isSome(thing) ? [{ words, thing: thing.value }] : [];

const several = ({ nameable, byConcept }: SceneView): readonly (readonly [number, readonly Thing[]])[] =>
  nameable.map((c) => [c, byConcept.get(c)!] as const).filter(([, things]) => things.length > 1);

const byName = ({ unique }: SceneView): readonly Expression[] =>
  unique.map((thing) => ({ words: `the ${nameOf(thing.concept)}`, thing }));

/** The one of a colour among things whose colours are all plain. */
const only = (things: readonly Thing[], named: (colour: string) => string): readonly Expression[] =>
  things.every(({ colour }) => O.isSome(colour))
    ? colourNames.flatMap((name) => {
      const found = things.filter((t) => hasColour(t, name));
      return found.length === 1 ? [{ words: named(name), thing: found[0]! }] : [];
    })
    : [];

const byAttribute = (view: SceneView): readonly Expression[] => [
  ...several(view).flatMap(([c, things]) => only(things, (colour) => `the ${colour} ${nameOf(c)}`)),
  ...(view.things.length > 1 ? only(view.things, (colour) => `the ${colour} object`) : []),
];

const bySize = (view: SceneView): readonly Expression[] => [
  ...several(view).flatMap(([c, things]) => [
    ...expression(`the largest ${nameOf(c)}`, extreme(things, 1)),
    ...expression(`the smallest ${nameOf(c)}`, extreme(things, -1)),
  ]),
  ...(view.things.length > 1
    ? [
      ...expression("the largest object", extreme(view.things, 1)),
      ...expression("the smallest object", extreme(view.things, -1)),
    ]
    : []),
];

const byPlace = (view: SceneView): readonly Expression[] =>
  several(view).flatMap(([c, things]) =>
    relations.flatMap((side) => expression(`the ${superlatives[side]} ${nameOf(c)}`, furthest(side, things)))
  );

const relationWords: Readonly<Record<Relation, string>> = {
  left: "left of",
  right: "right of",
  above: "above",
  below: "below",
};

/** The only one of several that is on a side of a landmark, the others plainly being on the other side. */
const onSide = (things: readonly Thing[], side: Relation, landmark: Thing): O.Option<Thing> => {
  const gaps = things.map((thing) => gap(side, thing.box, landmark.box));
  const there = things.filter((_, i) => gaps[i]! >= MARGIN);
  const plain = things.every((thing, i) => gaps[i]! >= MARGIN || beyond(side, thing, landmark));
  return there.length === 1 && plain ? O.some(there[0]!) : O.none;
};

const beyond = (side: Relation, thing: Thing, landmark: Thing): boolean =>
  along[side](thing) >= along[side](landmark);

const byRelation = (view: SceneView): readonly Expression[] =>
  several(view).flatMap(([c, things]) =>
    view.unique.flatMap((landmark) =>
      relations.flatMap((side) =>
        expression(
          `the ${nameOf(c)} ${relationWords[side]} the ${nameOf(landmark.concept)}`,
          onSide(things, side, landmark),
        )
      )
    )
  );

const families = {
  "refer/by-name": byName,
  "refer/by-attribute": byAttribute,
  "refer/by-size": bySize,
  "refer/by-place": byPlace,
  "refer/by-relation": byRelation,
} as const;

type Family = keyof typeof families;

/** All expressions of a template that are true of one object of the scene. */
export const expressionsOf = (template: Family, view: SceneView): readonly Expression[] =>
  families[template](view);

const refer = (view: SceneView, rng: Rng, template: Family): readonly ReferQuestion[] => {
  const found = expressionsOf(template, view), often = prior(view);
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

/** Whether a box means one thing: none of the others covers a fifth of it, or is covered by it so. */
export const alone = (thing: Thing, things: readonly Thing[]): boolean =>
  things.every((t) =>
    t.object === thing.object || (covered(t.box, thing.box) < 0.2 && iou(t.box, thing.box) < 0.2)
  );

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
