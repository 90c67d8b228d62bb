/** What all contraction kernels share: where a workgroup's tile lies, and how a worker's results are stored. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import type { Scope } from "./scope.ts";

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

/** Lays out `down x across` tiles for every batch; batches that exceed one axis go on along the columns. */
export const tileGrid = (batch: number, down: number, across: number, profile: DeviceProfile): TileGrid => {
  const most = profile.maxWorkgroups;
  if (batch <= most) {
    return {
      workgroups: [across, down, batch],
      lines: ["let batch = group.z;"],
      tileRow: "group.y",
      tileColumn: "group.x",
    };
  }
  return {
    workgroups: [across * Math.ceil(batch / most), down, most],
    lines: [
      `let batch = group.z + (group.x / ${across}u) * ${most}u;`,
      `if (batch >= ${batch}u) { return; }`,
    ],
    tileRow: "group.y",
    tileColumn: `(group.x % ${across}u)`,
  };
};

/** Stores the accumulators `c{row}_{quad}` of a worker whose tile starts at (`row0`, `col0`). */
export const storeTile = (
  top: Scope,
  kernel: ContractionKernel,
  rows: number,
  columns: number,
  always = false,
): void => {
  const { m, n } = kernel.size;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const inner = top.inner(["row", "col", "acc"]);
      for (const o of kernel.outputs) inner.store(o.tensor, o.at, o.value);
      // the first row and column of a tile are inside unless whole tiles may lie outside
      const guards = [
        ...(m % rows !== 0 && i > 0 || always ? [`row < ${m}u`] : []),
        ...(n % columns !== 0 && j > 0 || always ? [`col < ${n}u`] : []),
      ];
      top.lines.push(
        "{",
        `let row = row0 + ${i}u;`,
        `let col = col0 + ${j}u;`,
        `let acc = c${i}_${j >> 2}.${"xyzw"[j & 3]};`,
        ...(guards.length > 0 ? [`if (${guards.join(" && ")}) {`, ...inner.lines, "}"] : inner.lines),
        "}",
      );
    }
  }
};
