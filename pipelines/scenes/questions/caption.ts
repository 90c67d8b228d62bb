/** Captions: the most prominent things in a sentence, and everything region by region. */
import { area, centre } from "../../records/box.ts";
import type { CaptionQuestion, DenseQuestion } from "./question.ts";
import type { Rule, SceneView, Thing } from "./view.ts";
import { listed, some, withArticle } from "./words.ts";

/** Concepts that a short caption names. */
const NAMED = 4;

const groups = (things: readonly Thing[]): readonly (readonly [number, readonly Thing[]])[] => [
  ...Map.groupBy(things, ({ concept }) => concept),
];

const areaOf = (things: readonly Thing[]): number => things.reduce((sum, { box }) => sum + area(box), 0);

/** Groups of equal things with the one that covers most first, and then in the order of the vocabulary. */
const prominent = (things: readonly Thing[]): readonly (readonly [number, readonly Thing[]])[] =>
  groups(things).toSorted(([a, x], [b, y]) => areaOf(y) - areaOf(x) || a - b);

const counted = (things: readonly Thing[]): readonly string[] =>
  prominent(things).map(([concept, group]) => some(concept, group.length));

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A sentence with the theme of the scene and what covers most of it. */
export const captionRule: Rule<CaptionQuestion> = {
  templates: ["caption"],
  ask: ({ scene, things }) => {
    const parts = counted(things), others = parts.length - NAMED;
    const named = others > 0 ? [...parts.slice(0, NAMED), "other things"] : parts;
    return [{
      kind: "caption",
      template: "caption",
      prompt: "Describe the image in one sentence.",
      answer: `${sentence(withArticle(scene.theme))} scene with ${listed(named)}.`,
      truth: groups(things).map(([concept]) => concept),
    }];
  },
};

const regions = ["top left", "top right", "bottom left", "bottom right"] as const;
const regionOf = (box: Thing["box"]): number => {
  const [x, y] = centre(box);
  return (x < 0.5 ? 0 : 1) + (y < 0.5 ? 0 : 2);
};

const regionText = ({ things, scene }: SceneView, region: number): readonly string[] => [
  ...counted(things.filter(({ box }) => regionOf(box) === region)),
  ...scene.plates.filter(({ box }) => regionOf(box) === region).map(({ text }) => `a sign that says ${text}`),
];

/** Everything, by the quarter of the image that its middle is in. */
export const denseRule: Rule<DenseQuestion> = {
  templates: ["dense"],
  ask: (view) => {
    const parts = regions.map((name, i) => [name, regionText(view, i)] as const);
    return [{
      kind: "dense",
      template: "dense",
      prompt: "List everything in the image, region by region.",
      answer: parts.filter(([, said]) => said.length > 0)
        .map(([name, said]) => `${name}: ${listed(said)}`).join("; "),
      truth: groups(view.things).map(([concept]) => concept),
    }];
  },
};
