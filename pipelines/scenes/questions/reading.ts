/** Text reading: what a sign says. */
import * as O from "fp-ts/lib/Option.js";
import type { Plate } from "../record.ts";
import { furthest, superlatives } from "./places.ts";
import { type ReadingQuestion, relations } from "./question.ts";
import type { Rule } from "./view.ts";

/** Height of a sign's letters as a share of the side; of signs without that number, the height of the sign. */
const lettersOf = ({ letters, box }: Plate): number => letters ?? box[3] - box[1];

/** Text of the only sign, or the one that is plainly furthest on a side. */
export const readingRule: Rule<ReadingQuestion> = {
  templates: ["reading/only", "reading/by-place"],
  ask: ({ scene, config }, rng) => {
    const read = (plate: Plate, template: string, sign: string): ReadingQuestion => ({
      kind: "reading",
      template: `reading/${template}`,
      size: lettersOf(plate) * config.master,
      plate: scene.plates.indexOf(plate),
      truth: plate.text,
      prompt: `What does the ${sign} say?`,
      answer: plate.text,
    });
    const [first, ...others] = scene.plates;
    if (first === undefined) return [];
    if (others.length === 0) return [read(first, "only", "sign")];
    const found = relations.flatMap((side) => {
      const plate = furthest(side, scene.plates);
      return O.isSome(plate) ? [{ plate: plate.value, side }] : [];
    });
    if (found.length === 0) return [];
    const { plate, side } = rng.pick(found);
    return [read(plate, "by-place", `${superlatives[side]} sign`)];
  },
};
