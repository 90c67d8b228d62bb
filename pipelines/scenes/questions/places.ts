/** Sizes and places of things as words: left of, largest, leftmost, alone. */
import * as O from "fp-ts/lib/Option.js";
import { type Box, centre, covered, iou } from "../../records/box.ts";
import { type Relation, relations } from "./question.ts";
import type { Thing } from "./view.ts";

/** Least distance of things that are called left, right, above or below, in shares of the side: 20 px of 448. */
export const MARGIN = 20 / 448;

/** How far `a` is beyond `b` in a direction: the gap between their boxes, negative where they overlap. */
export const gap = (relation: Relation, a: Box, b: Box): number => {
  switch (relation) {
    case "left":
      return b[0] - a[2];
    case "right":
      return a[0] - b[2];
    case "above":
      return b[1] - a[3];
    case "below":
      return a[1] - b[3];
  }
};

/** Greatest ratio of sizes that is not called a difference. */
export const ALIKE = 1.25;

/** The largest of some things, or the smallest with `-1`; `none` unless it differs clearly from the next. */
export const extreme = (things: readonly Thing[], sign: 1 | -1): O.Option<Thing> => {
  const [first, second] = things.toSorted((a, b) => sign * (b.size - a.size));
  if (first === undefined) return O.none;
  if (second === undefined) return O.some(first);
  return (first.size / second.size) ** sign >= ALIKE ? O.some(first) : O.none;
};

/** The smaller of two sizes. */
export const smaller = (a: Thing, b: Thing): number => Math.min(a.size, b.size);

/** The words of a relation, between two things. */
export const relationWords: Readonly<Record<Relation, string>> = {
  left: "left of",
  right: "right of",
  above: "above",
  below: "below",
};

/** The words of the furthest on a side. */
export const superlatives: Readonly<Record<Relation, string>> = {
  left: "leftmost",
  right: "rightmost",
  above: "topmost",
  below: "bottommost",
};

interface Placed {
  readonly box: Box;
}

/** How far a thing's middle is from a side; smaller is further on that side. */
export const distanceTo = (side: Relation, { box }: Placed): number => {
  const [x, y] = centre(box);
  switch (side) {
    case "left":
      return x;
    case "right":
      return 1 - x;
    case "above":
      return y;
    case "below":
      return 1 - y;
  }
};

/** The furthest of some things on a side; `none` unless its middle is {@link MARGIN} beyond the next. */
export const furthest = <A extends Placed>(side: Relation, things: readonly A[]): O.Option<A> => {
  const [first, second] = things.toSorted((a, b) => distanceTo(side, a) - distanceTo(side, b));
  return first !== undefined &&
      (second === undefined || distanceTo(side, second) - distanceTo(side, first) >= MARGIN)
    ? O.some(first)
    : O.none;
};

/** Words and the only thing that they are true of. */
export interface Expression {
  /** The words, `the leftmost cow`. */
  readonly words: string;
  /** Their meaning. */
  readonly thing: Thing;
}

/** An expression of something that may not be there. */
export const expressed = (words: string, thing: O.Option<Thing>): readonly Expression[] =>
  O.isSome(thing) ? [{ words, thing: thing.value }] : [];

/** The largest and the smallest of two or more things that a noun is true of. */
export const bySizes = (noun: string, things: readonly Thing[]): readonly Expression[] =>
  things.length < 2 ? [] : [
    ...expressed(`the largest ${noun}`, extreme(things, 1)),
    ...expressed(`the smallest ${noun}`, extreme(things, -1)),
  ];

/** The leftmost, rightmost, topmost and bottommost of two or more things that a noun is true of. */
export const byPlaces = (noun: string, things: readonly Thing[]): readonly Expression[] =>
  things.length < 2
    ? []
    : relations.flatMap((side) => expressed(`the ${superlatives[side]} ${noun}`, furthest(side, things)));

/** Whether a box means one thing: none of the others covers a fifth of it, or is covered by it so. */
export const alone = (thing: Thing, things: readonly Thing[]): boolean =>
  things.every((t) =>
    t.object === thing.object || (covered(t.box, thing.box) < 0.2 && iou(t.box, thing.box) < 0.2)
  );
