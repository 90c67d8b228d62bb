/** Colours of objects, asked only where the colour is plain and the object's name does not give it away. */
import * as O from "fp-ts/lib/Option.js";
import { pipe } from "fp-ts/lib/function.js";
import { type ColourName, colourOf } from "../colours.ts";
import { concepts, nameOf } from "../concepts.ts";
import type { Style } from "../config.ts";
import type { Rng } from "../rng.ts";
import { drawLevel, levelsFor } from "./balance.ts";
import { alone } from "./refer.ts";
import type { AttributeQuestion } from "./question.ts";
import type { Rule } from "./rule.ts";
import { boxFormatOf } from "./spoken.ts";
import { extreme, type SceneView, type Thing } from "./view.ts";

/** Whether the styles of a concept have different colours, so that its name does not tell. */
const varies = (concept: number): boolean =>
  new Set(
    concepts[concept]!.styles.flatMap((style) =>
      pipe(colourOf(concept, style as Style), O.match((): string[] => [], (c) => [c]))
    ),
  ).size > 1;

interface Coloured {
  readonly thing: Thing;
  readonly colour: ColourName;
  readonly template: string;
  readonly prompt: string;
}

const coloured = (template: string, thing: Thing, prompt: string): readonly Coloured[] =>
  O.isSome(thing.colour)
    ? [{ thing, colour: thing.colour.value, template: `attribute/${template}`, prompt }]
    : [];

/** What may be asked, by template. */
const candidates = (view: SceneView): Readonly<Record<string, readonly Coloured[]>> => {
  const print = boxFormatOf(view.config).print;
  const largest = view.things.length > 1 ? extreme(view.things, 1) : O.none;
  return {
    "attribute/by-name": view.unique.filter(({ concept }) => varies(concept)).flatMap((thing) =>
      coloured("by-name", thing, `What colour is the ${nameOf(thing.concept)}?`)
    ),
    "attribute/in-box": view.things.filter((thing) => alone(thing, view.things)).flatMap((thing) =>
      coloured("in-box", thing, `What colour is the object at ${print(thing.box)}?`)
    ),
    "attribute/largest": O.isSome(largest)
      ? coloured("largest", largest.value, "What colour is the largest object?")
      : [],
  };
};

const templates = ["attribute/by-name", "attribute/in-box", "attribute/largest"] as const;

const coloursOf = (found: readonly Coloured[]): readonly string[] =>
  [...new Set(found.map(({ colour }) => colour))].toSorted();

const askOne = (view: SceneView, rng: Rng, template: string): readonly AttributeQuestion[] => {
  const found = candidates(view)[template]!;
  const levels = levelsFor(view, template, (other) => coloursOf(candidates(other)[template]!));
  const drawn = drawLevel(levels, rng, coloursOf(found));
  if (O.isNone(drawn)) return [];
  const { thing, colour, prompt } = rng.pick(found.filter((c) => c.colour === drawn.value));
  return [{
    kind: "attribute",
    template,
    size: thing.size,
    object: thing.object,
    truth: colour,
    prompt,
    answer: colour,
  }];
};

/**
 * The colour of an object: in a box, of the largest one, or by name where the styles of the concept differ in colour.
 * Colours are asked for alike.
 */
export const attributeRule: Rule<AttributeQuestion> = {
  templates,
  ask: (view, rng) => templates.flatMap((template) => askOne(view, rng, template)),
};
