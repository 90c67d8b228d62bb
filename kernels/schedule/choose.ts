/** Chooses the schedules of a plan's kernels: what measurements found, where it fits; else the default. */
import type { DeviceProfile } from "../device_profile.ts";
import type { Kernel, PlainKernel } from "../graph/kernel.ts";
import { stagedAttention, stagedAttentionFits } from "./attention.ts";
import { matrixAttention, matrixAttentionFits } from "./attention_matrices.ts";
import { contractionFits, defaultContraction } from "./contraction.ts";
import { formOf } from "./form.ts";
import { defaultLoop, loopFits } from "./loop.ts";
import { defaultMatrix, matrixFits } from "./matrix.ts";
import type { KernelSchedule, Schedule, Schedules } from "./schedule.ts";

/** The schedules of kernels. */
export type KernelSchedules = ReadonlyMap<PlainKernel, KernelSchedule>;

/** Whether a schedule is well formed, right for a kernel, and within the limits of a device. */
export const scheduleFits = (
  s: Schedule,
  kernel: PlainKernel,
  profile: DeviceProfile,
): s is KernelSchedule => {
  switch (s.kind) {
    case "direct":
    case "staged":
      return kernel.kind === "contraction" && contractionFits(s, kernel, profile);
    case "matrices":
      return kernel.kind === "contraction" && matrixFits(s, kernel, profile);
    case "attention":
      return kernel.kind === "attention" &&
        (s.tiles.kind === "matrices"
          ? matrixAttentionFits(s.tiles, kernel, profile)
          : stagedAttentionFits(s.tiles, kernel, profile));
    case "loop":
      return kernel.kind === "loop" && loopFits(s, kernel, profile);
    case "split-K":
      return false;
  }
};

/** The schedule that a kernel has before anything is measured; undefined for a scatter, which has one way alone. */
export const defaultSchedule = (kernel: PlainKernel, profile: DeviceProfile): KernelSchedule | undefined => {
  switch (kernel.kind) {
    case "contraction":
      return defaultMatrix(kernel, profile) ?? defaultContraction(kernel, profile);
    case "attention":
      return {
        kind: "attention",
        tiles: matrixAttention(kernel, profile) ?? stagedAttention(kernel, profile),
      };
    case "loop":
      return defaultLoop(kernel, profile);
    case "scatter":
      return undefined;
  }
};

const measured = (kernel: PlainKernel, profile: DeviceProfile, known: Schedules): Schedule | undefined => {
  const form = formOf(kernel), found = Object.hasOwn(known, form) ? known[form] : undefined;
  return found !== undefined && scheduleFits(found, kernel, profile) ? found : undefined;
};

/** All kernels that a device runs as they are, those of scans included. */
const plainKernels = (kernels: readonly Kernel[]): readonly PlainKernel[] =>
  kernels.flatMap((k) => k.kind === "repeat" ? plainKernels(k.inside) : [k]);

/** The schedules of kernels on a GPU; `known` holds what measurements found. The CPU back end tiles by itself. */
export const schedulesFor = (
  kernels: readonly Kernel[],
  profile: DeviceProfile,
  known: Schedules = {},
): KernelSchedules => {
  const some = Object.keys(known).length > 0;
  return new Map(
    profile.provider === "cpu" ? [] : plainKernels(kernels).flatMap((kernel) => {
      const schedule = (some ? measured(kernel, profile, known) : undefined) ??
        defaultSchedule(kernel, profile);
      return schedule === undefined ? [] : [[kernel, schedule as KernelSchedule] as const];
    }),
  );
};

/** Maximum number of iterations of loops that one invocation of a kernel takes, all of its loops together. */
export const iterationsOf = (kernel: PlainKernel, schedules: KernelSchedules): number => {
  const schedule = schedules.get(kernel);
  switch (kernel.kind) {
    case "loop": {
      const splits = schedule?.kind === "loop" ? schedule.splits : 1;
      const lengths = [...kernel.reductions.map((r) => r.length), kernel.columns];
      return lengths.reduce((n, length) => n + Math.ceil(length / splits), 0);
    }
    case "contraction":
      return Math.ceil(kernel.size.k / 4);
    case "attention": {
      const { queries, keys, heads, groups } = kernel.size;
      return Math.max(keys, queries * heads / groups);
    }
    case "scatter":
      return kernel.positions;
  }
};
