/** How a contraction is tiled. */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import { chosen } from "./chosen.ts";
import { contractionFits } from "./fits.ts";
import { lanesOf } from "./lanes.ts";

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
  /** Products of a batch that one workgroup computes side by side: small ones would leave most of its lanes idle. */
  readonly products: number;
}

/** Operands copied through workgroup memory: tile of one workgroup. */
export interface StagedSchedule {
  /** Discriminates schedules. */
  readonly kind: "staged";
  /** Rows of the tile, a multiple of those of one worker. */
  readonly rows: number;
  /** Columns of the tile, a multiple of those of one worker. */
  readonly columns: number;
  /** Rows and columns that one worker accumulates, multiples of 4. */
  readonly each: { readonly rows: number; readonly columns: number };
  /** Steps of the summed index that are copied together, a multiple of 4. */
  readonly depth: number;
  /**
   * How f16 operands are multiplied: as f32 from the copy on, or as f16 with sums of f16 within `depth` steps, which
   * f32 sums then join. f32 operands are f32 throughout.
   */
  readonly sums: "f32" | "f16 in blocks";
  /**
   * What happens while a block is multiplied: nothing, the next block is read into registers, or it is read and put into
   * a second half of workgroup memory, which saves one of two barriers.
   */
  readonly ahead: "nothing" | "registers" | "halves";
  /** Whether a worker's groups of four rows and columns lie apart, so that its neighbours' lie between: no bank is asked twice. */
  readonly apart: boolean;
  /** Rows of tiles that run together before the next columns, to find their operands in the cache; 1 for none. */
  readonly band: number;
}

/** Rows of the left operand passed from lane to lane: tile of one workgroup, which is one subgroup. */
export interface SpreadSchedule {
  /** Discriminates schedules. */
  readonly kind: "spread";
  /** Rows of the tile, a multiple of the lanes. */
  readonly rows: number;
  /** Groups of four columns that one lane accumulates. */
  readonly quads: number;
  /** Lanes of the workgroup. */
  readonly lanes: number;
}

/** How a contraction is tiled. */
export type ContractionSchedule = DirectSchedule | StagedSchedule | SpreadSchedule;

const defaultContraction = (kernel: ContractionKernel, profile: DeviceProfile): ContractionSchedule => {
  const { m, n, k, batch } = kernel.size;
  if (!profile.software) {
    const staged = (rows: number, columns: number): ContractionSchedule => ({
      kind: "staged",
      rows,
      columns,
      each: { rows: 8, columns: 8 },
      depth: 16,
      sums: kernel.core.dtype === "f16" && profile.halfSums ? "f16 in blocks" : "f32",
      ahead: "nothing",
      apart: false,
      band: 1,
    });
    // enough large tiles to fill a GPU of about a hundred cores, else smaller ones
    const tiles = (side: number) => batch * Math.ceil(m / side) * Math.ceil(n / side);
    if (m >= 96 && n >= 96 && k >= 16 && tiles(128) >= 96) return staged(128, 128);
    if (m >= 48 && n >= 48 && k >= 16) return staged(64, 64);
    // lanes for the whole of a small product, and as many products as make a workgroup of 128
    const across = n > 32 ? 16 : Math.min(8, powerAbove(n / 4)),
      down = m > 32 ? 16 : Math.min(8, powerAbove(m / 4));
    const products = Math.max(1, Math.min(powerAbove(batch), 128 / (across * down)));
    return { kind: "direct", rows: 4, quads: 1, across, down, products };
  }
  // one load for all lanes and many rows to share it
  const lanes = lanesOf(profile);
  if (lanes > 0 && m >= 2 * lanes && n >= 4 * lanes && k >= 16) {
    // large tiles take drivers longer to compile
    const rows = m * n * k >= 2 ** 24 ? 2 * lanes : lanes;
    return { kind: "spread", rows, quads: n >= 8 * lanes ? 2 : 1, lanes };
  }
  // eight lanes share one vector instruction; tiles of 8 x 16 win only where the summed length pays for their text
  const quads = n >= 128 && m * n * k >= 2 ** 25 ? 4 : n >= 64 ? 2 : 1;
  const rows = m >= 32 ? 8 : 4;
  return { kind: "direct", rows, quads, across: 8, down: m >= 16 * rows ? 4 : 1, products: 1 };
};

const powerAbove = (x: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, x)));

/**
 * The schedule of a contraction: the one that the profile has for its form, where it fits the device; else large
 * register tiles where the product is large, and small ones where workers would idle.
 */
export const scheduleContraction = (kernel: ContractionKernel, profile: DeviceProfile): ContractionSchedule =>
  chosen(
    kernel,
    profile,
    (s): s is ContractionSchedule =>
      (s.kind === "staged" || s.kind === "direct" || s.kind === "spread") &&
      contractionFits(s, kernel, profile),
  ) ?? defaultContraction(kernel, profile);
