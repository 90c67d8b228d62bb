/** Bridges at a quarter of their tokens, for images of half the side. */
import type { BridgeDescription, ViewDescription } from "@chain-of-sight/core";

interface Scale {
  readonly window: number;
  readonly queries: number;
}

// a quarter of the queries in as many windows, or as many queries in a quarter of the windows
const scaleOf = ({ window, queries }: Scale): Scale =>
  queries % 4 === 0 ? { window: window / 2, queries: queries / 4 } : { window, queries };

const view = (of: ViewDescription): ViewDescription => {
  switch (of.kind) {
    case "linear":
    case "mlp":
    case "token-packer":
    case "pixel-shuffle":
      return of;
    case "resampler":
      return { ...of, queries: of.queries / 4 };
    case "chain-of-sight": {
      const scales = of.windows.map((window, i) => scaleOf({ window, queries: of.queries[i]! }));
      return { ...of, windows: scales.map((s) => s.window), queries: scales.map((s) => s.queries) };
    }
    case "average-pool":
      return { ...of, side: of.side / 2 };
    case "c-abstractor":
      return { ...of, side: of.side / 2, table: of.table / 2 };
    case "nested-pool":
      return { ...of, sides: of.sides.map((side) => side / 2).filter(Number.isInteger) };
    case "nested-queries":
      return { ...of, queries: of.queries.map((n) => n / 4), most: of.most / 4 };
  }
};

/** The bridge with a quarter of the tokens on a grid of half the side. It expands by the same expansions. */
export const quartered = (of: BridgeDescription): BridgeDescription =>
  of.kind === "tiled" ? { ...of, of: view(of.of) } : view(of);
