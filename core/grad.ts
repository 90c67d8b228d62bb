/** Reverse-mode differentiation, graph to graph. */
import { isFloat } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import { add, cast, onesLike, zerosLike } from "./ops/elementwise.ts";
import { isTuple, resultsOf } from "./ops/call.ts";
import { recordOf, tupleRecordOf } from "./ops/table.ts";
import { together, withOrigin } from "./origin.ts";
import { show } from "./shape.ts";
import { is, isTensor, type Tensor, topological, type TupleOp } from "./tensor.ts";
import { mergeScans } from "./scan_dce.ts";
import { callCotangents } from "./transforms/call_transforms.ts";
import { callOfParts } from "./transforms/parts.ts";
import { scanCotangents } from "./transforms/scan_vjp.ts";
import { replaceIn, rewriteIn, tracing } from "./transforms/trace.ts";
import { type Mapped, type Tree, treeOf, type TreeOps } from "./tree.ts";

/** Trees of descriptions. */
export const tensors: TreeOps<Tensor> = treeOf(isTensor);

/** Cotangents of a node's arguments: by its rule, or through its decomposition where it has none. */
const cotangentsOf = (t: Tensor, ct: Tensor, wanted: readonly boolean[]): readonly (Tensor | undefined)[] =>
  recordOf(t.op).vjp?.(t, ct) ?? throughParts(t, [ct], wanted);

const throughParts = (
  t: Tensor,
  cts: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] => {
  const call = callOfParts(t);
  return call === undefined ? [] : callCotangents(pullback, call, cts, wanted);
};

/** The same for a node with several results, from cotangents of these. */
const cotangentsOfTuple = (
  t: Tensor<TupleOp>,
  cts: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] =>
  is("scan", t)
    ? scanCotangents(pullback, t, cts, wanted)
    : is("call", t)
    ? callCotangents(pullback, t, cts, wanted)
    : tupleRecordOf(t).vjp?.(t, cts) ?? throughParts(t, cts, wanted);

/** Whether derivatives may pass through a node. */
const carries = (t: Tensor): boolean => isFloat(t.dtype) && !is("stopGradient", t);

/** Whether a node only rounds f32 to f16. */
const isRounding = (t: Tensor): boolean => is("cast", t) && t.dtype === "f16" && t.args[0]!.dtype === "f32";

/**
 * Cotangents of `wrt` for a cotangent of each output. What an output does not depend on gets zeros.
 * The result is again descriptions, so it can be differentiated again.
 */
export const pullback = (
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  wrt: readonly Tensor[],
): Tensor[] => {
  const order = topological(outputs), targets = new Set(wrt);
  const needed = new Set<Tensor>();
  for (const t of order) {
    if (targets.has(t) || (carries(t) && t.args.some((a) => needed.has(a)))) needed.add(t);
  }
  const sums = new Map<Tensor, Tensor>();
  const give = (t: Tensor, ct: Tensor): void => {
    if (isRounding(t) && !targets.has(t)) {
      // cotangents add up before the rounding, so that they are not rounded with it
      if (needed.has(t.args[0]!)) give(t.args[0]!, cast("f32")(ct));
      return;
    }
    const before = sums.get(t);
    sums.set(t, before === undefined ? ct : add(before, ct));
  };
  outputs.forEach((o, i) => give(o, cotangents[i]!));
  for (const t of order.reverse()) {
    if (!needed.has(t) || t.args.length === 0) continue;
    const parts = (): readonly (Tensor | undefined)[] => {
      const wanted = t.args.map((a) => needed.has(a));
      if (isTuple(t)) {
        // its results have been reached before it: all of them at once
        const cts = resultsOf(t).map((r) => sums.get(r));
        return cts.every((ct) => ct === undefined) ? [] : cotangentsOfTuple(t, cts, wanted);
      }
      const ct = sums.get(t);
      return ct === undefined || is("result", t) ? [] : cotangentsOf(t, ct, wanted);
    };
    withOrigin(t.origin, () =>
      parts().forEach((part, i) => {
        const arg = t.args[i]!;
        if (part !== undefined && needed.has(arg)) give(arg, part);
      }));
  }
  return together(() => wrt.map((t) => sums.get(t) ?? zerosLike(t)));
};

/** The value of a function and the gradient for its first argument. */
export interface ValueAndGrad<T extends Tree<Tensor>, Aux> {
  /** The scalar. */
  readonly value: Tensor;
  /** A tree like the first argument. */
  readonly grad: Mapped<T, Tensor, Tensor>;
  /** What the function gave alongside its scalar. */
  readonly aux: Aux;
}

/** The scalar and by-products of a result, or an error that says what is wrong with it. */
const scalarOf = <Aux>(result: Tensor | readonly [Tensor, Aux]): readonly [Tensor, Aux] => {
  const [value, aux] = Array.isArray(result) ? result : [result, undefined as Aux];
  const got = !isTensor(value)
    ? `a result that is ${value === null ? "null" : typeof value}`
    : value.shape.length !== 0
    ? `a result of shape ${show(value.shape)}`
    : undefined;
  if (got !== undefined) {
    throw new ShapeError({
      op: "grad",
      got,
      expected: "a scalar tensor, shape []",
      hint: isTensor(value) ? "reduce it with sum() or mean()" : "return the loss, or [loss, aux]",
    });
  }
  if (value.dtype !== "f32") {
    throw new DTypeError({ op: "grad", got: value.dtype, expected: "f32", hint: "cast the result" });
  }
  return [value, aux];
};

/**
 * Value, gradient and by-products of `f`, which maps parameters and more to a scalar (or `[scalar, aux]`).
 * @throws {ShapeError} if the result is not a scalar; {DTypeError} if it, or a tensor of the first argument, is not f32.
 */
export const valueAndGrad = <T extends Tree<Tensor>, A extends readonly unknown[], Aux = undefined>(
  f: (params: T, ...rest: A) => Tensor | readonly [Tensor, Aux],
): (params: T, ...rest: A) => ValueAndGrad<T, Aux> =>
(params: T, ...rest: A): ValueAndGrad<T, Aux> => {
  const entries = tensors.entries(params);
  for (const [path, { dtype }] of entries) {
    if (dtype === "f32") continue;
    throw new DTypeError({
      op: "grad",
      got: `${dtype}${path === "" ? "" : ` at ${path}`} in the first argument`,
      expected: "f32, as that is what is differentiated for",
      hint: "pass integers and masks as further arguments",
    });
  }
  return tracing("grad", entries.map(([, t]) => t), (parameters) => {
    let i = 0, j = 0;
    const [value, aux] = scalarOf(f(tensors.map(params, () => parameters[i++]!) as unknown as T, ...rest));
    const grads = pullback([value], [onesLike(value)], parameters);
    return rewriteIn(
      replaceIn(
        { value, aux, grad: tensors.map(params, () => grads[j++]!) },
        new Map(parameters.map((p, k) => [p, entries[k]![1]])),
      ),
      mergeScans,
    );
  });
};

/** The gradient of a scalar function for its first argument, a tree of tensors. */
export const grad = <T extends Tree<Tensor>, A extends readonly unknown[]>(
  f: (params: T, ...rest: A) => Tensor,
): (params: T, ...rest: A) => Mapped<T, Tensor, Tensor> =>
(params: T, ...rest: A): Mapped<T, Tensor, Tensor> => valueAndGrad(f)(params, ...rest).grad;
