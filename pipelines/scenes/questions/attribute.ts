/** Colours of objects, asked only where the colour is plain and the words do not give it away. */
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { type ColourName, colourOf } from "../colours.ts";
import { nameOf } from "../concepts.ts";
import type { Rng } from "../../base/rng.ts";
import { tablesOf } from "../world_tables.ts";
import { drawLevel, levelsFor } from "./balance.ts";
import { alone, byPlaces, bySizes } from "./places.ts";
import type { AttributeQuestion } from "./question.ts";
import type { Rule, SceneView, Thing } from "./view.ts";
import { boxFormatOf } from "./box_format.ts";

interface Coloured {
  readonly thing: Thing;
  readonly colour: ColourName;
  /** The words, `the cow`. */
  readonly words: string;
}

const coloured = (words: string, thing: Thing): readonly Coloured[] =>
  O.isSome(thing.colour) ? [{ words, thing, colour: thing.colour.value }] : [];

/** The plain colours of a concept, one for each style that the scene's split draws it in. */
const coloursOf = ({ config, scene }: SceneView, concept: number): readonly ColourName[] =>
  tablesOf(config, scene.split).styles[concept]!.flatMap((style) =>
    pipe(colourOf(concept, style), O.match((): ColourName[] => [], (c) => [c]))
  );

/** How often each of its colours is kept, so that all of them are asked for alike; never where it has one only. */
const keeping = (colours: readonly ColourName[], colour: ColourName): number => {
  const times = (c: ColourName): number => colours.filter((d) => d === c).length;
  const kinds = [...new Set(colours)];
  return kinds.length < 2 ? 0 : Math.min(...kinds.map(times)) / times(colour);
};

/** Objects by name, of concepts that have more than one colour. */
const byName = (view: SceneView): readonly Coloured[] =>
  view.unique.flatMap((thing) => coloured(`the ${nameOf(thing.concept)}`, thing))
    .filter(({ thing, colour }) => keeping(coloursOf(view, thing.concept), colour) > 0);

const inBox = ({ things, config }: SceneView): readonly Coloured[] => {
  const { print } = boxFormatOf(config);
  return things.filter((thing) => alone(thing, things))
    .flatMap((thing) => coloured(`the object at ${print(thing.box)}`, thing));
};

const byExtreme = ({ things }: SceneView): readonly Coloured[] =>
  [...bySizes("object", things), ...byPlaces("object", things)]
    .flatMap(({ words, thing }) => coloured(words, thing));

/** One of what a finder finds, keys alike. */
const levelled = (
  template: string,
  find: (view: SceneView) => readonly Coloured[],
  keyOf: (found: Coloured, view: SceneView) => string,
) =>
(view: SceneView, rng: Rng): readonly Coloured[] => {
  const offers = (of: SceneView) => [...new Set(find(of).map((found) => keyOf(found, of)))].toSorted();
  const drawn = drawLevel(levelsFor(view, template, offers), rng, offers(view));
  return O.isSome(drawn) ? [rng.pick(find(view).filter((found) => keyOf(found, view) === drawn.value))] : [];
};

const colourOfIt = ({ colour }: Coloured): string => colour;

// The colours of a concept are alike, and so are the sets of colours that concepts have: then colours are nearly so.
const named = levelled(
  "attribute/by-name",
  byName,
  ({ thing }, view) => [...new Set(coloursOf(view, thing.concept))].toSorted().join(),
);

const finders: Readonly<Record<string, (view: SceneView, rng: Rng) => readonly Coloured[]>> = {
  "attribute/by-name": (view, rng) =>
    named(view, rng).filter(({ thing, colour }) =>
      rng.chance(keeping(coloursOf(view, thing.concept), colour))
    ),
  "attribute/in-box": levelled("attribute/in-box", inBox, colourOfIt),
  "attribute/by-extreme": levelled("attribute/by-extreme", byExtreme, colourOfIt),
};

/**
 * The colour of an object: in a box, of the largest or leftmost one and the like, all colours alike; or by name, where
 * styles draw the concept in different colours, these alike.
 */
export const attributeRule: Rule<AttributeQuestion> = {
  templates: Object.keys(finders),
  ask: (view, rng) =>
    Object.entries(finders).flatMap(([template, find]) =>
      find(view, rng).map(({ thing, colour, words }) => ({
        kind: "attribute" as const,
        template,
        size: thing.size,
        object: thing.object,
        truth: colour,
        prompt: `What colour is ${words}?`,
        answer: colour,
      }))
    ),
};
