/** The reference interpreter: evaluates every primitive by its record, in float64, node by node. Slow and simple. */
import { arrayFault, type NdArray, ndarray } from "./array.ts";
import { isFloat, referenceData } from "./dtype.ts";
import { TreeError } from "./errors.ts";
import type { ClosedFunction } from "./ops/closed.ts";
import { isTuple } from "./ops/call.ts";
import { recordOf, tupleRecordOf } from "./ops/table.ts";
import { equals, show, sizeOf } from "./shape.ts";
import { is, type Tensor, topological } from "./tensor.ts";
import { refuseLeaks } from "./transforms/trace.ts";

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
      hint: "bind every input with its shape and element type",
    });
  }
  const fault = arrayFault(value);
  if (fault !== undefined) {
    throw new TreeError({ op: "interpret", ...fault, got: `${fault.got} for input ${node.attributes.path}` });
  }
  return isFloat(value.dtype) && !(value.data instanceof Float64Array)
    ? ndarray(value.dtype, value.shape, referenceData(value.dtype, value.data))
    : value;
};

/** Slice `i` of a stack. */
const sliceAt = ({ dtype, shape, data }: NdArray, i: number): NdArray => {
  const inner = shape.slice(1), size = sizeOf(inner);
  return ndarray(dtype, inner, data.subarray(i * size, (i + 1) * size));
};

/** All results of a scan: its body, iteration by iteration. */
const iterations = (loop: Tensor<"scan">, args: readonly NdArray[]): NdArray[] => {
  const { body, length, reverse } = loop.attributes, { carries, slices, next, ys } = body;
  let carry = args.slice(0, carries.length);
  const stacks: NdArray[][] = ys.map(() => []);
  for (let iteration = 0; iteration < length; iteration++) {
    const at = reverse ? length - 1 - iteration : iteration;
    const stacked = args.slice(carries.length, carries.length + slices.length).map((x) => sliceAt(x, at));
    const given = [...carry, ...stacked, ...args.slice(carries.length + slices.length)];
    const results = called(body, given);
    carry = results.slice(0, next.length);
    results.slice(next.length).forEach((y, i) => stacks[i]![at] = y);
  }
  return [...carry, ...stacks.map((parts, i) => stacked(parts, ys[i]!))];
};

const stacked = (parts: readonly NdArray[], { dtype, shape }: Tensor): NdArray => {
  const size = sizeOf(shape), Data = parts[0]!.data.constructor as Float64ArrayConstructor;
  const data = new Data(parts.length * size);
  parts.forEach((p, i) => data.set(p.data, i * size));
  return ndarray(dtype, [parts.length, ...shape], data);
};

/** The results of a function for some arguments. */
const called = ({ parameters, results }: ClosedFunction, args: readonly NdArray[]): NdArray[] =>
  valuesOf(results, {}, new Map(parameters.map((p, i) => [p, args[i]!])));

/** Values of the roots; `f32` results are float64 arrays that were never rounded on the way, `f16` ones were at each step. */
export const interpret = (roots: readonly Tensor[], bindings: Bindings = {}): NdArray[] => {
  refuseLeaks("interpret", roots);
  return valuesOf(roots, bindings, new Map());
};

const valuesOf = (
  roots: readonly Tensor[],
  bindings: Bindings,
  parameters: ReadonlyMap<Tensor, NdArray>,
): NdArray[] => {
  const values = new Map(parameters), tuples = new Map<Tensor, readonly NdArray[]>();
  const order = topological(roots), left = new Map<Tensor, number>();
  for (const t of order) for (const a of t.args) left.set(a, (left.get(a) ?? 0) + 1);
  const keep = new Set(roots);
  for (const t of order) {
    if (parameters.has(t)) continue;
    const args = t.args.map((a) => values.get(a)!);
    if (is("scan", t)) tuples.set(t, iterations(t, args));
    else if (is("call", t)) tuples.set(t, called(t.attributes.body, args));
    else if (isTuple(t)) tuples.set(t, tupleRecordOf(t).reference!(args, t));
    else if (is("result", t)) values.set(t, tuples.get(t.args[0]!)![t.attributes.index]!);
    else values.set(t, is("input", t) ? bind(t, bindings) : recordOf(t.op).reference(args, t));
    for (const a of t.args) {
      const n = left.get(a)! - 1;
      left.set(a, n);
      if (n === 0) tuples.delete(a);
      if (n === 0 && !keep.has(a)) values.delete(a);
    }
  }
  return roots.map((t) => values.get(t)!);
};
