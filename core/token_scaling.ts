/**
 * Compound token scaling of Chain-of-Sight (arXiv 2407.15819): which windows of which grid own how many queries,
 * how a layout grows after pre-training, and how the parameters of the small bridge start the grown one.
 */
import { concatAll, type Monoid, struct } from "fp-ts/lib/Monoid.js";
import { MonoidProduct } from "fp-ts/lib/number.js";
import { type NdArray, ndarray } from "./array.ts";
import { ConfigError, TreeError } from "./errors.ts";
import type { TypedArray } from "./dtype.ts";
import { sizeOf } from "./shape.ts";

/** One scale: square windows that each own some queries. */
export interface Scale {
  /** Window side in patches. */
  readonly window: number;
  /** Queries per window. */
  readonly queries: number;
}

/** The scales of a bridge over the grid of one input resolution, coarse to fine. */
export interface Layout {
  /** Side of the input image in pixels. */
  readonly resolution: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** Scales from the coarsest to the finest. */
  readonly scales: readonly Scale[];
}

const refuse = (got: string, expected: string, hint: string): never => {
  throw new ConfigError({ op: "layout", got, expected, hint });
};

const natural = (n: number): boolean => Number.isInteger(n) && n >= 1;

/**
 * A checked layout.
 * @throws {ConfigError} where patches do not tile the image, windows do not tile the grid or scales are not coarse
 * to fine.
 */
export const layout = (resolution: number, patch: number, scales: readonly Scale[]): Layout => {
  if (!natural(resolution) || !natural(patch) || resolution % patch !== 0) {
    refuse(
      `${resolution} px in patches of ${patch} px`,
      "a whole number of patches per side",
      `use a multiple of ${patch} px`,
    );
  }
  const grid = resolution / patch;
  if (scales.length === 0) refuse("no scales", "at least one", "name a window and its queries");
  scales.forEach(({ window, queries }, i) => {
    if (!natural(window) || grid % window !== 0) {
      refuse(
        `a window of ${window} on a ${grid} x ${grid} grid`,
        "a side that divides the grid",
        `choose a divisor of ${grid}`,
      );
    }
    if (!natural(queries)) refuse(`${queries} queries per window`, "a positive integer", "give at least one");
    if (i > 0 && window > scales[i - 1]!.window) {
      refuse(`windows [${scales.map((s) => s.window)}]`, "coarse to fine", "sort them from large to small");
    }
  });
  return { resolution, patch, scales: scales.map(({ window, queries }) => ({ window, queries })) };
};

/** A layout from parallel lists of window sides and queries per window, as the paper's tables write it. */
export const layoutOf = (
  resolution: number,
  patch: number,
  windows: readonly number[],
  queries: readonly number[],
): Layout => {
  if (windows.length !== queries.length) {
    refuse(`${windows.length} windows and ${queries.length} query counts`, "as many", "give one per scale");
  }
  return layout(resolution, patch, windows.map((window, i) => ({ window, queries: queries[i]! })));
};

/** Patches per side of the image: `R / P`. */
export const gridOf = ({ resolution, patch }: Layout): number => resolution / patch;

/** Windows per side of one scale: `R / (P w)`. */
export const windowsPerSide = (of: Layout, scale: Scale): number => gridOf(of) / scale.window;

/** Tokens of every scale: `N_s = n_s (R / (P w_s))^2`. */
export const tokensPerScale = (of: Layout): readonly number[] =>
  of.scales.map((s) => s.queries * windowsPerSide(of, s) ** 2);

/** Visual tokens altogether: the sum over scales. */
export const tokenCount = (of: Layout): number => tokensPerScale(of).reduce((a, b) => a + b, 0);

/**
 * How a layout grows: factors per side, so that a factor 2 means four times the tokens. The coarsest scale is the
 * global lineage, which is kept as it is and gains a grown copy; the others are local and grow in place.
 */
export interface Growth {
  /** Factor of the input side: R -> resolution R. */
  readonly resolution: number;
  /** Windows per side of the global lineage's new scale, relative to the global scale; 1 adds no scale. */
  readonly global: number;
  /** Windows per side of the local scales, relative to what they were. */
  readonly local: number;
}

/** Which lineages grow. */
export interface Lineages {
  /** Whether the global lineage gains a scale; true by default. */
  readonly global?: boolean;
  /** Whether local scales grow; true by default. */
  readonly local?: boolean;
}

const growths: Monoid<Growth> = struct<Growth>({
  resolution: MonoidProduct,
  global: MonoidProduct,
  local: MonoidProduct,
});

/** Growths one after the other: their factors multiply, and none changes nothing. */
export const growthOf = (...parts: readonly Growth[]): Growth => concatAll(growths)(parts);

const factors = ({ global = true, local = true }: Lineages): Pick<Growth, "global" | "local"> => ({
  global: global ? 2 : 1,
  local: local ? 2 : 1,
});

