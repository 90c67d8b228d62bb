/** Which products go through matrix units, and in which tiles. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel, LoadValue } from "../graph/kernel.ts";

/** Operands staged as f16 in workgroup memory, multiplied by subgroups together, summed in f32. */
export interface MatrixSchedule {
  /** Discriminates schedules. */
  readonly kind: "matrices";
  /** Rows of the tile of a workgroup, a multiple of those of a subgroup. */
  readonly rows: number;
  /** Columns of the tile of a workgroup, a multiple of those of a subgroup. */
  readonly columns: number;
  /** Rows and columns that one subgroup sums, multiples of the unit's. */
  readonly each: { readonly rows: number; readonly columns: number };
  /** Steps of the summed index that are staged together, a multiple of the unit's. */
  readonly depth: number;
  /** Lanes of a subgroup. */
  readonly lanes: number;
  /** The product that the unit computes at once: `M x K` times `K x N`. */
  readonly unit: { readonly M: number; readonly N: number; readonly K: number };
}

/** Elements that a staged line is longer than its content, so that neighbours lie in different banks. */
export const PADDING = 8;

/** Steps that are staged together: two products of the unit. */
const DEPTH = 32;

/** Bytes of workgroup memory of the staged operands and of `across` results of each subgroup side by side. */
export const matrixBytes = ({ rows, columns, each, depth, unit }: MatrixSchedule, across: number): number => {
  // the longer of both layouts of an operand
  const block = (lines: number): number => 2 * Math.max(lines * (depth + PADDING), depth * (lines + PADDING));
  const subgroups = (rows / each.rows) * (columns / each.columns);
  return block(rows) + block(columns) + 4 * subgroups * unit.M * unit.N * across;
};

const halfOperand = ({ from }: LoadValue, { halfProducts }: DeviceProfile): boolean =>
  from.dtype === "f16" || from.dtype === "f32" && halfProducts;

/**
 * The schedule of a product on matrix units; undefined where there are none that sum f16 in f32, where subgroups have
 * no fixed size, where the product is small, or where an operand is f32 that the profile does not allow to be rounded.
 */
export const matrixSchedule = (
  { left, right, size: { batch, m, n, k } }: ContractionKernel,
  profile: DeviceProfile,
): MatrixSchedule | undefined => {
  const { f16, subgroups, matrices, maxInvocations, workgroupBytes } = profile;
  if (!f16 || subgroups === undefined || subgroups.least !== subgroups.most) return undefined;
  const fitting = matrices.filter((c) =>
    c.componentType === "f16" && c.resultComponentType === "f32" && 32 % c.M === 0 && 32 % c.N === 0 &&
    DEPTH % c.K === 0
  );
  const unit = fitting.toSorted((a, b) => b.M * b.N * b.K - a.M * a.N * a.K)[0];
  if (unit === undefined || m < 32 || n < 32 || k < 16) return undefined;
  if (!halfOperand(left, profile) || !halfOperand(right, profile)) return undefined;
  const tiled = (side: number, each: number): MatrixSchedule => ({
    kind: "matrices",
    rows: side,
    columns: side,
    each: { rows: each, columns: each },
    depth: DEPTH,
    lanes: subgroups.most,
    unit: { M: unit.M, N: unit.N, K: unit.K },
  });
  const fits = (s: MatrixSchedule): boolean =>
    matrixBytes(s, 1) <= workgroupBytes &&
    (s.rows / s.each.rows) * (s.columns / s.each.columns) * s.lanes <= maxInvocations;
  const large = tiled(128, 64), small = tiled(64, 32);
  const tiles = batch * Math.ceil(m / 128) * Math.ceil(n / 128);
  if (m >= 96 && n >= 96 && tiles >= 96 && fits(large)) return large;
  return fits(small) ? small : undefined;
};
