/** Builds a checked node from a record: the only way constructors make descriptions. */
import { DTypeError, ShapeError } from "../errors.ts";
import { type Form, intern, isTensor, type OpAttributes, type OpName, type Tensor } from "../tensor.ts";
import { cannotHold, type DType, isFloat, toDType } from "../dtype.ts";
import type { Law, OpRecord, TupleRecord } from "./record.ts";

/** Checks arguments by the record's rules and interns the node. */
export const make = <P extends OpName>(
  record: OpRecord<P> | TupleRecord<P>,
  args: readonly Tensor[],
  attributes: OpAttributes[P],
): Tensor<P> => {
  const { arity, optional = 0 } = record, most = arity < 0 ? Infinity : arity + optional;
  if (args.length < Math.abs(arity) || args.length > most) {
    throw new ShapeError({
      op: record.name,
      got: `${args.length} arguments`,
      expected: arity < 0 ? "at least one" : optional === 0 ? String(arity) : `${arity} to ${most}`,
      hint: "pass as many tensors as the op takes",
    });
  }
  args.forEach((a, i) => {
    if (!isTensor(a)) {
      throw new ShapeError({
        op: record.name,
        got: `${typeof a} as argument ${i}`,
        expected: "a tensor description",
        hint: "wrap numbers with constant()",
      });
    }
  });
  const form = record.infer(args, attributes), own = "shape" in form ? form : NO_FORM;
  const results = "shape" in form ? undefined : form;
  return intern(record.name, args, attributes, own.shape, own.dtype, isCommutative(record), results);
};

/** What represents the shape and element type of a node with several results. */
const NO_FORM: Form = { shape: [], dtype: "f32" };

const isCommutative = ({ laws }: { readonly laws: readonly Law[] }): boolean => laws.includes("commutative");

/** The node over other arguments of the same shapes and element types. */
export const remade = (
  record: { readonly laws: readonly Law[] },
  t: Tensor,
  args: readonly Tensor[],
): Tensor =>
  args.every((a, i) => a === t.args[i])
    ? t
    : intern(t.op, args, t.attributes, t.shape, t.dtype, isCommutative(record), t.results);

/** Refuses element types outside `allowed`. */
export const expectDType = (op: string, t: Tensor, allowed: readonly DType[]): void => {
  if (!allowed.includes(t.dtype)) {
    throw new DTypeError({
      op,
      got: `a ${t.dtype} tensor`,
      expected: allowed.join(" or "),
      hint: "convert it with cast()",
    });
  }
};

/** Refuses two tensors of different element types. */
export const sameDType = (op: string, a: Tensor, b: Tensor): void => {
  if (a.dtype !== b.dtype) {
    throw new DTypeError({
      op,
      got: `${a.dtype} and ${b.dtype}`,
      expected: "equal element types",
      hint: "convert one with cast()",
    });
  }
};

/** A number as an element type holds it; an op that takes a number passes its own name. */
export const literalOf = (op: string, value: number, dtype: DType): number => {
  const expected = cannotHold(dtype, value);
  if (expected !== undefined) {
    throw new DTypeError({
      op,
      got: `the number ${value} for ${dtype} elements`,
      expected,
      hint: isFloat(dtype)
        ? "use a number in range, or convert with cast()"
        : 'convert with cast("f32") first',
    });
  }
  // integers have one zero
  return isFloat(dtype) ? toDType(dtype, value) : value + 0;
};

/** Element types of real numbers. */
export const FLOATS: readonly DType[] = ["f32", "f16"];

/** Refuses integers where a function has real results. */
export const expectFloat = (op: string, t: Tensor): void => {
  if (isFloat(t.dtype)) return;
  throw new DTypeError({
    op,
    got: `a ${t.dtype} tensor`,
    expected: "f32 or f16, as the result is not a whole number",
    hint: 'convert it with cast("f32") first',
  });
};
