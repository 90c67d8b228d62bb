/** Tiling of loop kernels. */
import type { DeviceProfile } from "../device_profile.ts";
import type { LoopKernel } from "../graph/kernel.ts";
import type { LoopSchedule } from "./schedule.ts";

/** Maximum number of invocations along one axis of a workgroup that every WebGPU device takes. */
const SIDE = 256;

/** Whether numbers are whole and positive. */
export const whole = (...numbers: readonly number[]): boolean =>
  numbers.every((n) => Number.isInteger(n) && n >= 1);

/** Whether a schedule of a loop kernel is well formed, right for the kernel, and within the limits of the device. */
export const loopFits = (
  { rows, splits, join }: LoopSchedule,
  kernel: LoopKernel,
  { maxInvocations, workgroupBytes, subgroups }: DeviceProfile,
): boolean => {
  const longest = Math.max(kernel.columns, ...kernel.reductions.map((r) => r.length));
  const bytes = kernel.reductions.reduce((n, r) => n + (r.op === "argmax" ? 8 : 4), 0);
  return whole(rows, splits) && Number.isInteger(Math.log2(splits)) && splits <= Math.max(1, longest) &&
    rows <= SIDE && splits <= SIDE && rows * splits <= maxInvocations &&
    (splits === 1 || bytes * rows * splits <= workgroupBytes) &&
    // a subgroup must hold workers of one row alone, whichever these are
    (join === "halves" || subgroups !== undefined && rows === 1 && splits > subgroups.most &&
        kernel.reductions.length > 0 && kernel.reductions.every((r) => r.op !== "argmax"));
};

const powerBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)));

/** The default schedule: one worker per row where there are many short rows, a workgroup per row where rows are long. */
export const defaultLoop = (kernel: LoopKernel, { software, maxIterations }: DeviceProfile): LoopSchedule => {
  const tiled = (rows: number, splits: number): LoopSchedule => ({
    kind: "loop",
    rows,
    splits,
    join: "halves",
  });
  const longest = Math.max(kernel.columns, ...kernel.reductions.map((r) => r.length));
  if (longest <= 1) return tiled(SIDE, 1);
  // a software adapter pays for every barrier
  const all = kernel.columns + kernel.reductions.reduce((n, r) => n + r.length, 0);
  const alone = software ? kernel.rows >= 128 && all <= maxIterations : kernel.rows >= 16384 && longest <= 32;
  if (alone) return tiled(software ? 32 : 64, 1);
  const splits = Math.min(SIDE, powerBelow(Math.ceil(longest / 2)));
  return kernel.reductions.every((r) => r.tensor.shape.at(-1) === 1)
    ? tiled(Math.max(1, Math.floor(Math.min(kernel.rows, SIDE / splits))), splits)
    : tiled(16, Math.min(splits, SIDE / 16));
};
