/** Forward-mode differentiation, graph to graph: directional derivatives alongside the values. */
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { grad, tensors } from "../grad.ts";
import { withOrigin } from "../origin.ts";
import {
  add,
  type BinaryOp,
  cast,
  mul,
  onesLike,
  select,
  type UnaryOp,
  zerosLike,
} from "../ops/elementwise.ts";
import { make } from "../ops/make.ts";
import { concat, pad } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { isTuple, resultAt } from "../ops/call.ts";
import { after } from "../ops/mark.ts";
import { recordOf } from "../ops/table.ts";
import { equals, show } from "../shape.ts";
import { is, type OpName, type Tensor, topological, type TupleOp } from "../tensor.ts";
import type { Mapped, Tree } from "../tree.ts";
import { mergeScans } from "../scan_dce.ts";
import { callTangents } from "./call_transforms.ts";
import { callOfParts } from "./parts.ts";
import { scanTangents } from "./scan_jvp.ts";
import { replaceIn, rewriteIn, tracing } from "./trace.ts";

/** The tangent of a node from those of its arguments; undefined is a tangent of zero. */
export type TangentRule<P extends OpName> = (
  node: Tensor<P>,
  tangents: readonly (Tensor | undefined)[],
) => Tensor | undefined;

const total = (parts: readonly (Tensor | undefined)[]): Tensor | undefined =>
  parts.reduce<Tensor | undefined>(
    (a, b) => a === undefined || b === undefined ? a ?? b : add(a, b),
    undefined,
  );

/** An elementwise function has a diagonal Jacobian, which is its own transpose: its vjp is its jvp. */
const pointwise = (node: Tensor, tangents: readonly (Tensor | undefined)[]): Tensor | undefined =>
  total(tangents.map((t, i) => t === undefined ? undefined : recordOf(node.op).vjp!(node, t)[i]));

/** A linear function of one argument is its own derivative. */
const linear = (node: Tensor, [t]: readonly (Tensor | undefined)[]): Tensor | undefined =>
  t === undefined ? undefined : make(recordOf(node.op), [t], node.attributes);

const none = (): undefined => undefined;

/** A product of two arguments: one of them moves at a time. */
const bilinear = (node: Tensor, tangents: readonly (Tensor | undefined)[]): Tensor | undefined =>
  total(
    tangents.map((t, i) =>
      t === undefined ? undefined : make(recordOf(node.op), node.args.with(i, t), node.attributes)
    ),
  );

const throughDecomposition = (node: Tensor, tangents: readonly (Tensor | undefined)[]): Tensor | undefined =>
  callTangents(tangentsOf, callOfParts(node)!, tangents)[0];

/** Tangents of the results of a node with several. */
const tangentsOfTuple = (
  t: Tensor<TupleOp>,
  parts: readonly (Tensor | undefined)[],
): readonly (Tensor | undefined)[] =>
  is("scan", t)
    ? scanTangents(tangentsOf, t, parts)
    : callTangents(tangentsOf, is("call", t) ? t : callOfParts(t)!, parts);

/** Primitives whose tangent is that of every place by itself. */
type Pointwise = UnaryOp | BinaryOp;

/** Rules of all primitives but the elementwise ones, whose records say enough. A missing one does not compile. */
const rules: { readonly [P in Exclude<OpName, Pointwise | TupleOp | "result">]: TangentRule<P> } = {
  input: none,
  parameter: none,
  constant: none,
  iota: none,
  select: (node, [, a, b]) =>
    a === undefined && b === undefined ? undefined : select(
      node.args[0]!,
      a ?? zerosLike(node),
      b ?? zerosLike(node),
    ),
  cast: (node, [t]) => t === undefined || !isFloat(node.dtype) ? undefined : cast(node.dtype)(t),
  sum: linear,
  // ties share: the weights are what the vjp gives for a cotangent of ones
  max: (node, [t]) =>
    t === undefined ? undefined : sum({ axes: node.attributes.axes, keep: true })(
      mul(t, recordOf("max").vjp!(node, onesLike(node))[0]!),
    ),
  argmax: none,
  reshape: linear,
  permute: linear,
  expand: linear,
  slice: linear,
  pad: (node, [t]) => t === undefined ? undefined : pad(node.attributes.low, node.attributes.high)(t),
  concat: (node, ts) =>
    ts.every((t) => t === undefined)
      ? undefined
      : concat(ts.map((t, i) => t ?? zerosLike(node.args[i]!)), node.attributes.axis),
  flip: linear,
  matmul: bilinear,
  // ids have no tangent
  gather: bilinear,
  scatterAdd: bilinear,
  foreachSum: throughDecomposition,
  copy: linear,
  stopGradient: none,
  after: (node, [t]) => t === undefined ? undefined : after(node.args[1]!)(t),
  randomBits: none,
};

const ruleOf = (op: OpName): TangentRule<OpName> =>
  op in rules ? rules[op as keyof typeof rules] as unknown as TangentRule<OpName> : pointwise;

