/** How a contraction is tiled. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";

/** Operands read straight from memory: tile of one worker, and workers of one workgroup. */
export interface DirectSchedule {
  /** Discriminates schedules. */
  readonly kind: "direct";
  /** Rows that one worker accumulates. */
  readonly rows: number;
  /** Groups of four columns that one worker accumulates. */
  readonly quads: number;
  /** Workers side by side along columns. */
  readonly across: number;
  /** Workers side by side along rows. */
  readonly down: number;
}

/** Operands copied through workgroup memory: tile of one workgroup. */
export interface StagedSchedule {
  /** Discriminates schedules. */
  readonly kind: "staged";
  /** Rows of the tile, a multiple of 8. */
  readonly rows: number;
  /** Columns of the tile, a multiple of 8. */
  readonly columns: number;
  /** Steps of the summed index that are copied together, a multiple of 4. */
  readonly depth: number;
  /**
   * How f16 operands are multiplied: as f32 from the copy on, or as f16 with sums of f16 within `depth` steps, which
   * f32 sums then join. f32 operands are f32 throughout.
   */
  readonly sums: "f32" | "f16 in blocks";
}

/** How a contraction is tiled. */
export type ContractionSchedule = DirectSchedule | StagedSchedule;

/** The default schedule: large register tiles where the product is large, small ones where workers would idle. */
export const scheduleContraction = (
  kernel: ContractionKernel,
  profile: DeviceProfile,
): ContractionSchedule => {
  const { m, n, k, batch } = kernel.size;
  if (!profile.software) {
    const staged = (rows: number, columns: number): ContractionSchedule => ({
      kind: "staged",
      rows,
      columns,
      depth: 16,
      sums: kernel.core.dtype === "f16" && profile.halfSums ? "f16 in blocks" : "f32",
    });
    // enough large tiles to fill a GPU of about a hundred cores, else smaller ones
    const tiles = (side: number) => batch * Math.ceil(m / side) * Math.ceil(n / side);
    if (m >= 96 && n >= 96 && k >= 16 && tiles(128) >= 96) return staged(128, 128);
    if (m >= 48 && n >= 48 && k >= 16) return staged(64, 64);
    return { kind: "direct", rows: 4, quads: 1, across: n > 32 ? 16 : 8, down: m > 32 ? 16 : 8 };
  }
  // eight lanes share one vector instruction; tiles of 8 x 16 win only where the summed length pays for their text
  const quads = n >= 128 && m * n * k >= 2 ** 25 ? 4 : n >= 64 ? 2 : 1;
  const rows = m >= 32 ? 8 : 4;
  return { kind: "direct", rows, quads, across: 8, down: m >= 16 * rows ? 4 : 1 };
};
