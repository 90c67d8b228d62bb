/**
 * Balance of answers. Where a question can be turned so that either answer is right (left of, right of), a fair coin
 * turns it, and nothing is left to learn from the words. Where answers come as scenes have them (counts, colours), the
 * answer is drawn first, with weights under which scenes like these give every answer alike; a scene without that answer
 * asks something else or nothing. The weights depend on the configuration alone, so every scene is decided by itself.
 */
import * as O from "fp-ts/lib/Option.js";
import type { DataConfig, Split } from "../config.ts";
import { keptBy } from "../../base/kept.ts";
import type { Rng } from "../../base/rng.ts";
import { sampleScene } from "../scene.ts";
import { type SceneView, viewOf } from "./view.ts";

/** How answers are drawn. */
export interface Levels {
  /** Weight of every answer among those that a scene offers. */
  readonly weight: ReadonlyMap<string, number>;
  /** Chance that a drawn answer is asked for; less than 1 for those that still come too often. */
  readonly keep: ReadonlyMap<string, number>;
}

const ROUNDS = 80;
const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

const marginals = (
  offers: readonly (readonly number[])[],
  weights: readonly number[],
): readonly number[] => {
  const out = weights.map(() => 0);
  for (const offer of offers) {
    const total = offer.reduce((sum, c) => sum + weights[c]!, 0);
    for (const c of offer) out[c]! += weights[c]! / total;
  }
  return out.map((m) => m / Math.max(1, offers.length));
};

/** The largest share, 0 to 1, up to which something holds that holds for small ones. */
const lastTrue = (holds: (share: number) => boolean): number => {
  let [low, high] = [0, 1];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
};

/** Most times its even share that an answer is asked for, where enough scenes offer the others. */
export const LIMIT = 1.15;
/** Minimum share of scenes that ask, however uneven their answers are. */
const MINIMUM = 0.2;

/**
 * Weights from what some scenes offer: a scene draws one of the answers that it offers by weight, and asks with the
 * answer's chance. Iterative proportional fitting raises what is drawn rarely; then what still comes more often than
 * {@link LIMIT} times its even share is kept less often.
 */
export const levelsOf = (offers: readonly (readonly string[])[]): Levels => {
  const names = [...new Set(offers.flat())].toSorted(), place = new Map(names.map((n, i) => [n, i]));
  const given = offers.filter((o) => o.length > 0).map((o) => o.map((n) => place.get(n)!));
  const weights = range(ROUNDS).reduce<readonly number[]>((w) => {
    const m = marginals(given, w);
    const next = w.map((v, i) => v * Math.sqrt(1 / (names.length * Math.max(m[i]!, 1e-6))));
    const top = Math.max(...next, 1e-12);
    return next.map((v) => Math.max(v / top, 1e-6));
  }, names.map(() => 1));
  const drawn = marginals(given, weights);
  const left = (cap: number): number => drawn.reduce((sum, m) => sum + Math.min(m, cap), 0);
  const even = lastTrue((cap) => cap <= LIMIT / names.length * left(cap));
  const asking = lastTrue((cap) => left(cap) < MINIMUM);
  const cap = Math.max(even, asking);
  return {
    weight: new Map(names.map((n, i) => [n, weights[i]!])),
    keep: new Map(names.map((n, i) => [n, drawn[i]! > cap ? cap / drawn[i]! : 1])),
  };
};

/** An answer of those that a scene offers; `none` where the scene had better not ask. */
export const drawLevel = (levels: Levels, rng: Rng, offer: readonly string[]): O.Option<string> => {
  if (offer.length === 0) return O.none;
  const drawn = rng.weighted(offer, (name) => levels.weight.get(name) ?? 1e-6);
  return rng.chance(levels.keep.get(drawn) ?? 1) ? O.some(drawn) : O.none;
};

/** Scenes that weights are fitted on, and the first of their indices, which no data set reaches. */
const FITTED = 1024, FIRST = 2 ** 31;

const fittedViews = keptBy<DataConfig, Split, readonly SceneView[]>();
const fittedLevels = keptBy<DataConfig, string, Levels>();

const viewsOf = (config: DataConfig, split: Split): readonly SceneView[] =>
  fittedViews(
    config,
    split,
    () => range(FITTED).map((i) => viewOf(sampleScene(config, split, FIRST + i), config)),
  );

/**
 * The weights of a template in the scenes of a configuration's split, fitted once on scenes that no set contains.
 * @param offers - the answers that a scene offers.
 */
export const levelsFor = (
  { config, scene }: SceneView,
  template: string,
  offers: (view: SceneView) => readonly string[],
): Levels =>
  fittedLevels(
    config,
    `${scene.split} ${template}`,
    () => levelsOf(viewsOf(config, scene.split).map(offers)),
  );
