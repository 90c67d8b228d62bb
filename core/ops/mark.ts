/** Marks: identity primitives that carry information for transforms and the scheduler. */
import type { OpName, Tensor } from "../tensor.ts";
import { make } from "./make.ts";
import type { OpRecord } from "./record.ts";

/** Names of the primitives that only mark. */
export type MarkOp = "copy" | "stopGradient" | "after";

const record = <P extends MarkOp>(name: P, arity: number, summary: string, moves: boolean): OpRecord<P> => ({
  name,
  family: "mark",
  arity,
  summary,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  reference: ([x]) => x!,
  vjp: (node, ct) => node.args.map((_, i) => i === 0 && moves ? ct : undefined),
  flops: () => 0,
  laws: moves ? ["linear"] : [],
});

/** The records of marks. */
export const markRecords: { readonly [P in MarkOp]: OpRecord<P> } = {
  copy: record("copy", 1, "the argument, as a node of its own", true),
  stopGradient: record("stopGradient", 1, "the argument, as a constant to derivatives", false),
  after: record("after", 2, "the first argument, not before the second", true),
};

/** `x`, as a node with memory of its own. */
export const copy = (name: string): (x: Tensor) => Tensor<"copy"> => (x: Tensor): Tensor<"copy"> =>
  make(markRecords.copy, [x], { name });

/** `x`, as a node of its own that comes after `token`: what is computed from it is recomputed, and late. */
export const after = (token: Tensor): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  make(markRecords.after, [x, token], {});

/** Whether a primitive is its first argument and only marks it. */
export const isMark = (op: OpName): op is MarkOp => op in markRecords;
