/** The questions of worlds without `DataConfig.world`: captions, presence, counts and places in few words. */
import type { Box } from "../../records/box.ts";
import { isHeldOut } from "../composition.ts";
import { concepts, nameOf, popularity } from "../concepts.ts";
import type { DataConfig } from "../config.ts";
import { boxWords } from "../../records/grid.ts";
import { countsOf, type Scene } from "../record.ts";
import { type Rng, rngOf } from "../../base/rng.ts";
import {
  type CaptionQuestion,
  type CountQuestion,
  type NegativeKind,
  negativeKinds,
  type PresenceQuestion,
  type Question,
  type ReferQuestion,
} from "./question.ts";
import { listed, pluralOf, some, withArticle } from "./words.ts";

/** The caption of a scene: most numerous first, then in the order of the vocabulary. */
export const captionOf = (scene: Scene): CaptionQuestion => {
  const named = [...countsOf(scene)].sort(([a, m], [b, n]) => n - m || a - b);
  return {
    kind: "caption",
    template: "caption",
    prompt: "caption :",
    answer: listed(named.map(([concept, count]) => some(concept, count)), " , "),
    truth: named.map(([concept]) => concept),
  };
};

interface Sized {
  readonly scene: Scene;
  readonly master: number;
}

const sizes = ({ scene, master }: Sized, concept: number): readonly number[] =>
  scene.objects.filter((o) => o.concept === concept).map((o) => o.size * master);

// Prompts end with what they ask about, so that the answer follows the word itself: a decoder of few layers then finds
// it in the image with one look, without first carrying the word to a question mark.
const presence = (of: Sized, concept: number, truth: boolean, negative: NegativeKind): PresenceQuestion => ({
  kind: "presence",
  template: `presence/${negative}`,
  ...(truth ? { size: Math.max(...sizes(of, concept)) } : {}),
  negative,
  concept,
  truth,
  prompt: `is there ${withArticle(nameOf(concept))}`,
  answer: truth ? "yes" : "no",
});

const count = (of: Sized, concept: number, truth: number): CountQuestion => ({
  kind: "count",
  template: "count",
  ...(truth > 0 ? { size: Math.min(...sizes(of, concept)) } : {}),
  concept,
  truth,
  prompt: `how many ${pluralOf(concept)}`,
  answer: String(truth),
});

const refer = (concept: number, truth: Box, size: number, grid: number): ReferQuestion => ({
  kind: "refer",
  template: "refer/by-name",
  size,
  concept,
  truth,
  prompt: `where is the ${nameOf(concept)}`,
  answer: boxWords(truth, grid),
});

/** How strongly an absent concept is expected alongside the present ones: themes attract, held-out pairs never meet. */
const expected = (config: DataConfig, present: readonly number[]) => (absent: number): number =>
  present.reduce((sum, p) => {
    if (isHeldOut(p, absent, config.heldOut)) return sum;
    return sum + popularity(absent) * (concepts[p]!.theme === concepts[absent]!.theme ? 1 : 0.1);
  }, 0);

/** An absent concept of a kind. `popular` takes the most popular third, `adversarial` the most expected ones. */
const negativeOf = (
  config: DataConfig,
  rng: Rng,
  kind: NegativeKind,
  present: readonly number[],
  absent: readonly number[],
): number => {
  if (kind === "random") return rng.pick(absent);
  const score = kind === "popular" ? popularity : expected(config, present);
  const ranked = rng.shuffle(absent).sort((a, b) => score(b) - score(a));
  if (kind === "popular") return rng.pick(ranked.slice(0, Math.max(1, Math.ceil(config.concepts / 3))));
  return rng.pick(ranked.filter((c) => score(c) >= score(ranked[0]!) / 2));
};

const presences = (
  config: DataConfig,
  rng: Rng,
  of: Sized,
  present: readonly number[],
  absent: readonly number[],
) =>
  negativeKinds.flatMap((kind) => [
    presence(of, rng.pick(present), true, kind),
    presence(of, negativeOf(config, rng, kind, present, absent), false, kind),
  ]);

/** How often the count of a thing that is there once is asked for, rather than of one that is not there: both come alike. */
const SINGLE = 0.65;

/** The count of something that is there several times, if anything is, and of something that is there once or not at all. */
const counts = (rng: Rng, of: Sized, absent: readonly number[]): readonly CountQuestion[] => {
  const present = [...countsOf(of.scene)], several = present.filter(([, n]) => n > 1);
  const single = present.filter(([, n]) => n === 1);
  const few = single.length > 0 && rng.chance(SINGLE) ? rng.pick(single) : [rng.pick(absent), 0] as const;
  return [...(several.length === 0 ? [] : [rng.pick(several)]), few].map(([c, n]) => count(of, c, n));
};

const refers = (config: DataConfig, rng: Rng, scene: Scene): readonly ReferQuestion[] => {
  const present = countsOf(scene);
  const unique = scene.objects.filter((o) => present.get(o.concept) === 1);
  const most = scene.split === "eval" || config.repeated === undefined ? 2 : unique.length;
  return rng.shuffle(unique).slice(0, most).map((o) =>
    refer(o.concept, o.box, o.size * config.master, config.grid)
  );
};

/**
 * The questions about a scene: a caption; six presence questions, a yes and a no for each of POPE's settings; one
 * or two counts, whose answers come alike as far as scenes allow; up to two places, in training with
 * {@link DataConfig.repeated} that of everything which is there once. The split `vision` has the caption alone. Training splits ask in random order, and with
 * another `pass` they ask other questions; the evaluation split keeps the order above.
 */
export const plainQuestions = (scene: Scene, config: DataConfig, pass: number): readonly Question[] => {
  const caption = captionOf(scene);
  if (scene.split === "vision" || scene.objects.length === 0) return [caption];
  const rng = rngOf(config.seed, scene.split, scene.index, "questions", scene.split === "eval" ? 0 : pass);
  const present = [...countsOf(scene).keys()], of = { scene, master: config.master };
  const absent = concepts.slice(0, config.concepts).map((c) => c.id).filter((c) => !present.includes(c));
  const asked: readonly Question[] = absent.length === 0 ? [caption, ...refers(config, rng, scene)] : [
    caption,
    ...presences(config, rng, of, present, absent),
    ...counts(rng, of, absent),
    ...refers(config, rng, scene),
  ];
  return scene.split === "eval" ? asked : rng.shuffle(asked);
};
