/** Shapes of the drawings, so that scenes can be sampled with exact boxes and without any image. */
import type { Style } from "./config.ts";
import tables from "./drawings.json" with { type: "json" };

/** Measurements on the drawings of a style, in the order of the vocabulary; `tools/vocabulary/make.ts` measures. */
export interface DrawnTable {
  /** The style. */
  readonly style: string;
  /** Width over height of the visible part; 0 where the style has no drawing. */
  readonly aspects: readonly number[];
  /** Index of the dominant colour among `colourNames`; -1 where none dominates. */
  readonly colours: readonly number[];
}

const byStyle = new Map<string, DrawnTable>(tables.map((table) => [table.style, table]));

/** The table of a style; undefined for `stamp`, which the realism pack measures. */
export const drawnIn = (style: Style): DrawnTable | undefined => byStyle.get(style);

/** Width over height of the visible part of a concept's image; 0 where the style has none. */
export const aspectOf = (concept: number, style: Style): number => drawnIn(style)?.aspects[concept] ?? 0;
