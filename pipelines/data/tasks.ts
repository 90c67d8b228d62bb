/** Questions and answers that follow from a scene's record: captions, presence, counts and places. */
import { pipe } from "fp-ts/lib/function.js";
import * as RA from "fp-ts/lib/ReadonlyArray.js";
import type { Box } from "./box.ts";
import { isHeldOut } from "./composition.ts";
import { concepts, nameOf, popularity } from "./concepts.ts";
import type { DataConfig } from "./config.ts";
import { boxWords } from "./grid.ts";
import { countsOf, type Scene } from "./record.ts";
import { type Rng, rngOf } from "./rng.ts";

/** How the absent concept of a presence question was chosen, after POPE (arXiv 2305.10355). */
export type NegativeKind = "random" | "popular" | "adversarial";

/** Every negative kind, in the order in which POPE reports them. */
export const negativeKinds: readonly NegativeKind[] = ["random", "popular", "adversarial"];

/** The kinds of questions. */
export type QuestionKind = "caption" | "presence" | "count" | "refer";

/** What every question has. */
export interface Asked {
  /** The words that the model reads. */
  readonly prompt: string;
  /** The words that it should write. */
  readonly answer: string;
}

/** Asks for everything in the picture. */
export interface CaptionQuestion extends Asked {
  /** Discriminates. */
  readonly kind: "caption";
  /** The concepts in the picture, as the caption names them. */
  readonly truth: readonly number[];
}

/** Asks whether a concept is in the picture. */
export interface PresenceQuestion extends Asked {
  /** Discriminates. */
  readonly kind: "presence";
  /** The POPE setting; a yes-question belongs to the setting of the no-question beside it. */
  readonly negative: NegativeKind;
  /** The concept asked for. */
  readonly concept: number;
  /** Whether it is there. */
  readonly truth: boolean;
}

/** Asks how often a concept is in the picture. */
export interface CountQuestion extends Asked {
  /** Discriminates. */
  readonly kind: "count";
  /** The concept asked for. */
  readonly concept: number;
  /** How often it is there, 0 to 4. */
  readonly truth: number;
}

/** Asks where the only object of a concept is. */
export interface ReferQuestion extends Asked {
  /** Discriminates. */
  readonly kind: "refer";
  /** The concept asked for. */
  readonly concept: number;
  /** Its exact box. */
  readonly truth: Box;
}

/** A question about one picture. */
export type Question = CaptionQuestion | PresenceQuestion | CountQuestion | ReferQuestion;

const article = (name: string): string => /^[aeiou]/.test(name) ? "an" : "a";
const withArticle = (name: string): string => `${article(name)} ${name}`;

const some = (concept: number, count: number): string =>
  count === 1 ? withArticle(nameOf(concept)) : `${count} ${concepts[concept]!.plural}`;

/** The caption of a scene: most numerous first, then in the order of the vocabulary. */
export const captionOf = (scene: Scene): CaptionQuestion => {
  const named = [...countsOf(scene)].sort(([a, m], [b, n]) => n - m || a - b);
  const parts = named.map(([concept, count]) => some(concept, count));
  const answer = parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(" , ")} and ${parts.at(-1)}`;
  return { kind: "caption", prompt: "caption :", answer, truth: named.map(([concept]) => concept) };
};

// Prompts end with what they ask about, so that the answer follows the word itself: a decoder of few layers then finds
// it in the picture with one look, without first carrying the word to a question mark.
const presence = (concept: number, truth: boolean, negative: NegativeKind): PresenceQuestion => ({
  kind: "presence",
  negative,
  concept,
  truth,
  prompt: `is there ${withArticle(nameOf(concept))}`,
  answer: truth ? "yes" : "no",
});

const count = (concept: number, truth: number): CountQuestion => ({
  kind: "count",
  concept,
  truth,
  prompt: `how many ${concepts[concept]!.plural}`,
  answer: String(truth),
});

const refer = (concept: number, truth: Box, grid: number): ReferQuestion => ({
  kind: "refer",
  concept,
  truth,
  prompt: `where is the ${nameOf(concept)}`,
  answer: boxWords(truth, grid),
});

/** How strongly an absent concept is expected beside the present ones: themes attract, held-out pairs never meet. */
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

const presences = (config: DataConfig, rng: Rng, present: readonly number[], absent: readonly number[]) =>
  negativeKinds.flatMap((kind) => [
    presence(rng.pick(present), true, kind),
    presence(negativeOf(config, rng, kind, present, absent), false, kind),
  ]);

const counts = (rng: Rng, scene: Scene, absent: readonly number[]): readonly CountQuestion[] => {
  const present = countsOf(scene), first = rng.weighted([...present.keys()], (c) => present.get(c)! ** 2);
  const others = [...present.keys()].filter((c) => c !== first);
  const zero = others.length === 0 || rng.chance(0.35);
  const second = zero ? rng.pick(absent) : rng.weighted(others, (c) => present.get(c)! ** 2);
  return [count(first, present.get(first)!), count(second, present.get(second) ?? 0)];
};

const refers = (config: DataConfig, rng: Rng, scene: Scene): readonly ReferQuestion[] => {
  const present = countsOf(scene);
  const unique = scene.objects.filter((o) => present.get(o.concept) === 1);
  return rng.shuffle(unique).slice(0, 2).map((o) => refer(o.concept, o.box, config.grid));
};

/**
 * The questions about a scene: a caption; six presence questions, a yes and a no for each of POPE's settings; two
 * counts; up to two places. The split `vision` has the caption alone. Training splits ask in random order, and with
 * another `pass` they ask other questions; the evaluation split keeps the order above.
 */
export const questionsOf = (scene: Scene, config: DataConfig, pass = 0): readonly Question[] => {
  const caption = captionOf(scene);
  if (scene.split === "vision" || scene.objects.length === 0) return [caption];
  const rng = rngOf(config.seed, scene.split, scene.index, "questions", scene.split === "eval" ? 0 : pass);
  const present = [...countsOf(scene).keys()];
  const absent = concepts.slice(0, config.concepts).map((c) => c.id).filter((c) => !present.includes(c));
  const asked: readonly Question[] = absent.length === 0 ? [caption, ...refers(config, rng, scene)] : [
    caption,
    ...presences(config, rng, present, absent),
    ...counts(rng, scene, absent),
    ...refers(config, rng, scene),
  ];
  return scene.split === "eval" ? asked : rng.shuffle(asked);
};

/** Every text that questions and answers of the configuration can contain; a tokenizer is trained on it. */
export const corpusOf = (config: DataConfig, scenes: readonly Scene[]): readonly string[] =>
  pipe(
    scenes,
    RA.chain((scene) => questionsOf(scene, config)),
    RA.chain((q): readonly string[] => [q.prompt, q.answer]),
    RA.concat(concepts.slice(0, config.concepts).flatMap((c) => [c.name, c.plural])),
  );
