/** Tiling of contractions without matrix units. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import type { DirectSchedule, StagedSchedule } from "./schedule.ts";
import { whole } from "./loop.ts";

/** Maximum number of invocations along one axis of a workgroup that every WebGPU device takes, and along its third axis. */
const SIDE = 256, DEEP = 64;

/** Maximum number of sums in registers of one worker: more would spill. */
const MAX_SUMS = 128;

/** Bytes of workgroup memory that a contraction takes. */
const workgroupBytesOf = ({ rows, columns, depth, sums, prefetch }: StagedSchedule): number =>
  (rows + columns) * depth * (sums === "f32" ? 4 : 2) * (prefetch === "double buffer" ? 2 : 1);

/** Whether a schedule of a contraction is well formed, right for the kernel, and within the limits of the device. */
export const contractionFits = (
  s: DirectSchedule | StagedSchedule,
  { core, size }: ContractionKernel,
  { maxInvocations, workgroupBytes, halfSums }: DeviceProfile,
): boolean => {
  if (s.kind === "direct") {
    const { rows, quads, across, down, products } = s;
    return whole(rows, quads, across, down, products) && rows % 4 === 0 && rows * quads * 4 <= MAX_SUMS &&
      across <= SIDE && down <= SIDE && products <= DEEP && (products === 1 || size.batch > 1) &&
      across * down * products <= maxInvocations;
  }
  const { rows, columns, each, depth, sums, band } = s;
  if (!whole(rows, columns, each.rows, each.columns, depth, band)) return false;
  const across = columns / each.columns, down = rows / each.rows;
  return each.rows % 4 === 0 && each.columns % 4 === 0 && depth % 4 === 0 &&
    each.rows * each.columns <= MAX_SUMS && whole(across, down) && across <= SIDE && down <= SIDE &&
    across * down <= maxInvocations && workgroupBytesOf(s) <= workgroupBytes &&
    // summing in f16 is allowed by the profile, never by a schedule
    (sums === "f16 in blocks") === (core.dtype === "f16" && halfSums);
};

/** The plainest staged tile of a contraction. */
export const stagedTile = (
  { core }: ContractionKernel,
  { halfSums }: DeviceProfile,
  rows: number,
  columns: number,
): StagedSchedule => ({
  kind: "staged",
  rows,
  columns,
  each: { rows: 8, columns: 8 },
  depth: 16,
  sums: core.dtype === "f16" && halfSums ? "f16 in blocks" : "f32",
  prefetch: "none",
  interleaved: false,
  band: 1,
});

const powerAbove = (x: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, x)));

/** The default schedule: large register tiles where the product is large, and small ones where workers would idle. */
export const defaultContraction = (
  kernel: ContractionKernel,
  profile: DeviceProfile,
): DirectSchedule | StagedSchedule => {
  const { m, n, k, batch } = kernel.size;
  // enough large tiles to fill a GPU of about a hundred cores, else smaller ones
  const staged = !profile.software && k >= 16, tiles = batch * Math.ceil(m / 128) * Math.ceil(n / 128);
  if (staged && m >= 96 && n >= 96 && tiles >= 96) return stagedTile(kernel, profile, 128, 128);
  if (staged && m >= 48 && n >= 48) return stagedTile(kernel, profile, 64, 64);
  // a software adapter pays for every barrier: larger tiles of its workers instead
  if (profile.software) {
    return {
      kind: "direct",
      rows: m >= 32 ? 8 : 4,
      quads: n >= 64 ? 2 : 1,
      across: 8,
      down: 1,
      products: 1,
    };
  }
  // lanes for the whole of a small product, and as many products as make a workgroup of 128
  const across = n > 32 ? 16 : Math.min(8, powerAbove(n / 4)),
    down = m > 32 ? 16 : Math.min(8, powerAbove(m / 4));
  const products = Math.max(1, Math.min(powerAbove(batch), 128 / (across * down)));
  return { kind: "direct", rows: 4, quads: 1, across, down, products };
};
