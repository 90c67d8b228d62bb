/** What sampling at full strength looks up: who may be shown, where, in which styles. Made once for a configuration. */
import { keptBy } from "../base/kept.ts";
import type { Rng } from "../base/rng.ts";
import { aspectOf } from "./aspects.ts";
import { concepts, popularity, type Theme, themes } from "./concepts.ts";
import { type DataConfig, isTraining, type Split, type Style } from "./config.ts";

/**
 * The concepts of a split. In worlds at full strength only `held-out-concepts` has those that are held out, alongside all
 * the others; questions of other splits must not name them, not even as what is absent.
 */
export const poolOf = (config: DataConfig, split: Split): readonly number[] =>
  concepts.slice(0, config.concepts)
    .filter((c) => config.world === undefined || split === "held-out-concepts" || !c.heldOut)
    .map((c) => c.id);

/** Numbers with weights, from which one is drawn in logarithmic time. */
export interface Urn {
  /** What is drawn. */
  readonly items: readonly number[];
  /** Sums of the weights up to each item. */
  readonly sums: readonly number[];
}

/** An urn of items with positive weights. */
const urnOf = (items: readonly number[], weight: (item: number) => number): Urn => {
  let sum = 0;
  return { items, sums: items.map((item) => sum += weight(item)) };
};

/** One item of an urn that is not empty, in proportion to the weights. */
export const draw = (rng: Rng, { items, sums }: Urn): number => {
  const at = rng.unit() * sums.at(-1)!;
  let low = 0, high = items.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return items[low]!;
};

/** The lookups of one split. */
export interface SplitTables {
  /** All concepts that it may show. */
  readonly all: Urn;
  /** Those that are held out; empty in every split but `held-out-concepts`. */
  readonly heldOut: Urn;
  /** Themes with four or more concepts, and their concepts. */
  readonly themes: readonly (readonly [Theme, Urn])[];
  /** The styles of each concept, by number; empty for those that it does not show. */
  readonly styles: readonly (readonly Style[])[];
}

/** A concept that is found elsewhere, too, is found this often, compared with one at home in the theme. */
const VISITOR = 0.5;

const stylesOf = (config: DataConfig, split: Split): readonly Style[] => {
  if (split === "held-out-styles") return config.world!.heldOutStyles;
  return isTraining(split) ? config.styles.train : config.styles.eval;
};

const make = (config: DataConfig, split: Split): SplitTables => {
  const wanted = stylesOf(config, split);
  const stamped = new Set(
    split === "held-out-styles" ? [] : (config.world!.realism?.stamps ?? []).map((s) => s.concept),
  );
  const styles = concepts.map(({ id }): readonly Style[] => [
    ...wanted.filter((style) => aspectOf(id, style) > 0),
    ...(stamped.has(id) ? ["stamp" as const] : []),
  ]);
  const pool = poolOf(config, split).filter((id) => styles[id]!.length > 0);
  const inTheme = (theme: Theme): Urn =>
    urnOf(
      pool.filter((id) => concepts[id]!.themes.includes(theme)),
      (id) => popularity(id) * (concepts[id]!.theme === theme ? 1 : VISITOR),
    );
  return {
    all: urnOf(pool, popularity),
    heldOut: urnOf(pool.filter((id) => concepts[id]!.heldOut), popularity),
    themes: themes.map((theme) => [theme, inTheme(theme)] as const).filter(([, urn]) =>
      urn.items.length >= 4
    ),
    styles,
  };
};

const kept = keptBy<DataConfig, Split, SplitTables>();

/** The lookups of a split of a configuration that has `world`; the same object for the same configuration object. */
export const tablesOf = (config: DataConfig, split: Split): SplitTables =>
  kept(config, split, () => make(config, split));
