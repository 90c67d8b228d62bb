/** How a contraction is tiled. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";

/** Tile of one worker, and workers of one workgroup. */
export interface ContractionSchedule {
  /** Rows that one worker accumulates. */
  readonly rows: number;
  /** Groups of four columns that one worker accumulates. */
  readonly quads: number;
  /** Workers side by side along columns. */
  readonly across: number;
  /** Workers side by side along rows. */
  readonly down: number;
}

/** The default schedule: large register tiles where the product is large, small ones where workers would idle. */
export const scheduleContraction = (
  kernel: ContractionKernel,
  profile: DeviceProfile,
): ContractionSchedule => {
  const { m, n, k, batch } = kernel.size;
  if (!profile.software) {
    const big = m * n * batch >= 2 ** 20;
    return {
      rows: big ? 8 : 4,
      quads: n >= 512 && big ? 2 : 1,
      across: n > 32 ? 16 : 8,
      down: m > 32 ? 16 : 8,
    };
  }
  // eight lanes share one vector instruction; tiles of 8 x 16 win only where the summed length pays for their text
  const quads = n >= 128 && m * n * k >= 2 ** 25 ? 4 : n >= 64 ? 2 : 1;
  const rows = m >= 32 ? 8 : 4;
  return { rows, quads, across: 8, down: m >= 16 * rows ? 4 : 1 };
};
