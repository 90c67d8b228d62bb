/** The record of a primitive: shape rule, reference, derivative, decomposition, cost and laws. */
import type { NdArray } from "../array.ts";
import type { Form, OpAttributes, OpName, Tensor, TupleOp } from "../tensor.ts";

/** Families, one per file. */
export type Family =
  | "source"
  | "elementwise"
  | "reduce"
  | "movement"
  | "contraction"
  | "attention"
  | "foreach"
  | "index"
  | "mark"
  | "call"
  | "scan"
  | "random";

/** Algebraic facts that rewrites and property tests may use. */
export type Law = "commutative" | "associative" | "idempotent" | "involution" | "linear";

/** Contents of the record of any primitive. */
export interface RecordHead<P extends OpName> {
  /** The primitive. */
  readonly name: P;
  /** The file it is in. */
  readonly family: Family;
  /** Number of arguments; -1 is one or more. */
  readonly arity: number;
  /** Number of arguments that may follow those; none by default. */
  readonly optional?: number;
  /** One line for the op table. */
  readonly summary: string;
  /** FLOPs of one evaluation. */
  readonly flops: (node: Tensor<P>) => number;
  /** What holds of it. */
  readonly laws: readonly Law[];
}

/** A primitive with one result. Interpreters are built from tables of these. */
export interface OpRecord<P extends OpName> extends RecordHead<P> {
  /** Shape and dtype rule; throws ShapeError or DTypeError. */
  readonly infer: (args: readonly Tensor[], attributes: OpAttributes[P]) => Form;
  /** Reference semantics on float64 host arrays. */
  readonly reference: (args: readonly NdArray[], node: Tensor<P>) => NdArray;
  /**
   * Vector-Jacobian product: the cotangent of each argument, undefined where it has none. Absent where `decompose`
   * says the same in primitives that have one.
   */
  readonly vjp?: (node: Tensor<P>, cotangent: Tensor) => readonly (Tensor | undefined)[];
  /** The same result from simpler primitives, for devices without a kernel of its own and for derivatives. */
  readonly decompose?: (node: Tensor<P>) => Tensor;
}

/** A primitive with several results: its nodes have no value of their own, `result` nodes name those that they have. */
export interface TupleRecord<P extends OpName> extends RecordHead<P> {
  /** Forms of the results; throws ShapeError or DTypeError. */
  readonly infer: (args: readonly Tensor[], attributes: OpAttributes[P]) => readonly Form[];
  /** Reference semantics on float64 host arrays. Absent where `decompose`, or an interpreter by name, has them. */
  readonly reference?: (args: readonly NdArray[], node: Tensor<P>) => readonly NdArray[];
  /** The cotangent of each argument from those of the results, undefined where there is none. Absent as in `OpRecord`. */
  readonly vjp?: (
    node: Tensor<P>,
    cotangents: readonly (Tensor | undefined)[],
  ) => readonly (Tensor | undefined)[];
  /** The same results from simpler primitives. */
  readonly decompose?: (node: Tensor<P>) => readonly Tensor[];
}

/** The record of a primitive, by whether it has one result or several. */
export type RecordOf<P extends OpName> = P extends TupleOp ? TupleRecord<P> : OpRecord<P>;
