/**
 * Regions: named parts of a graph, and recomputation. Neither computes anything: both are their first argument. The
 * further arguments of a region are what it was made from; `pullback` reads them where the backward pass shall compute
 * the region again instead of keeping its inside.
 */
import type { OpAttributes, OpName, Tensor } from "../tensor.ts";
import { make } from "./make.ts";
import type { OpRecord } from "./record.ts";

/** Names of the primitives about regions. */
export type RegionOp = "region" | "after";

const record = <P extends RegionOp>(name: P, arity: number, summary: string): OpRecord<P> => ({
  name,
  family: "region",
  arity,
  summary,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  reference: ([x]) => x!,
  vjp: (node, ct) => [ct, ...node.args.slice(1).map(() => undefined)],
  flops: () => 0,
  laws: ["linear"],
});

/** The region records. */
export const regionRecords: { readonly [P in RegionOp]: OpRecord<P> } = {
  region: record("region", -1, "a named part: the first argument, made from the others"),
  after: record("after", 2, "the first argument, not before the second"),
};

/** Marks `value` as a region that was made from `from`. */
export const region = (
  value: Tensor,
  from: readonly Tensor[],
  attributes: OpAttributes["region"],
): Tensor<"region"> => make(regionRecords.region, [value, ...from], attributes);

/** `x`, as a node of its own that comes after `token`: what is computed from it is computed again, and late. */
export const after = (token: Tensor): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  make(regionRecords.after, [x, token], {});

/** Whether a primitive only marks regions or times. */
export const isRegion = (op: OpName): op is RegionOp => op in regionRecords;