/** Window scaling: half the window side at the same resolution, four times the tokens. */
export const windowScaling = (which: Lineages = {}): Growth => ({ resolution: 1, ...factors(which) });

/** Resolution scaling: twice the resolution at the same window side; a lineage left out keeps its token count. */
export const resolutionScaling = (which: Lineages = {}): Growth => ({ resolution: 2, ...factors(which) });

/** Compound scaling: resolution scaling of both lineages, and window scaling of the named ones: 16 times. */
export const compoundScaling = (which: Lineages = {}): Growth =>
  growthOf(resolutionScaling(), windowScaling(which));

/** A grown layout, and for every scale of it the scale of the old layout that it starts from. */
export interface GrownLayout {
  /** The larger layout. */
  readonly layout: Layout;
  /** Index into the old scales, one per new scale. */
  readonly sources: readonly number[];
}

/**
 * The layout after a growth, coarse to fine. Queries per window stay as they are along a lineage.
 * @throws {ConfigError} where a window would not be a whole number of patches.
 */
export const grow = (growth: Growth): (from: Layout) => GrownLayout => (from: Layout): GrownLayout => {
  const [first, ...locals] = from.scales as [Scale, ...Scale[]];
  const child = (scale: Scale, source: number, ratio: number): readonly [Scale, number] => [
    { ...scale, window: scale.window * growth.resolution / ratio },
    source,
  ];
  const grown = [
    child(first, 0, 1),
    ...(growth.global === 1 ? [] : [child(first, 0, growth.global)]),
    ...locals.map((scale, i) => child(scale, i + 1, growth.local)),
  ].toSorted(([a], [b]) => b.window - a.window);
  return {
    layout: layout(from.resolution * growth.resolution, from.patch, grown.map(([scale]) => scale)),
    sources: grown.map(([, source]) => source),
  };
};

/** What inflation needs to know of a bridge's parameters: a list of scales that each hold queries. */
export type Inflatable = {
  /** One per scale of the layout; queries `[1, N, d]`. */
  readonly scales: readonly { readonly queries: NdArray }[];
};

/** Queries `[1, g g n, d]` with every window split into ratio x ratio windows that inherit its queries. */
const repeatQueries = (queries: NdArray, g: number, n: number, ratio: number): NdArray => {
  const d = queries.shape.at(-1)!, row = n * d, side = g * ratio;
  const Data = queries.data.constructor as new (length: number) => TypedArray;
  const out = new Data(side * side * row);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const parent = (Math.floor(y / ratio) * g + Math.floor(x / ratio)) * row;
      out.set(queries.data.subarray(parent, parent + row) as never, (y * side + x) * row);
    }
  }
  return ndarray(queries.dtype, [1, side * side * n, d], out);
};

/**
 * Parameter inflation: the bridge of the larger layout starts as the small one. Every weight of a new scale is that
 * of its source scale, shared parameters stay, and each child window inherits the queries of its parent.
 * @param correspondence index of the source scale for every target scale.
 * @throws {ConfigError} where the layouts do not correspond; {TreeError} where the parameters are of another layout.
 */
export const inflate = (
  source: Layout,
  target: Layout,
  correspondence: readonly number[],
): <P extends Inflatable>(params: P) => P =>
<P extends Inflatable>(params: P): P => {
  if (correspondence.length !== target.scales.length) {
    refuse(
      `${correspondence.length} sources for ${target.scales.length} scales`,
      "one source per scale of the target",
      "name a source scale for every new scale",
    );
  }
  if (params.scales.length !== source.scales.length) {
    throw new TreeError({
      op: "inflate",
      got: `parameters of ${params.scales.length} scales`,
      expected: `${source.scales.length}, as the source layout has`,
      hint: "pass the layout with which the parameters were trained",
    });
  }
  const scales = target.scales.map((to, t) => {
    const s = correspondence[t]!, from = source.scales[s], block = params.scales[s];
    if (from === undefined || block === undefined) {
      return refuse(`source scale ${s}`, `0 to ${source.scales.length - 1}`, "name an existing scale");
    }
    const g = windowsPerSide(source, from), ratio = windowsPerSide(target, to) / g;
    if (from.queries !== to.queries || !natural(ratio)) {
      return refuse(
        `scale ${t} with ${to.queries} queries in ${windowsPerSide(target, to)} windows per side, from ` +
          `${from.queries} queries in ${g} windows per side`,
        "equal queries per window and a whole multiple of windows per side",
        "choose another source or window",
      );
    }
    if (sizeOf(block.queries.shape.slice(0, -1)) !== g * g * from.queries) {
      throw new TreeError({
        op: "inflate",
        got: `${sizeOf(block.queries.shape.slice(0, -1))} queries in scale ${s}`,
        expected: `${g * g * from.queries}`,
        hint: "pass the layout with which the parameters were trained",
      });
    }
    return { ...block, queries: repeatQueries(block.queries, g, from.queries, ratio) };
  });
  return { ...params, scales };
};
