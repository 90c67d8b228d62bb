/** Builds a checked node from a record: the only way constructors make descriptions. */
import { DTypeError, ShapeError } from "../errors.ts";
import { intern, isTensor, type OpAttributes, type OpName, type Tensor } from "../tensor.ts";
import type { DType } from "../dtype.ts";
import type { OpRecord } from "./record.ts";

/** Checks arguments by the record's rules and interns the node. */
export const make = <P extends OpName>(
  record: OpRecord<P>,
  args: readonly Tensor[],
  attributes: OpAttributes[P],
): Tensor<P> => {
  if (record.arity >= 0 ? args.length !== record.arity : args.length === 0) {
    throw new ShapeError({
      op: record.name,
      got: `${args.length} arguments`,
      expected: record.arity < 0 ? "at least one" : String(record.arity),
      mend: "pass as many tensors as the op takes",
    });
  }
  args.forEach((a, i) => {
    if (!isTensor(a)) {
      throw new ShapeError({
        op: record.name,
        got: `${typeof a} as argument ${i}`,
        expected: "a tensor description",
        mend: "wrap numbers with constant()",
      });
    }
  });
  const { shape, dtype } = record.infer(args, attributes);
  return intern(record.name, args, attributes, shape, dtype);
};

/** Refuses element types outside `allowed`. */
export const expectDType = (op: string, t: Tensor, allowed: readonly DType[]): void => {
  if (!allowed.includes(t.dtype)) {
    throw new DTypeError({
      op,
      got: `a ${t.dtype} tensor`,
      expected: allowed.join(" or "),
      mend: "convert it with cast()",
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
      mend: "convert one with cast()",
    });
  }
};
