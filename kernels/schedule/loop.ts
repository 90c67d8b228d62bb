/** How a loop kernel is spread over a device. */
import type { DeviceProfile } from "../device_profile.ts";
import type { LoopKernel } from "../graph/kernel.ts";
import { chosen } from "./chosen.ts";
import { loopFits } from "./fits.ts";

/** Rows side by side in a workgroup, and workers that share one row. */
export interface LoopSchedule {
  /** Discriminates schedules. */
  readonly kind: "loop";
  /** Rows of one workgroup. */
  readonly rows: number;
  /** Workers of one row: each takes every `splits`-th column. */
  readonly splits: number;
  /** How a row's workers join their results: by halves in workgroup memory, or in subgroups first. */
  readonly join: "halves" | "subgroups";
}

const powerBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)));

const defaultLoop = (kernel: LoopKernel, profile: DeviceProfile): Omit<LoopSchedule, "kind" | "join"> => {
  const longest = Math.max(kernel.columns, ...kernel.reductions.map((r) => r.length));
  const width = profile.software ? 64 : 256;
  if (longest <= 1) return { rows: width, splits: 1 };
  // barriers are dear on a software device: share a row only when there are too few rows for its lanes
  const enough = profile.software ? 128 : 16384;
  const turns = kernel.columns + kernel.reductions.reduce((n, r) => n + r.length, 0);
  if (kernel.rows >= enough && (profile.software ? turns <= profile.maxTurns : longest <= 32)) {
    return { rows: profile.software ? 32 : 64, splits: 1 };
  }
  const splits = Math.min(width, powerBelow(Math.ceil(longest / 2)));
  const trailing = kernel.reductions.every((r) => r.tensor.shape.at(-1) === 1);
  return trailing
    ? { rows: Math.max(1, Math.min(kernel.rows, width / splits)) | 0, splits }
    : { rows: 16, splits: Math.min(splits, width / 16) };
};

/**
 * The schedule of a loop kernel: the one that the profile has for its form, where it fits the device; else one worker
 * per row where there are many rows, one workgroup per row where rows are long.
 */
export const scheduleLoop = (kernel: LoopKernel, profile: DeviceProfile): LoopSchedule =>
  chosen(
    kernel,
    profile,
    (s): s is LoopSchedule => s.kind === "loop" && loopFits(s, kernel, profile),
  ) ?? { kind: "loop", ...defaultLoop(kernel, profile), join: "halves" };
