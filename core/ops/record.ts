/** The record of a primitive: everything that is known about it, in one place. */
import type { NdArray } from "../array.ts";
import type { DType } from "../dtype.ts";
import type { Shape } from "../shape.ts";
import type { OpAttributes, OpName, Tensor } from "../tensor.ts";

/** Families, one per file. */
export type Family =
  | "source"
  | "elementwise"
  | "reduce"
  | "movement"
  | "contraction"
  | "attention"
  | "index"
  | "mark"
  | "call"
  | "scan"
  | "random";

/** Result shape and element type. */
export interface Inferred {
  /** Shape of the result. */
  readonly shape: Shape;
  /** Element type of the result. */
  readonly dtype: DType;
}

/** Algebraic facts that rewrites and property tests may use. */
export type Law = "commutative" | "associative" | "idempotent" | "involution" | "linear";

/** One primitive. Interpreters are built from tables of these. */
export interface OpRecord<P extends OpName> {
  /** The primitive. */
  readonly name: P;
  /** The file it stands in. */
  readonly family: Family;
  /** Number of arguments; -1 is one or more. */
  readonly arity: number;
  /** Number of arguments that may follow those; none by default. */
  readonly optional?: number;
  /** One line for the op table. */
  readonly summary: string;
  /** Shape and dtype rule; throws ShapeError or DTypeError. */
  readonly infer: (args: readonly Tensor[], attributes: OpAttributes[P]) => Inferred;
  /** Reference semantics on float64 host arrays. */
  readonly reference: (args: readonly NdArray[], node: Tensor<P>) => NdArray;
  /**
   * Vector-Jacobian product: the cotangent of each argument, undefined where it has none. Absent where `decompose`
   * says the same in primitives that have one.
   */
  readonly vjp?: (node: Tensor<P>, cotangent: Tensor) => readonly (Tensor | undefined)[];
  /** The same result from simpler primitives, for devices without a kernel of its own and for derivatives. */
  readonly decompose?: (node: Tensor<P>) => Tensor;
  /** Floating-point operations of one evaluation. */
  readonly flops: (node: Tensor<P>) => number;
  /** What holds of it. */
  readonly laws: readonly Law[];
}
