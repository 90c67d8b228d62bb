/** How many turns of loops one invocation of a kernel takes, for devices that stop it after some. */
import type { DeviceProfile } from "../device_profile.ts";
import type { PlainKernel } from "../graph/kernel.ts";
import { scheduleLoop } from "./loop.ts";

/** At most so many turns, all loops of an invocation together. */
export const turnsOf = (kernel: PlainKernel, profile: DeviceProfile): number => {
  switch (kernel.kind) {
    case "loop": {
      const { splits } = scheduleLoop(kernel, profile);
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
