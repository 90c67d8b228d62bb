/**
 * Rewrites for a device, in the form of those of `simplify` and run by its engine: what a device has no kernel for, and
 * what it computes better in another way.
 */
import {
  attentionGradOf,
  cast,
  is,
  isAttention,
  max,
  mul,
  operandsOf,
  pad,
  permute,
  reshape,
  resultAt,
  type Rule,
  sizeOf,
  sum,
  type Tensor,
  transpose,
  tupleRecordOf,
} from "@chain-of-sight/core";
import type { Schedules } from "../schedule/schedule.ts";
import { splitK } from "./split_k.ts";

/** What attention has kernels for. */
export interface AttentionLimits {
  /** Minimum number of queries. */
  readonly fewest: number;
  /** Maximum number of channels of a head. */
  readonly widest: number;
  /** Most tensors that a kernel reads and writes. */
  readonly bindings: number;
}

/** Attention of fewer queries than some, of nothing at all, or of heads too wide for kernels, is made of products. */
export const attentionRules = ({ fewest, widest, bindings }: AttentionLimits): readonly Rule[] => [{
  name: "attention -> softmax(q k^T) v",
  reason: "the device has no kernel for it, or the scores of few queries take no more memory than the keys",
  rewrite: (t) => {
    const of = is("result", t) ? t.args[0]! : undefined, [query] = of?.args ?? [];
    if (of === undefined || !isAttention(of.op)) return undefined;
    return query!.shape[2]! < fewest || query!.shape[3]! > widest || sizeOf(query!.shape) === 0 ||
        of.args.length + of.results!.length > bindings
      ? tupleRecordOf(of).decompose!(of)[(t as Tensor<"result">).attributes.index]
      : undefined;
  },
}];

/** Minimum number of keys of a part of attention's gradient. */
const SPLIT_KEYS = 128;

/** Attention's gradient on a device that works on `units` heads side by side, or parts of them. */
export const splitKeys = (units: number): readonly Rule[] => [{
  name: "attentionGrad -> the same over parts of the keys, then the sum of the queries' cotangents",
  reason: "fewer heads than a device works on would leave it idle",
  rewrite: (t) => {
    const of = is("result", t) ? t.args[0]! : undefined;
    if (of === undefined || !is("attentionGrad", of) || of.attributes.splits > 1) return undefined;
    const [b, g, s] = of.args[1]!.shape as [number, number, number];
    const splits = Math.min(Math.ceil(units / (b * g)), Math.ceil(s / SPLIT_KEYS));
    if (splits <= 1) return undefined;
    const { index } = (t as Tensor<"result">).attributes;
    const result = resultAt(attentionGradOf(of.args, { ...of.attributes, splits }), index);
    return index === 0 ? reshape(t.shape)(sum({ axes: [1] })(result)) : result;
  },
}];

/** Maximum number of rows of a matrix-vector product, all batches together; least length and number of its sums. */
const GEMV_ROWS = 4, GEMV_LENGTH = 64, GEMV_SUMS = 64;

/** Whether the last axis but one is contiguous in memory: a matrix that was transposed, as weights are. */
const transposed = (t: Tensor): boolean => {
  if (is("permute", t)) return t.attributes.order.at(-1) === t.shape.length - 2;
  const [from] = operandsOf(t);
  return (is("expand", t) || (is("reshape", t) && from!.shape.at(-1) === t.shape.at(-1))) &&
    transposed(from!);
};

/** Whether a node is a product of few rows (GEMV). */
const isGemv = (t: Tensor): t is Tensor<"matmul"> => {
  if (!is("matmul", t)) return false;
  const [a, b] = t.args as [Tensor, Tensor];
  return sizeOf(t.shape.slice(0, -1)) <= GEMV_ROWS && a.shape.at(-1)! >= GEMV_LENGTH &&
    t.shape.at(-1)! >= GEMV_SUMS && transposed(b);
};

/** Products on GPUs; `schedules` holds what measurements found. */
export const productRules = (schedules: Schedules): readonly Rule[] => [
  {
    name: "matmul of few rows -> sums along the rows of the transposed operand (GEMV)",
    reason:
      "a tile shares what it reads among its rows; without rows to share with, workgroups read weights in order",
    rewrite: (t) => {
      if (!isGemv(t)) return undefined;
      const [a, b] = t.args as [Tensor, Tensor], lead = t.shape.slice(0, -2);
      const [m, n] = t.shape.slice(-2) as [number, number], k = a.shape.at(-1)!;
      const rows = reshape([...lead, m, 1, k])(a), others = reshape([...lead, 1, n, k])(transpose(b));
      return sum({ axes: [-1] })(mul(rows, others));
    },
  },
  {
    name: "matmul of few results -> sum of matmuls over parts of k (split-K)",
    reason: "one product would leave most of the device idle",
    rewrite: (t) => is("matmul", t) ? splitK(t, schedules) : undefined,
  },
];

/** Maximum number of results of a reduction that is split, and most parts of one: with more results, there is work for all lanes. */
const SPLIT_RESULTS = 64, SPLIT_PARTS = 1024;

/** The number of values behind one result of a reduction. */
const lengthOf = (t: Tensor): number => sizeOf(t.args[0]!.shape) / Math.max(1, sizeOf(t.shape));

/** The reduction of nothing. */
const neutral = (t: Tensor): number => {
  if (is("sum", t) || t.dtype === "u32") return 0;
  return t.dtype === "i32" ? -2147483648 : -Infinity;
};

const split = (t: Tensor<"sum" | "max">, longest: number): Tensor => {
  const [x] = t.args as [Tensor], { axes } = t.attributes, results = sizeOf(t.shape), length = lengthOf(t);
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  // parts of f16 numbers are not rounded before they are joined
  const rows = reshape([results, length])(
    permute([...kept, ...axes])(t.dtype === "f16" ? cast("f32")(x) : x),
  );
  const parts = Math.min(SPLIT_PARTS, Math.ceil(length / Math.sqrt(longest)));
  const each = Math.ceil(length / parts), reduce = is("sum", t) ? sum : max;
  const full = pad([0, 0], [0, parts * each - length], neutral(t))(rows);
  const found = reduce({ axes: [-1] })(reshape([results, parts, each])(full));
  return cast(t.dtype)(reshape(t.shape)(reduce({ axes: [-1] })(found)));
};

/** Reductions of more than `longest` values. */
export const reductionRules = (longest: number): readonly Rule[] => [{
  name: "long sum or maximum -> the same of parts, then of their results (split reduction)",
  reason: "one workgroup would leave the device idle, and would add small numbers to a large one for long",
  rewrite: (t) =>
    (is("sum", t) || is("max", t)) && sizeOf(t.shape) <= SPLIT_RESULTS && lengthOf(t) > longest
      ? split(t, longest)
      : undefined,
}];
