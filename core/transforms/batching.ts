/**
 * Batching rules: the result of each primitive when some of its arguments have a leading batch axis of length n.
 */
import { add, and, type BinaryOp, less, mul, select, type UnaryOp } from "../ops/elementwise.ts";
import { make } from "../ops/make.ts";
import { broadcastTo, concat, flip, pad, permute, reshape, slice, sliceAxis } from "../ops/movement.ts";
import type { AttentionOp } from "../ops/attention.ts";
import { resultsOf } from "../ops/call.ts";
import { after } from "../ops/mark.ts";
import { gather, scatterAdd } from "../ops/index.ts";
import { iota } from "../ops/source.ts";
import { recordOf } from "../ops/table.ts";
import type { OpName, Tensor, TupleOp } from "../tensor.ts";

/** An argument: with the new axis in front, or as it was. */
export interface Batched {
  /** The tensor. */
  readonly x: Tensor;
  /** Whether it has the new axis. */
  readonly mapped: boolean;
}

/** The result, with the new axis in front, of a node whose arguments become these; at least one is mapped. */
export type BatchRule<P extends OpName> = (node: Tensor<P>, args: readonly Batched[], n: number) => Tensor;

/** An argument with the new axis: repeated, where it was the same for all. */
const wide = (n: number) => ({ x, mapped }: Batched): Tensor => mapped ? x : broadcastTo([n, ...x.shape])(x);

const again = (node: Tensor, args: readonly Tensor[], attributes: unknown = node.attributes): Tensor =>
  make(recordOf(node.op), args, attributes as Tensor["attributes"]);

/** Element by element: also for products of matrices, whose batch axes are in front. */
const pointwise = (node: Tensor, args: readonly Batched[], n: number): Tensor =>
  again(node, args.map(wide(n)));

const behind = (axes: readonly number[]): number[] => axes.map((a) => a + 1);

const reduce = (node: Tensor<"sum" | "max" | "argmax">, [x]: readonly Batched[]): Tensor =>
  again(node, [x!.x], { axes: behind(node.attributes.axes) });

/** Results of attention: the new axis joins the first, which all arguments and results have. */
export const attentionBatched = (
  node: Tensor<AttentionOp>,
  args: readonly Batched[],
  n: number,
): readonly Tensor[] => {
  const merged = args.map(wide(n)).map((x) => reshape([n * x.shape[1]!, ...x.shape.slice(2)])(x));
  return resultsOf(again(node, merged)).map((t, i) => reshape([n, ...node.results![i]!.shape])(t));
};

/** Ids `[n, ...]` into n tables of `rows` rows one after the other; ids outside their table stay outside all. */
const offset = (ids: Tensor, rows: number): Tensor =>
  select(and(less(-1, ids), less(ids, rows)), add(ids, mul(iota(ids.shape, 0), rows)), -1);

const sameForAll = (node: Tensor): Tensor => node;

/** The rules of all primitives but the elementwise ones, which share one. A missing one does not compile. */
const rules: {
  readonly [
    P in Exclude<
      OpName,
      UnaryOp | BinaryOp | "select" | "cast" | "copy" | "stopGradient" | "result" | TupleOp
    >
  ]: BatchRule<P>;
} = {
  input: sameForAll,
  parameter: sameForAll,
  constant: sameForAll,
  iota: sameForAll,
  sum: reduce,
  max: reduce,
  argmax: reduce,
  reshape: (node, [x], n) => reshape([n, ...node.shape])(x!.x),
  permute: (node, [x]) => permute([0, ...behind(node.attributes.order)])(x!.x),
  expand: (node, [x], n) => broadcastTo([n, ...node.shape])(x!.x),
  slice: ({ attributes: { start, stop, step } }, [x], n) =>
    slice([0, ...start], [n, ...stop], [1, ...step])(x!.x),
  pad: ({ attributes: { low, high, value } }, [x]) => pad([0, ...low], [0, ...high], value)(x!.x),
  concat: (node, args, n) => concat(args.map(wide(n)), node.attributes.axis + 1),
  flip: (node, [x]) => flip(behind(node.attributes.axes))(x!.x),
  matmul: (node, args, n) => {
    const [a, b] = args as [Batched, Batched], [m, columns] = node.shape.slice(-2) as [number, number];
    // one matrix on the right for all rows of a stack is one product
    if (b.mapped || node.shape.length > 2) return pointwise(node, args, n);
    const rows = reshape([n * m, a.x.shape.at(-1)!])(a.x);
    return reshape([n, m, columns])(again(node, [rows, b.x]));
  },
  gather: (_, args, n) => {
    const [table, ids] = args as [Batched, Batched];
    if (!table.mapped) return gather(table.x)(ids.x);
    const [, rows, ...rest] = table.x.shape as [number, number, ...number[]];
    return gather(reshape([n * rows, ...rest])(table.x))(offset(wide(n)(ids), rows));
  },
  scatterAdd: (node, args, n) => {
    const [ids, updates] = args.map(wide(n)) as [Tensor, Tensor], { rows } = node.attributes;
    return reshape([n, ...node.shape])(scatterAdd(n * rows)(offset(ids, rows), updates));
  },
  // one sum for each example: of rows of all of them together
  foreachSum: (node, args, n) => {
    const each = args.map((a) => reshape([n, -1])(wide(n)(a)));
    const sums = each.flatMap((x) => Array.from({ length: n }, (_, i) => sliceAxis(0, i, i + 1)(x)));
    return permute([1, 0])(reshape([args.length, n])(again(node, sums)));
  },
  after: (_, args, n) => {
    const [x, token] = args as [Batched, Batched];
    return after(token.x)(wide(n)(x));
  },
  randomBits: (node, [key]) => again(node, [key!.x]),
};

/** The rule of a primitive. */
export const batchRuleOf = (op: OpName): BatchRule<OpName> =>
  op in rules ? rules[op as keyof typeof rules] as unknown as BatchRule<OpName> : pointwise;
