/** Capabilities of devices: their provider, and the hardware units that the compiler may use. */

/** Who provides a device. */
export type ProviderName = "deno" | "dawn" | "browser" | "cpu" | "none";

/** Number types that a matrix unit multiplies or sums. */
export type MatrixType = "f32" | "f16" | "u32" | "i32" | "u8" | "i8";

/** One shape of product that a subgroup computes together: `M x K` times `K x N`. */
export interface MatrixConfig {
  /** Rows of the result. */
  readonly M: number;
  /** Columns of the result. */
  readonly N: number;
  /** Length of the sums. */
  readonly K: number;
  /** Type of both operands. */
  readonly componentType: MatrixType;
  /** Type of the result. */
  readonly resultComponentType: MatrixType;
}

/** The capability record of a device. */
export interface Capabilities {
  /** Who provides it, which decides the dialect of its kernels. */
  readonly provider: ProviderName;
  /** Whether kernels may hold 16-bit floating point numbers. */
  readonly f16: boolean;
  /** Lanes of a subgroup, where kernels may use them. */
  readonly subgroups: { readonly least: number; readonly most: number } | undefined;
  /** Products that subgroups compute together; none without matrix units. */
  readonly matrices: readonly MatrixConfig[];
  /**
   * Whether products of f32 operands may round these to f16 on their way to matrix units, with sums in f32. Never
   * unless asked for: numbers above 65504 overflow.
   */
  readonly halfProducts: boolean;
  /**
   * Whether large products of f16 operands may add up in f16 within 16 steps, and in f32 from block to block. Never
   * unless asked for. Faster where f16 arithmetic is (45 against 34 TFLOP/s on an H100 at 4096), but errors are 7e-4
   * of the root mean square of the results, where sums in f32 have 1e-6 (BENCHMARKS.md).
   */
  readonly halfSums: boolean;
}

/** A device without any special unit. */
export const noCapabilities: Capabilities = {
  provider: "none",
  f16: false,
  subgroups: undefined,
  matrices: [],
  halfProducts: false,
  halfSums: false,
};
