/**
 * Lowering: the scalar expression of one element of a description. Movement turns into index arithmetic on the way
 * down; it never becomes a copy unless someone materialises it.
 */
import { is, isElementwise, isMark, isReduce, type Tensor } from "@chain-of-sight/core";
import { fromValue, type Index, int, linear, plus, scale, unravel } from "../ir/index_expr.ts";
import type { Value, ValueBuilder } from "../ir/value.ts";

/** Raised when a description cannot be computed inside the kernel at hand; the caller then keeps kernels apart. */
export class Incompatible extends Error {}

/** What the kernel at hand decides about a node: a value of its own, or undefined to look inside. */
export type Resolve = (t: Tensor, at: readonly Index[]) => Value | undefined;

const add = (a: Index, n: number): Index => plus(a, int(n));

/** Lowers descriptions for one kernel. */
export const lowering = (
  build: ValueBuilder,
  resolve: Resolve,
): (t: Tensor, at: readonly Index[]) => Value => {
  const memo = new Map<string, Value>();

  const compute = (t: Tensor, at: readonly Index[]): Value => {
    const own = resolve(t, at);
    if (own !== undefined) return own;
    if (is("constant", t)) return build.literal(t.attributes.value, t.dtype);
    if (is("iota", t)) return build.index(at[t.attributes.axis]!);
    if (isElementwise(t.op)) return build.apply(t.op, t.args.map((a) => lower(a, at)), t.dtype);
    if (isMark(t.op)) return lower(t.args[0]!, at);
    if (is("reshape", t)) return lower(t.args[0]!, unravel(linear(at, t.shape), t.args[0]!.shape));
    if (is("permute", t)) {
      const from = new Array<Index>(at.length);
      t.attributes.order.forEach((a, i) => from[a] = at[i]!);
      return lower(t.args[0]!, from);
    }
    if (is("expand", t)) return lower(t.args[0]!, at.map((x, d) => t.args[0]!.shape[d] === 1 ? int(0) : x));
    if (is("slice", t)) {
      const { start, step } = t.attributes;
      return lower(t.args[0]!, at.map((x, d) => add(scale(x, step[d]!), start[d]!)));
    }
    if (is("flip", t)) {
      const { axes } = t.attributes;
      return lower(t.args[0]!, at.map((x, d) => axes.includes(d) ? add(scale(x, -1), t.shape[d]! - 1) : x));
    }
    if (is("pad", t)) {
      const x = t.args[0]!, { low, value } = t.attributes;
      const inner = at.map((i, d) => add(i, -low[d]!));
      return inner.reduce(
        (then, i, d) => build.guard(i, 0, x.shape[d]!, then, build.literal(value, t.dtype)),
        lower(x, inner),
      );
    }
    if (is("concat", t)) return lowerConcat(t, at);
    if (is("gather", t)) return lowerGather(t, at);
    if (is("randomBits", t)) {
      const key = t.args[0]!, many = key.shape.length - 1, own = at.slice(0, many);
      const words = [lower(key, [...own, int(0)]), lower(key, [...own, int(1)])];
      // the counter is a word: positions from 2^31 on count, too
      const counter = build.index(linear(at.slice(many), t.attributes.shape));
      return build.apply("threefry", [...words, counter], "u32");
    }
    throw new Incompatible(`${t.op} must be materialised`);
  };

  const lowerConcat = (t: Tensor<"concat">, at: readonly Index[]): Value => {
    const axis = t.attributes.axis, starts: number[] = [];
    t.args.reduce((n, a) => (starts.push(n), n + a.shape[axis]!), 0);
    const part = (i: number) => lower(t.args[i]!, at.map((x, d) => d === axis ? add(x, -starts[i]!) : x));
    let value = part(t.args.length - 1);
    for (let i = t.args.length - 2; i >= 0; i--) {
      value = build.guard(add(at[axis]!, -starts[i]!), 0, t.args[i]!.shape[axis]!, part(i), value);
    }
    return value;
  };

  const lowerGather = (t: Tensor<"gather">, at: readonly Index[]): Value => {
    const [table, ids] = t.args as [Tensor, Tensor], rank = ids.shape.length;
    const id = lower(ids, at.slice(0, rank)), rows = table.shape[0]!;
    const any = fromValue(id, -(2 ** 31), 2 ** 31 - 1);
    const row = lower(table, [fromValue(id, 0, rows - 1), ...at.slice(rank)]);
    return build.guard(any, 0, rows, row, build.literal(0, t.dtype));
  };

  const lower = (t: Tensor, at: readonly Index[]): Value => {
    const key = `${t.id}@${at.map((i) => i.key).join(";")}`;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const value = compute(t, at);
    memo.set(key, value);
    return value;
  };
  return lower;
};

/** Whether a node only rearranges elements one to one or repeats them, without guards. */
export const isView = (t: Tensor): boolean =>
  is("reshape", t) || is("permute", t) || is("expand", t) || is("slice", t) || is("flip", t) ||
  isMark(t.op);

/** Whether a node sums or compares many elements. */
export const isHeavy = (t: Tensor): boolean =>
  isReduce(t.op) || is("matmul", t) || is("result", t) || is("scatterAdd", t);
