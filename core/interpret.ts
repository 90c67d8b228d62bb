/** The reference interpreter: every primitive by its record, in float64, one node after the other. Slow and plain. */
import { type NdArray, ndarray } from "./array.ts";
import { TreeError } from "./errors.ts";
import { recordOf } from "./ops/table.ts";
import { equals, show } from "./shape.ts";
import { is, type Tensor, topological } from "./tensor.ts";

/** Values of the inputs by path. */
export type Bindings = Readonly<Record<string, NdArray>>;

const bind = (node: Tensor<"input">, bindings: Bindings): NdArray => {
  const value = bindings[node.attributes.path];
  if (value === undefined || !equals(value.shape, node.shape) || value.dtype !== node.dtype) {
    throw new TreeError({
      op: "interpret",
      got: `${
        value === undefined ? "nothing" : `${value.dtype} ${show(value.shape)}`
      } for input ${node.attributes.path}`,
      expected: `${node.dtype} ${show(node.shape)}`,
      mend: "bind every input with its shape and element type",
    });
  }
  return value.dtype === "f32" && !(value.data instanceof Float64Array)
    ? ndarray("f32", value.shape, Float64Array.from(value.data))
    : value;
};

/** Values of the roots; `f32` results are float64 arrays that were never rounded on the way. */
export const interpret = (roots: readonly Tensor[], bindings: Bindings = {}): NdArray[] => {
  const values = new Map<Tensor, NdArray>();
  const order = topological(roots), left = new Map<Tensor, number>();
  for (const t of order) for (const a of t.args) left.set(a, (left.get(a) ?? 0) + 1);
  const keep = new Set(roots);
  for (const t of order) {
    const args = t.args.map((a) => values.get(a)!);
    values.set(t, is("input", t) ? bind(t, bindings) : recordOf(t.op).reference(args, t));
    for (const a of t.args) {
      const n = left.get(a)! - 1;
      left.set(a, n);
      if (n === 0 && !keep.has(a)) values.delete(a);
    }
  }
  return roots.map((t) => values.get(t)!);
};
