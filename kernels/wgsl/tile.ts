/** Shared parts of all contraction kernels: where a workgroup's tile is, and how a worker's results are stored. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import type { Scope } from "./scope.ts";
import { groupBox, when } from "./module.ts";

/** Position of a workgroup among tiles and batches. */
export interface TileGrid {
  /** Number of workgroups. */
  readonly workgroups: readonly [number, number, number];
  /** Statements that declare `batch`. */
  readonly lines: readonly string[];
  /** Row of tiles, as text. */
  readonly tileRow: string;
  /** Column of tiles, as text. */
  readonly tileColumn: string;
}

/** How a grid of tiles is walked. */
export interface TileOrder {
  /** Products of the batch in one workgroup, one for each `lane.z`. */
  readonly products?: number;
  /** Rows of tiles that run together before the next columns: what they read is still in the cache. */
  readonly band?: number;
}

/**
 * Lays out `down x across` tiles for every batch. With several products in a workgroup, those beyond the batch end here:
 * such kernels must have no barriers.
 */
export const tileGrid = (
  batch: number,
  down: number,
  across: number,
  profile: DeviceProfile,
  { products = 1, band = 1 }: TileOrder = {},
): TileGrid => {
  const groups = Math.ceil(batch / products);
  const { workgroups, lines: first, at: [column, row, group] } = groupBox([across, down, groups], profile);
  const lines = [...first, `let batch = ${products === 1 ? group : `${group} * ${products}u + lane.z`};`];
  if (groups * products > batch) lines.push(`if (batch >= ${batch}u) { return; }`);
  const high = Math.min(band, down);
  if (high === 1) return { workgroups, lines, tileRow: row, tileColumn: column };
  const rest = down % high;
  lines.push(
    `let tile = ${row} * ${across}u + ${column};`,
    `let band = tile / ${high * across}u;`,
    // the last band may be lower
    rest === 0
      ? `let high = ${high}u;`
      : `let high = select(${high}u, ${rest}u, band == ${Math.floor(down / high)}u);`,
    `let in_band = tile % ${high * across}u;`,
  );
  return { workgroups, lines, tileRow: `(band * ${high}u + in_band % high)`, tileColumn: "(in_band / high)" };
};

/** How far the groups of four rows and of four columns of one worker are apart. */
export interface Apart {
  /** From the first row of a group to that of the next. */
  readonly rows: number;
  /** From the first column of a group to that of the next. */
  readonly columns: number;
}

const VARIABLES = ["row", "col", "acc"] as const, FINISH = "finish";

/** What finishes an element: statements on `row`, `col` and `acc`, or a function of them. */
type Finish = { readonly kind: "inline"; readonly lines: () => readonly string[] } | {
  readonly kind: "call";
};

/**
 * The text that finishes an element is written once, as a function that drivers inline; but where something is the same
 * for all elements, it is computed before, once, and each element has its own text.
 */
const finisher = (top: Scope, kernel: ContractionKernel): Finish => {
  const storeIn = (scope: Scope): readonly string[] => {
    for (const o of kernel.outputs) scope.store(o.tensor, o.at, o.value);
    return scope.lines;
  };
  const before = top.lines.length, lines = (): readonly string[] => storeIn(top.inner(VARIABLES));
  lines();
  if (top.lines.length > before) return { kind: "inline", lines };
  const body = storeIn(top.apart(["batch", ...VARIABLES]));
  top.define("batch: u32, row: u32, col: u32, acc: f32", FINISH, body);
  return { kind: "call" };
};

/** Names of the accumulators of a worker's tile: `c{row}_{quad}`. */
export const tileNames = (rows: number, quads: number): readonly string[] =>
  Array.from({ length: rows * quads }, (_, x) => `c${Math.floor(x / quads)}_${x % quads}`);

/** Stores the accumulators `c{row}_{quad}` of a worker whose tile starts at (`row0`, `col0`). */
export const storeTile = (
  top: Scope,
  kernel: ContractionKernel,
  rows: number,
  columns: number,
  always = false,
  apart: Apart = { rows: 4, columns: 4 },
): void => {
  const { m, n } = kernel.size, finish = finisher(top, kernel);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const row = `row0 + ${(i >> 2) * apart.rows + (i & 3)}u`;
      const col = `col0 + ${(j >> 2) * apart.columns + (j & 3)}u`;
      const acc = `c${i}_${j >> 2}.${"xyzw"[j & 3]}`;
      // the first row and column of a tile are inside unless whole tiles may be outside
      const guards = [
        ...(m % rows !== 0 && i > 0 || always ? [`${row} < ${m}u`] : []),
        ...(n % columns !== 0 && j > 0 || always ? [`${col} < ${n}u`] : []),
      ];
      const lines = finish.kind === "call"
        ? [`${FINISH}(batch, ${row}, ${col}, ${acc});`]
        : ["{", `let row = ${row};`, `let col = ${col};`, `let acc = ${acc};`, ...finish.lines(), "}"];
      top.lines.push(...when(guards, lines));
    }
  }
};
