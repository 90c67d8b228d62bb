/** How often concepts are met, alone and alongside others, computed from the tables that scenes are drawn from. */
import { isHeldOut } from "../composition.ts";
import { popularity } from "../concepts.ts";
import { isTraining } from "../config.ts";
import { type SplitTables, tablesOf, type Urn } from "../world_tables.ts";
import type { SceneView } from "./view.ts";

/** Values derived from the tables of a split. */
interface Chances {
  /** By theme: the chance that the next object's concept is this one, by concept number. */
  readonly byTheme: readonly Float64Array[];
  /** Their logarithms. */
  readonly logs: readonly Float64Array[];
  /** The chance over all themes. */
  readonly prior: Float64Array;
  /** The most popular third of the concepts. */
  readonly popular: ReadonlySet<number>;
}

/** Chance of what a theme never shows, so that no scene is impossible. */
const NEVER = 1e-9;

const shared = ({ items, sums }: Urn, length: number): Float64Array => {
  const out = new Float64Array(length), total = sums.at(-1) ?? 1;
  items.forEach((c, i) => out[c] = (sums[i]! - (sums[i - 1] ?? 0)) / total);
  return out;
};

const chancesFrom = (tables: SplitTables, themed: number): Chances => {
  const length = Math.max(...tables.all.items) + 1, all = shared(tables.all, length);
  const byTheme = tables.themes.map(([, urn]) => {
    const own = shared(urn, length);
    return all.map((share, c) => themed * own[c]! + (1 - themed) * share);
  });
  const themes = byTheme.length > 0 ? byTheme : [all];
  const ranked = tables.all.items.toSorted((a, b) => popularity(b) - popularity(a) || a - b);
  return {
    byTheme: themes,
    logs: themes.map((share) => share.map((v) => Math.log(Math.max(v, NEVER)))),
    prior: all.map((_, c) => themes.reduce((sum, share) => sum + share[c]!, 0) / themes.length),
    popular: new Set(ranked.slice(0, Math.ceil(ranked.length / 3))),
  };
};

const kept = new WeakMap<SplitTables, Chances>();

type Of = Pick<SceneView, "scene" | "config">;

const chancesOf = ({ scene, config }: Of): Chances => {
  const tables = tablesOf(config, scene.split),
    found = kept.get(tables) ?? chancesFrom(tables, config.themed);
  kept.set(tables, found);
  return found;
};

/** How often a concept is drawn over scenes of all themes, relative to others. */
export const prior = (of: Of): (concept: number) => number => {
  const chances = chancesOf(of);
  return (concept) => chances.prior[concept] || NEVER;
};

/** The most popular third of what the scene's split may show. */
export const popularIn = (of: Of): ReadonlySet<number> => chancesOf(of).popular;

/** How often a concept is expected alongside others: the chance of each theme given them, times its share in the theme. */
export const expectedBeside = (of: Of, present: readonly number[]): (concept: number) => number => {
  const { byTheme, logs } = chancesOf(of);
  const sums = logs.map((log) => present.reduce((sum, c) => sum + (log[c] ?? 0), 0));
  const top = Math.max(...sums), chances = sums.map((l) => Math.exp(l - top));
  const total = chances.reduce((sum, v) => sum + v, 0), weights = chances.map((v) => v / total);
  return (concept) => byTheme.reduce((sum, share, i) => sum + weights[i]! * (share[concept] ?? 0), 0);
};

/** Whether a scene that obeys its split's rules may show a concept alongside others: held-out pairs never meet. */
export const mayMeet = ({ scene, config }: Of, present: readonly number[]): (concept: number) => boolean => {
  const obeys = isTraining(scene.split) || scene.composition === "seen";
  return (concept) => !obeys || !present.some((p) => isHeldOut(p, concept, config.heldOut));
};
