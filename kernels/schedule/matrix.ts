/** Tiling of products on matrix units, and which products use them. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel, LoadValue } from "../graph/kernel.ts";
import type { MatrixSchedule, Unit } from "./schedule.ts";

/** Elements that a staged line is longer than its content, so that neighbours are in different banks. */
export const PADDING = 8;

/** Steps that are staged together: two products of the unit. */
const DEPTH = 32;

/** Bytes of workgroup memory of the staged operands and of `across` results of each subgroup side by side. */
export const matrixBytes = (
  { rows, columns, each, depth, unit, prefetch }: MatrixSchedule,
  across: number,
): number => {
  // the longer of both layouts of an operand
  const block = (lines: number): number => 2 * Math.max(lines * (depth + PADDING), depth * (lines + PADDING));
  const subgroups = (rows / each.rows) * (columns / each.columns);
  const buffers = prefetch === "double buffer" ? 2 : 1;
  return buffers * (block(rows) + block(columns)) + 4 * subgroups * unit.M * unit.N * across;
};

/** Maximum number of accumulators of one subgroup: with more, registers spill. */
const MAX_UNITS = 32;

/**
 * Units of a device that sum products of f16 in f32, and whose sides divide those of tiles and are whole vectors of 16
 * bytes; the largest first.
 */
export const matrixUnits = ({ matrices }: DeviceProfile): readonly Unit[] =>
  matrices.filter((c) =>
    c.componentType === "f16" && c.resultComponentType === "f32" &&
    [c.M, c.N, c.K].every((side) => side % 8 === 0 && DEPTH % side === 0)
  ).toSorted((a, b) => b.M * b.N * b.K - a.M * a.N * a.K).map(({ M, N, K }) => ({ M, N, K }));

/** Whether an operand may be f16 on its way to the units: it is, or the profile allows to round it. */
export const halfOperand = ({ from }: LoadValue, { halfProducts }: DeviceProfile): boolean =>
  from.dtype === "f16" || from.dtype === "f32" && halfProducts;

/**
 * Whether a schedule for matrix units is well formed, right for the kernel and within the limits of the device: units
 * that sum f16 in f32, subgroups of a fixed size, a product that is not small, and operands that are f16 or may be
 * rounded to it.
 */
export const matrixFits = (
  s: MatrixSchedule,
  { left, right, size: { m, n, k } }: ContractionKernel,
  profile: DeviceProfile,
): boolean => {
  const { rows, columns, each, depth, lanes, unit, band } = s, { f16, subgroups } = profile;
  if (!f16 || subgroups === undefined || subgroups.least !== subgroups.most) return false;
  if (m < 32 || n < 32 || k < 16 || !halfOperand(left, profile) || !halfOperand(right, profile)) return false;
  const divides = (small: number, large: number): boolean => small >= 1 && large % small === 0;
  return matrixUnits(profile).some(({ M, N, K }) => unit.M === M && unit.N === N && unit.K === K) &&
    lanes === subgroups.most && divides(each.rows, rows) && divides(each.columns, columns) &&
    Number.isInteger(band) && band >= 1 && divides(unit.M, each.rows) && divides(unit.N, each.columns) &&
    divides(unit.K, depth) &&
    each.rows * each.columns <= MAX_UNITS * unit.M * unit.N && matrixBytes(s, 1) <= profile.workgroupBytes &&
    (rows / each.rows) * (columns / each.columns) * lanes <= profile.maxInvocations;
};

/** The default schedule of a product on matrix units; undefined where none fits. */
export const defaultMatrix = (
  kernel: ContractionKernel,
  profile: DeviceProfile,
): MatrixSchedule | undefined => {
  const { batch, m, n } = kernel.size, unit = matrixUnits(profile)[0], lanes = profile.subgroups?.most;
  if (unit === undefined || lanes === undefined) return undefined;
  const tiled = (side: number, each: number): MatrixSchedule => ({
    kind: "matrices",
    rows: side,
    columns: side,
    each: { rows: each, columns: each },
    depth: DEPTH,
    lanes,
    unit,
    prefetch: "none",
    band: 1,
  });
  const tiles = batch * Math.ceil(m / 128) * Math.ceil(n / 128);
  const wanted = m >= 96 && n >= 96 && tiles >= 96 ? [tiled(128, 64), tiled(64, 32)] : [tiled(64, 32)];
  return wanted.find((s) => matrixFits(s, kernel, profile));
};
