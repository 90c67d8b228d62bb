/** Reductions: many numbers along axes become one. Primitive reductions keep the axes with length 1. */
import { type NdArray, ndarray } from "../array.ts";
import { type DType, referenceData } from "../dtype.ts";
import { axisOf, type Shape, sizeOf, stridesOf } from "../shape.ts";
import type { OpName, Tensor } from "../tensor.ts";
import { cast, div, equal, mul, select } from "./elementwise.ts";
import { expectDType, expectFloat, make } from "./make.ts";
import { broadcastTo, reshape } from "./movement.ts";
import type { Law, OpRecord } from "./record.ts";
import { ShapeError } from "../errors.ts";

/** Names of the reductions. */
export type ReduceOp = "sum" | "max" | "argmax";

const reduced = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((n, i) => axes.includes(i) ? 1 : n);

/** Folds the elements of each group, in row-major order; `at` counts within the group. */
const fold = (
  x: NdArray,
  axes: readonly number[],
  dtype: DType,
  init: number,
  step: (acc: number, value: number, at: number, slot: number) => number,
): NdArray => {
  const shape = reduced(x.shape, axes), out = new Float64Array(sizeOf(shape)).fill(init);
  const counts = new Uint32Array(out.length), strides = stridesOf(shape), n = sizeOf(x.shape);
  const index = new Array<number>(x.shape.length).fill(0);
  for (let i = 0; i < n; i++) {
    let slot = 0;
    for (let d = 0; d < index.length; d++) if (!axes.includes(d)) slot += index[d]! * strides[d]!;
    out[slot] = step(out[slot]!, x.data[i]!, counts[slot]!++, slot);
    for (let d = index.length - 1; d >= 0 && ++index[d]! === x.shape[d]; d--) index[d] = 0;
  }
  return ndarray(dtype, shape, referenceData(dtype, out));
};

const record = <P extends ReduceOp>(
  name: P,
  summary: string,
  reference: OpRecord<P>["reference"],
  vjp: NonNullable<OpRecord<P>["vjp"]>,
  result: (x: Tensor) => DType,
  laws: readonly Law[],
): OpRecord<P> => ({
  name,
  family: "reduce",
  arity: 1,
  summary,
  infer: ([x], { axes }) => {
    expectDType(name, x!, ["f32", "f16", "i32", "u32"]);
    axes.forEach((a) => axisOf(name, a, x!.shape.length));
    if (name !== "sum" && axes.some((a) => x!.shape[a] === 0)) {
      throw new ShapeError({
        op: name,
        got: "an empty axis",
        expected: "at least one element to choose from",
        hint: "reduce a non-empty tensor",
      });
    }
    return { shape: reduced(x!.shape, axes), dtype: result(x!) };
  },
  reference,
  vjp,
  flops: (node) => sizeOf(node.args[0]!.shape),
  laws,
});

/** The reduction records. Sums of f16 are rounded once, at the end. NaN wins in `max`. The gradient of `max` is shared equally by ties. */
export const reduceRecords: { readonly [P in ReduceOp]: OpRecord<P> } = {
  sum: record(
    "sum",
    "sum over axes",
    ([x], node) => fold(x!, node.attributes.axes, node.dtype, 0, (a, v) => a + v),
    (node, ct) => [broadcastTo(node.args[0]!.shape)(ct)],
    (x) => x.dtype,
    ["linear"],
  ),
  max: record(
    "max",
    "largest over axes",
    ([x], node) => fold(x!, node.attributes.axes, node.dtype, -Infinity, (a, v) => Math.max(a, v)),
    (node, ct) => {
      const x = node.args[0]!, axes = node.attributes.axes;
      const hit = cast(ct.dtype)(equal(x, broadcastTo(x.shape)(node)));
      const share = div(ct, make(reduceRecords.sum, [hit], { axes }));
      return [mul(hit, broadcastTo(x.shape)(share))];
    },
    (x) => x.dtype,
    ["idempotent"],
  ),
  argmax: record(
    "argmax",
    "index of the first largest",
    ([x], node) => {
      const best = new Map<number, number>();
      return fold(x!, node.attributes.axes, "i32", 0, (a, v, at, slot) => {
        const b = best.get(slot);
        if (b === undefined || v > b || (Number.isNaN(v) && !Number.isNaN(b))) {
          best.set(slot, v);
          return at;
        }
        return a;
      });
    },
    () => [undefined],
    () => "i32",
    [],
  ),
};

/** Options of the reductions. */
export interface ReduceOptions {
  /** Axes to reduce, negative ones from the back; all by default. */
  readonly axes?: readonly number[];
  /** Keep the axes with length 1. */
  readonly keep?: boolean;
}

const axesOf = (op: string, x: Tensor, options: ReduceOptions): number[] => {
  const axes = options.axes ?? x.shape.map((_, i) => i);
  return [...new Set(axes.map((a) => axisOf(op, a, x.shape.length)))].sort((a, b) => a - b);
};

const reduce = (name: ReduceOp) => (options: ReduceOptions = {}) => (x: Tensor): Tensor => {
  const axes = axesOf(name, x, options);
  const kept = axes.length === 0 && name !== "argmax"
    ? x
    : make(reduceRecords[name] as OpRecord<ReduceOp>, [x], { axes });
  return options.keep ? kept : reshape(x.shape.filter((_, i) => !axes.includes(i)))(kept);
};

/** Sum over axes; data-last. */
export const sum: (options?: ReduceOptions) => (x: Tensor) => Tensor = reduce("sum");
/** Largest over axes; data-last. */
export const max: (options?: ReduceOptions) => (x: Tensor) => Tensor = reduce("max");

/** Index of the first largest element along an axis (the last by default), as i32; data-last. */
export const argmax = (axis = -1, keep = false): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  reduce("argmax")({ axes: [axis], keep })(x);

/** A sum divided by a count: 0 / 0 is NaN. The reciprocal of a great count is too small a number for f16. Data-last. */
export const dividedBy = (n: number): (total: Tensor) => Tensor => (total: Tensor): Tensor => {
  // chosen rather than computed: drivers take 0 times an infinity for 0
  if (n === 0) return select(equal(total, 0), NaN, mul(total, Infinity));
  return total.dtype === "f16" ? cast("f16")(mul(cast("f32")(total), 1 / n)) : mul(total, 1 / n);
};

/**
 * Mean over axes; NaN of nothing. Data-last.
 * @throws {DTypeError} for integers.
 */
export const mean = (options: ReduceOptions = {}): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  expectFloat("mean", x);
  const n = axesOf("mean", x, options).reduce((a, i) => a * x.shape[i]!, 1), total = sum(options)(x);
  return dividedBy(n)(total);
};

/** Sums a tensor back to a shape that broadcasts to its own: the transpose of broadcasting. */
export const sumTo = (shape: Shape): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) =>
    i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1)
  );
  return reshape(shape)(axes.length === 0 ? x : sum({ axes, keep: true })(x));
};

/** Whether a primitive is a reduction. */
export const isReduce = (op: OpName): op is ReduceOp => op in reduceRecords;
