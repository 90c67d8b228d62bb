/** Which products go through matrix units, and in which tiles. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel, LoadValue } from "../graph/kernel.ts";
import { chosen, type Schedule } from "./chosen.ts";

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

/** Most accumulators of one subgroup: with more, registers spill. */
const MOST_UNITS = 32;

/**
 * Units of a device that sum products of f16 in f32, and whose sides divide those of tiles and are whole vectors of 16
 * bytes; the largest first.
 */
export const matrixUnits = ({ matrices }: DeviceProfile): readonly MatrixSchedule["unit"][] =>
  matrices.filter((c) =>
    c.componentType === "f16" && c.resultComponentType === "f32" &&
    [c.M, c.N, c.K].every((side) => side % 8 === 0 && DEPTH % side === 0)
  ).toSorted((a, b) => b.M * b.N * b.K - a.M * a.N * a.K).map(({ M, N, K }) => ({ M, N, K }));

/** Whether a schedule for matrix units is well formed and within the limits of the device. */
export const matrixFits = (s: MatrixSchedule, profile: DeviceProfile): boolean => {
  const { rows, columns, each, depth, lanes, unit } = s;
  const divides = (small: number, large: number): boolean => small >= 1 && large % small === 0;
  return matrixUnits(profile).some(({ M, N, K }) => unit.M === M && unit.N === N && unit.K === K) &&
    lanes === profile.subgroups?.most && divides(each.rows, rows) && divides(each.columns, columns) &&
    divides(unit.M, each.rows) && divides(unit.N, each.columns) && divides(unit.K, depth) &&
    each.rows * each.columns <= MOST_UNITS * unit.M * unit.N && matrixBytes(s, 1) <= profile.workgroupBytes &&
    (rows / each.rows) * (columns / each.columns) * lanes <= profile.maxInvocations;
};

/** Whether an operand may be f16 on its way to the units: it is, or the profile allows to round it. */
export const halfOperand = ({ from }: LoadValue, { halfProducts }: DeviceProfile): boolean =>
  from.dtype === "f16" || from.dtype === "f32" && halfProducts;

/**
 * The schedule of a product on matrix units; undefined where there are none that sum f16 in f32, where subgroups have
 * no fixed size, where the product is small, or where an operand is f32 that the profile does not allow to be rounded.
 */
export const matrixSchedule = (
  kernel: ContractionKernel,
  profile: DeviceProfile,
): MatrixSchedule | undefined => {
  const { left, right, size: { batch, m, n, k } } = kernel;
  const { f16, subgroups } = profile;
  if (!f16 || subgroups === undefined || subgroups.least !== subgroups.most) return undefined;
  const unit = matrixUnits(profile)[0];
  if (unit === undefined || m < 32 || n < 32 || k < 16) return undefined;
  if (!halfOperand(left, profile) || !halfOperand(right, profile)) return undefined;
  const tuned = chosen(
    kernel,
    profile,
    (s: Schedule): s is MatrixSchedule => s.kind === "matrices" && matrixFits(s, profile),
  );
  if (tuned !== undefined) return tuned;
  const tiled = (side: number, each: number): MatrixSchedule => ({
    kind: "matrices",
    rows: side,
    columns: side,
    each: { rows: each, columns: each },
    depth: DEPTH,
    lanes: subgroups.most,
    unit: { M: unit.M, N: unit.N, K: unit.K },
  });
  const fits = (s: MatrixSchedule): boolean => matrixFits(s, profile);
  const large = tiled(128, 64), small = tiled(64, 32);
  const tiles = batch * Math.ceil(m / 128) * Math.ceil(n / 128);
  if (m >= 96 && n >= 96 && tiles >= 96 && fits(large)) return large;
  return fits(small) ? small : undefined;
};
