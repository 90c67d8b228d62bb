/** Vectorisation, graph to graph: a function of one example becomes a function of many at once. */
import { ShapeError } from "../errors.ts";
import { tensors } from "../grad.ts";
import { withOrigin } from "../origin.ts";
import { broadcastTo, permute } from "../ops/movement.ts";
import { isTuple, resultAt } from "../ops/call.ts";
import { callBatched } from "./call_transforms.ts";
import { axisOf, show } from "../shape.ts";
import { is, isTensor, type Tensor, topological, type TupleOp } from "../tensor.ts";
import type { Tree } from "../tree.ts";
import { attentionBatched, type Batched, batchRuleOf } from "./batching.ts";
import { callOfParts } from "./parts.ts";
import { scanBatched } from "./scan_vmap.ts";
import { mapTensors, refuseContainers, tensorsIn, tracing } from "./trace.ts";

/** Which axes are mapped over. */
export interface VmapOptions {
  /**
   * The mapped axis of every tensor of an argument, or null for an argument that is the same for all; one entry per
   * argument, or one for all. 0 by default.
   */
  readonly in?: number | null | readonly (number | null)[];
  /** Where the mapped axis is in every tensor of the result; 0 by default. */
  readonly out?: number;
}

const toFront = (axis: number) => (x: Tensor): Tensor =>
  permute([axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)])(x);

const fromFront = (axis: number) => (x: Tensor): Tensor => {
  const a = axisOf("vmap", axis, x.shape.length), rest = x.shape.slice(1).map((_, i) => i + 1);
  return permute([...rest.slice(0, a), 0, ...rest.slice(a)])(x);
};

/** Outputs with an axis of length n in front, from such values of some of the nodes that they depend on. */
export const batched = (
  outputs: readonly Tensor[],
  mapped: ReadonlyMap<Tensor, Tensor>,
  n: number,
): Tensor[] =>
  mappedOnly(outputs, mapped, n).map((t, i) => t ?? broadcastTo([n, ...outputs[i]!.shape])(outputs[i]!));

/** All results of a node with several, with the axis in front. */
const batchedTuple = (t: Tensor<TupleOp>, args: readonly Batched[], n: number): readonly Tensor[] =>
  is("scan", t)
    ? scanBatched(mappedOnly, t, args, n)
    : is("attention", t) || is("attentionGrad", t)
    ? attentionBatched(t, args, n)
    : callBatched(mappedOnly, is("call", t) ? t : callOfParts(t)!, args, n);

/** The same, but undefined where an output depends on none of the mapped nodes. */
const mappedOnly = (
  outputs: readonly Tensor[],
  mapped: ReadonlyMap<Tensor, Tensor>,
  n: number,
): (Tensor | undefined)[] => {
  const becomes = new Map(mapped);
  for (const t of topological(outputs, { stop: mapped })) {
    if (becomes.has(t) || is("result", t) || !t.args.some((a) => becomes.has(a))) continue;
    const args = t.args.map((a) => ({ x: becomes.get(a) ?? a, mapped: becomes.has(a) }));
    if (isTuple(t)) {
      withOrigin(t.origin, () => batchedTuple(t, args, n)).forEach((x, i) => becomes.set(resultAt(t, i), x));
    } else becomes.set(t, withOrigin(t.origin, () => batchRuleOf(t.op)(t, args, n)));
  }
  return outputs.map((t) => becomes.get(t));
};

/** The length that all mapped axes have. */
const lengthOf = (axes: readonly (readonly [Tensor, number])[]): number => {
  const lengths = new Set(axes.map(([x, a]) => x.shape[a]!));
  if (lengths.size === 1) return [...lengths][0]!;
  throw new ShapeError({
    op: "vmap",
    got: axes.length === 0
      ? "no mapped argument"
      : `${axes.map(([x, a]) => `${show(x.shape)} along axis ${a}`).join(", ")}`,
    expected: axes.length === 0 ? "at least one" : "one length for all",
    hint: axes.length === 0 ? "map one argument" : "name the axes of every argument with `in`",
  });
};

/**
 * `f` over an axis: `vmap(f)(xs)` is `f` of every `xs[i]`, stacked, in as many kernels as one `f`. Arguments and result
 * are tensors, or lists and records of them.
 *
 * ```ts
 * import { input, mul, sum, type Tensor, vmap } from "@chain-of-sight/core";
 * const dot = (a: Tensor, b: Tensor): Tensor => sum()(mul(a, b));
 * const rows = vmap(dot)(input("a", [8, 3]), input("b", [8, 3])); // [8]
 * const table = vmap((a: Tensor) => vmap(dot, { in: [null, 0] })(a, input("b", [8, 3])))(input("a", [5, 3]));
 * if (!(rows.shape.join() === "8" && table.shape.join() === "5,8")) throw new Error("not so");
 * ```
 * @throws {ShapeError} if the mapped axes differ in length or do not exist.
 */
export const vmap = <A extends readonly Tree<Tensor>[], R extends Tree<Tensor>>(
  f: (...args: A) => R,
  options: VmapOptions = {},
): (...args: A) => R =>
(...args: A): R => {
  const { in: axes = 0, out = 0 } = options;
  if (Array.isArray(axes) && axes.length !== args.length) {
    throw new ShapeError({
      op: "vmap",
      got: `${axes.length} entries of \`in\` for ${args.length} arguments`,
      expected: "one for each argument",
      hint: "write null for an argument that is the same for all",
    });
  }
  const along = args.flatMap((arg, i) => {
    const axis = Array.isArray(axes) ? axes[i]! : axes as number | null;
    if (axis !== null) refuseContainers("vmap", arg);
    return axis === null ? [] : tensorsIn(arg).map((x) => [x, axisOf("vmap", axis, x.shape.length)] as const);
  });
  const n = lengthOf(along);
  const forms = along.map(([x, a]) => ({ shape: x.shape.filter((_, d) => d !== a), dtype: x.dtype }));
  return tracing("vmap", forms, (parameters) => {
    let i = 0, j = 0;
    const inner = args.map((arg, k) =>
      (Array.isArray(axes) ? axes[k] : axes) === null ? arg : mapTensors(arg, () => parameters[i++]!)
    );
    const result = f(...inner as unknown as A);
    const leaves = isTensor(result) ? [result] : tensors.leaves(result);
    const mapped = new Map(parameters.map((p, k) => [p, toFront(along[k]![1])(along[k]![0])]));
    const values = batched(leaves, mapped, n);
    return mapTensors(result, () => fromFront(out)(values[j++]!));
  });
};