/** Tangents of outputs; undefined where an output does not move. What is in `wrt` is moved by its tangent alone. */
const tangentsOf = (
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
  tangents: readonly (Tensor | undefined)[],
): (Tensor | undefined)[] => {
  const moved = new Map(wrt.map((t, i) => [t, tangents[i]] as const));
  for (const t of topological(outputs, { stop: moved })) {
    if (moved.has(t) || is("result", t)) continue;
    const parts = t.args.map((a) => moved.get(a));
    if (parts.every((x) => x === undefined)) continue;
    if (isTuple(t)) {
      withOrigin(t.origin, () => tangentsOfTuple(t, parts)).forEach((x, i) => moved.set(resultAt(t, i), x));
    } else moved.set(t, withOrigin(t.origin, () => ruleOf(t.op)(t, parts)));
  }
  return outputs.map((t) => moved.get(t));
};

/** Tangents of outputs for a tangent of each of `wrt`; what an output does not depend on moves it by zeros. */
export const pushforward = (
  outputs: readonly Tensor[],
  wrt: readonly Tensor[],
  tangents: readonly Tensor[],
): Tensor[] => tangentsOf(outputs, wrt, tangents).map((t, i) => t ?? zerosLike(outputs[i]!));

/** A function's value and how it moves. */
export interface Jvp<R extends Tree<Tensor>> {
  /** The value. */
  readonly value: R;
  /** The directional derivative, a tree like the value. */
  readonly tangent: Mapped<R, Tensor, Tensor>;
}

const checkTangent = (path: string, x: Tensor, dx: Tensor | undefined): void => {
  const at = path === "" ? "the argument" : path;
  if (x.dtype !== "f32") {
    throw new DTypeError({
      op: "jvp",
      got: `${x.dtype} at ${at}`,
      expected: "f32 in the first argument",
      hint: "pass what is not differentiated as a further argument",
    });
  }
  if (dx === undefined || dx.dtype !== "f32" || !equals(x.shape, dx.shape)) {
    throw new ShapeError({
      op: "jvp",
      got: `${dx === undefined ? "no tangent" : `a tangent ${dx.dtype} ${show(dx.shape)}`} for ${at}`,
      expected: `f32 ${show(x.shape)}`,
      hint: "give every tensor of the first argument a tangent of its own form",
    });
  }
};

/**
 * Value and directional derivative of `f` at `primal` along `tangent`, a tree like it. Further arguments are constants.
 * Costs about as much as two evaluations of f.
 *
 * ```ts
 * import { interpret, input, jvp, sin, f32 } from "@chain-of-sight/core";
 * const x = input("x", []), dx = input("dx", []);
 * const { value, tangent } = jvp(sin)(x, dx);
 * const [y, dy] = interpret([value, tangent], { x: f32([], [0]), dx: f32([], [2]) });
 * if (!(y!.data[0] === 0 && dy!.data[0] === 2)) throw new Error("not so");
 * ```
 * @throws {DTypeError} if the first argument holds integers; {ShapeError} if the tangent does not fit it.
 */
export const jvp = <T extends Tree<Tensor>, A extends readonly unknown[], R extends Tree<Tensor>>(
  f: (primal: T, ...rest: A) => R,
): (primal: T, tangent: Mapped<T, Tensor, Tensor>, ...rest: A) => Jvp<R> =>
(primal: T, tangent: Mapped<T, Tensor, Tensor>, ...rest: A): Jvp<R> => {
  const entries = tensors.entries(primal), along = tensors.flatten(tangent as Tree<Tensor>);
  entries.forEach(([path, x]) => checkTangent(path, x, along[path]));
  const xs = entries.map(([, x]) => x), dxs = entries.map(([path]) => along[path]!);
  return tracing("jvp", [...xs, ...dxs], (parameters) => {
    const points = parameters.slice(0, xs.length);
    let i = 0;
    const value = f(tensors.map(primal, () => points[i++]!) as unknown as T, ...rest);
    const moves = pushforward(tensors.leaves(value), points, parameters.slice(xs.length));
    let j = 0;
    const tangents = tensors.map(value, () => moves[j++]!);
    const by = new Map(parameters.map((p, k) => [p, [...xs, ...dxs][k]!]));
    return rewriteIn(replaceIn({ value, tangent: tangents }, by), mergeScans);
  });
};

/**
 * Product of the Hessian of a scalar function with a vector: the derivative of the gradient along it, for the cost of
 * a few gradients and without the matrix.
 */
export const hessianVectorProduct = <T extends Tree<Tensor>, A extends readonly unknown[]>(
  f: (params: T, ...rest: A) => Tensor,
): (params: T, vector: Mapped<T, Tensor, Tensor>, ...rest: A) => Mapped<T, Tensor, Tensor> =>
(params: T, vector: Mapped<T, Tensor, Tensor>, ...rest: A): Mapped<T, Tensor, Tensor> =>
  jvp((p: T, ...more: A) => grad(f)(p, ...more) as Tree<Tensor>)(params, vector, ...rest)
    .tangent as Mapped<T, Tensor, Tensor>;
