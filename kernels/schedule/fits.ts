/** Which schedules a device can run: by its limits alone. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel, LoopKernel } from "../graph/kernel.ts";
import type { ContractionSchedule } from "./contraction.ts";
import { lanesOf } from "./lanes.ts";
import type { LoopSchedule } from "./loop.ts";

/** Most invocations along one axis of a workgroup that every WebGPU device takes, and along its third axis. */
const SIDE = 256, DEEP = 64;

/** Most sums in registers of one worker: more would lie in memory. */
const MOST_SUMS = 128;

const powerOfTwo = (n: number): boolean => Number.isInteger(n) && n >= 1 && Math.log2(n) % 1 === 0;

const whole = (...numbers: readonly number[]): boolean => numbers.every((n) => Number.isInteger(n) && n >= 1);

/** Bytes of workgroup memory that a contraction takes. */
export const workgroupBytesOf = (s: ContractionSchedule): number =>
  s.kind !== "staged"
    ? 0
    : (s.rows + s.columns) * s.depth * (s.sums === "f32" ? 4 : 2) * (s.ahead === "halves" ? 2 : 1);

/** Whether a schedule of a contraction is well formed, right for the kernel, and within the limits of the device. */
export const contractionFits = (
  s: ContractionSchedule,
  { core, size }: ContractionKernel,
  profile: DeviceProfile,
): boolean => {
  const { maxInvocations, workgroupBytes, halfSums } = profile;
  if (s.kind === "spread") {
    return whole(s.rows, s.quads) && s.lanes === lanesOf(profile) && s.lanes > 0 && s.rows % s.lanes === 0 &&
      s.rows * s.quads * 4 <= MOST_SUMS;
  }
  if (s.kind === "direct") {
    const { rows, quads, across, down, products } = s;
    return whole(rows, quads, across, down, products) && rows % 4 === 0 && rows * quads * 4 <= MOST_SUMS &&
      across <= SIDE && down <= SIDE && products <= DEEP && (products === 1 || size.batch > 1) &&
      across * down * products <= maxInvocations;
  }
  const { rows, columns, each, depth, sums, band } = s;
  if (!whole(rows, columns, each.rows, each.columns, depth, band)) return false;
  const across = columns / each.columns, down = rows / each.rows;
  return each.rows % 4 === 0 && each.columns % 4 === 0 && depth % 4 === 0 &&
    each.rows * each.columns <= MOST_SUMS && whole(across, down) && across <= SIDE && down <= SIDE &&
    across * down <= maxInvocations && workgroupBytesOf(s) <= workgroupBytes &&
    // summing in f16 is allowed by the profile, never by a schedule
    (sums === "f16 in blocks") === (core.dtype === "f16" && halfSums);
};

/** Whether a schedule of a loop kernel is well formed, right for the kernel, and within the limits of the device. */
export const loopFits = (
  { rows, splits, join }: LoopSchedule,
  kernel: LoopKernel,
  { maxInvocations, workgroupBytes, subgroups }: DeviceProfile,
): boolean => {
  const longest = Math.max(kernel.columns, ...kernel.reductions.map((r) => r.length));
  const bytes = kernel.reductions.reduce((n, r) => n + (r.op === "argmax" ? 8 : 4), 0);
  return whole(rows) && powerOfTwo(splits) && splits <= Math.max(1, longest) && rows <= SIDE &&
    splits <= SIDE &&
    rows * splits <= maxInvocations && (splits === 1 || bytes * rows * splits <= workgroupBytes) &&
    // a subgroup must hold workers of one row alone, whichever these are
    (join === "halves" || subgroups !== undefined && rows === 1 && splits > subgroups.most &&
        kernel.reductions.length > 0 && kernel.reductions.every((r) => r.op !== "argmax"));
};
