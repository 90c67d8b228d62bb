/** Sources: descriptions without arguments. */
import { ndarray } from "../array.ts";
import { type DType, referenceData } from "../dtype.ts";
import { ShapeError, TreeError } from "../errors.ts";
import { type Shape, show, sizeOf, stridesOf } from "../shape.ts";
import { intern, type OpAttributes, type Tensor } from "../tensor.ts";
import { literalOf } from "./make.ts";
import { broadcastTo } from "./movement.ts";
import type { OpRecord } from "./record.ts";

/** Names of the source primitives. */
export type SourceOp = "input" | "parameter" | "constant" | "iota";

const checkShape = (op: string, shape: Shape): void => {
  if (!shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new ShapeError({
      op,
      got: show(shape),
      expected: "non-negative integers",
      hint: "check the sizes",
    });
  }
};

const source = <P extends SourceOp>(
  name: P,
  summary: string,
  reference: OpRecord<P>["reference"],
): OpRecord<P> => ({
  name,
  family: "source",
  arity: 0,
  summary,
  infer: () => {
    throw new ShapeError({
      op: name,
      got: "a call without shape",
      expected: "the constructor",
      hint: `use ${name}() of the language`,
    });
  },
  reference,
  vjp: () => [],
  flops: () => 0,
  laws: [],
});

/** The source records. */
export const sourceRecords: { readonly [P in SourceOp]: OpRecord<P> } = {
  input: source("input", "a value given from outside", (_, node) => {
    throw new TreeError({
      op: "input",
      got: `no value for ${node.attributes.path}`,
      expected: `a ${node.dtype} array of shape ${show(node.shape)}`,
      hint: "bind it when interpreting",
    });
  }),
  parameter: source("parameter", "a parameter of a function", (_, node) => {
    throw new TreeError({
      op: "parameter",
      got: `no value for a ${node.dtype} parameter of shape ${show(node.shape)}`,
      expected: "a call of its function",
      hint: "use what the function returns",
    });
  }),
  constant: source("constant", "one number", (_, node) => {
    const { value } = node.attributes as OpAttributes["constant"];
    return ndarray(node.dtype, [], referenceData(node.dtype, [value]));
  }),
  iota: source("iota", "the index along an axis", (_, node) => {
    const n = sizeOf(node.shape), axis = node.attributes.axis, step = stridesOf(node.shape)[axis]!;
    return ndarray(
      "i32",
      node.shape,
      Int32Array.from({ length: n }, (_, i) => Math.floor(i / step) % node.shape[axis]!),
    );
  }),
};

/** A value given from outside, known by its path. */
export const input = (path: string, shape: Shape, dtype: DType = "f32"): Tensor => {
  checkShape("input", shape);
  return intern("input", [], { path }, [...shape], dtype);
};

/** A parameter of a function, known by its attributes and form. */
export const parameterOf = (
  attributes: OpAttributes["parameter"],
  shape: Shape,
  dtype: DType = "f32",
): Tensor<"parameter"> => intern("parameter", [], attributes, [...shape], dtype);

/**
 * One number, of shape `[]`.
 * @throws {DTypeError} if the element type cannot hold the number.
 */
export const constant = (value: number, dtype: DType = "f32", op = "constant"): Tensor =>
  intern("constant", [], { value: literalOf(op, value, dtype) }, [], dtype);

/**
 * A tensor filled with one number.
 * @throws {DTypeError} if the element type cannot hold the number.
 */
export const full = (shape: Shape, value: number, dtype: DType = "f32"): Tensor => {
  checkShape("full", shape);
  return broadcastTo(shape)(constant(value, dtype, "full"));
};

/** The index along `axis`, as `i32` of the given shape. */
export const iota = (shape: Shape, axis = 0): Tensor => {
  checkShape("iota", shape);
  if (!(axis in shape)) {
    throw new ShapeError({
      op: "iota",
      got: `axis ${axis} of shape ${show(shape)}`,
      expected: "one of its axes",
      hint: "count axes from 0",
    });
  }
  return intern("iota", [], { axis }, [...shape], "i32");
};
