/** Schedules: how a kernel is tiled on a GPU. Values, chosen for each kernel of a plan before it is rendered. */
import { show } from "@chain-of-sight/core";

/** The product that a matrix unit computes at once: `M x K` times `K x N`. */
export interface Unit {
  /** Rows of the result. */
  readonly M: number;
  /** Columns of the result. */
  readonly N: number;
  /** Length of the sums. */
  readonly K: number;
}

/** A contraction whose operands are read straight from memory: tile of one worker, and workers of one workgroup. */
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
  /** Products of a batch that one workgroup computes: small ones would leave most of its lanes idle. */
  readonly products: number;
}

/** A contraction whose operands are copied through workgroup memory: tile of one workgroup. */
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
  /** Prefetch of the next block: none, into registers, or into a second buffer of workgroup memory (one barrier less). */
  readonly prefetch: "none" | "registers" | "double buffer";
  /** Whether a worker's groups of four rows and columns are interleaved with its neighbours': no bank conflicts. */
  readonly interleaved: boolean;
  /** Rows of tiles that run together before the next columns, to find their operands in the L2 cache; 1 for none. */
  readonly band: number;
}

/** A contraction through matrix units: operands staged as f16 in workgroup memory, summed in f32. */
export interface MatrixSchedule {
  /** Discriminates schedules. */
  readonly kind: "matrices";
  /** Rows of the tile of a workgroup, a multiple of those of a subgroup. */
  readonly rows: number;
  /** Columns of the tile of a workgroup, a multiple of those of a subgroup. */
  readonly columns: number;
  /** Rows and columns that one subgroup sums, multiples of the unit's. */
  readonly each: { readonly rows: number; readonly columns: number };
  /** Steps of the summed index that are staged together, a multiple of the unit's. */
  readonly depth: number;
  /** Lanes of a subgroup. */
  readonly lanes: number;
  /** The product that the unit computes at once. */
  readonly unit: Unit;
  /** Prefetch of the next block, as in {@link StagedSchedule}. */
  readonly prefetch: StagedSchedule["prefetch"];
  /** Rows of tiles that run together before the next columns, to find their operands in the L2 cache; 1 for none. */
  readonly band: number;
}

/** How a contraction is tiled. */
export type ContractionSchedule = DirectSchedule | StagedSchedule | MatrixSchedule;

/** Workers own queries (or keys, for their gradients); a workgroup copies blocks of the others into its memory. */
export interface StagedAttention {
  /** Discriminates schedules. */
  readonly kind: "staged";
  /** Workers of a workgroup. */
  readonly workers: number;
  /** Queries, or keys, of one worker. */
  readonly own: number;
  /** Keys, or queries, of one block. */
  readonly block: number;
  /** Of a block, those that one iteration takes together; divides it. */
  readonly together: number;
}

/**
 * Subgroups own queries (or keys, for their gradients) and walk with their workgroup over blocks of the others. Products
 * are of f16 with sums in f32; scores pass through workgroup memory, where lanes make weights of them.
 */
export interface MatrixAttention {
  /** Discriminates schedules. */
  readonly kind: "matrices";
  /** Queries, or keys, of a workgroup; a multiple of those of a subgroup. */
  readonly rows: number;
  /** Queries, or keys, of a subgroup: a multiple of the unit's rows that divides the lanes. */
  readonly each: number;
  /** Keys, or queries, of one block: a multiple of what the unit takes as columns and as steps. */
  readonly block: number;
  /** Lanes of a subgroup. */
  readonly lanes: number;
  /** The product that the unit computes at once. */
  readonly unit: Unit;
}

/** How an attention kernel is tiled. */
export interface AttentionSchedule {
  /** Discriminates schedules. */
  readonly kind: "attention";
  /** The tiles. */
  readonly tiles: StagedAttention | MatrixAttention;
}

/** How a loop kernel is tiled: rows of a workgroup, and workers that share one row. */
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

/** Into how many products over parts of the sum a product is split: decided before kernels are built. */
export interface SplitKSchedule {
  /** Discriminates schedules. */
  readonly kind: "split-K";
  /** Number of parts, each a product of its own; their results are added in order. 1 for none. */
  readonly parts: number;
}

/** How a kernel is tiled. A scatter has one way alone. */
export type KernelSchedule = ContractionSchedule | AttentionSchedule | LoopSchedule;

/** Anything that tuning may choose. */
export type Schedule = KernelSchedule | SplitKSchedule;

/** Schedules by the form of their kernel, as `formOf` names it, or of their product, as `productForm` does. */
export type Schedules = Readonly<Record<string, Schedule>>;

/** The tiles of a schedule in a few words. */
export const scheduleText = (s: Schedule): string => {
  switch (s.kind) {
    case "direct":
      return `direct ${s.rows}x${4 * s.quads}, ${show([s.down, s.across, s.products])} workers`;
    case "staged":
    case "matrices": {
      const own = `${s.kind} ${s.rows}x${s.columns}x${s.depth} of ${s.each.rows}x${s.each.columns}`;
      const more = [
        ...(s.prefetch === "none" ? [] : [s.prefetch]),
        ...(s.band === 1 ? [] : [`bands of ${s.band}`]),
        ...(s.kind === "staged" && s.interleaved ? ["interleaved"] : []),
        ...(s.kind === "staged" && s.sums !== "f32" ? [`sums of ${s.sums}`] : []),
      ];
      return [own, ...more].join(", ");
    }
    case "attention":
      return s.tiles.kind === "staged"
        ? `staged ${s.tiles.workers * s.tiles.own}x${s.tiles.block}`
        : `matrices ${s.tiles.rows}x${s.tiles.block} of ${s.tiles.each}`;
    case "loop":
      return `${s.rows} rows x ${s.splits} workers${s.join === "subgroups" ? ", subgroups" : ""}`;
    case "split-K":
      return `split-K ${s.parts}`;
  }
};
