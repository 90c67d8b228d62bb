/** Reverse-mode differentiation, graph to graph. */
import { DTypeError, ShapeError } from "./errors.ts";
import { add, cast, onesLike, zerosLike } from "./ops/elementwise.ts";
import { after } from "./ops/region.ts";
import { input } from "./ops/source.ts";
import { recordOf } from "./ops/table.ts";
import { cameFrom, together } from "./origin.ts";
import { show } from "./shape.ts";
import { substitute } from "./substitute.ts";
import { intern, is, isTensor, type Tensor, topological } from "./tensor.ts";
import { scannedAll } from "./ops/scan.ts";
import { mergeScans } from "./scan_tidy.ts";
import { insideOf, isRecomputed } from "./transforms/remat.ts";
import { scanCotangents } from "./transforms/scan_vjp.ts";
import { replaceIn, rewriteIn, standIns } from "./transforms/stand_in.ts";
import { type Mapped, type Tree, treeOf, type TreeOps } from "./tree.ts";

/** Trees of descriptions. */
export const tensors: TreeOps<Tensor> = treeOf(isTensor);

/**
 * Cotangents of a region's sources by way of a second computation of its inside. It starts from nodes that come after
 * the cotangent, so that it neither is one with the first computation nor can be done before it is needed.
 */
const again = (t: Tensor<"region">, ct: Tensor): readonly (Tensor | undefined)[] => {
  const { value, stands } = insideOf(t), cotangent = input("cotangent of region", ct.shape, ct.dtype);
  const late = t.args.slice(1).map(after(ct));
  const back = pullback([value], [cotangent], stands);
  return [
    undefined,
    ...substitute(back, new Map([...stands.map((s, i) => [s, late[i]!] as const), [cotangent, ct]])),
  ];
};

/** Cotangents of a node's arguments: by its rule, or through its decomposition where it has none. */
const cotangentsOf = (t: Tensor, ct: Tensor): readonly (Tensor | undefined)[] => {
  if (isRecomputed(t)) return again(t, ct);
  const { vjp, decompose } = recordOf(t.op);
  if (vjp !== undefined) return vjp(t, ct);
  if (decompose === undefined) return [];
  // arguments may depend on each other: stand-ins keep their derivatives apart
  const stand = t.args.map((a, i) => input(`argument ${i} of ${t.op}`, a.shape, a.dtype));
  const inner = decompose(intern(t.op, stand, t.attributes, t.shape, t.dtype));
  const cotangent = input(`cotangent of ${t.op}`, ct.shape, ct.dtype);
  return substitute(
    pullback([inner], [cotangent], stand),
    new Map([...stand.map((s, i) => [s, t.args[i]!] as const), [cotangent, ct]]),
  );
};

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
  for (const t of order) if (targets.has(t) || t.args.some((a) => needed.has(a))) needed.add(t);
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
      if (is("scan", t)) {
        // its results have been reached before it: all of them at once
        const cts = scannedAll(t).map((r) => sums.get(r));
        return cts.every((ct) => ct === undefined)
          ? []
          : scanCotangents(pullback, t, cts, t.args.map((a) => needed.has(a)));
      }
      const ct = sums.get(t);
      return ct === undefined || is("scanned", t) ? [] : cotangentsOf(t, ct);
    };
    cameFrom(t.origin, () =>
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
  /** What the function gave beside its scalar. */
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
      mend: isTensor(value) ? "reduce it with sum() or mean()" : "return the loss, or [loss, aux]",
    });
  }
  if (value.dtype !== "f32") {
    throw new DTypeError({ op: "grad", got: value.dtype, expected: "f32", mend: "cast the result" });
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
      mend: "pass integers and masks as further arguments",
    });
  }
  const stands = standIns(entries.map(([, t]) => t));
  let i = 0, j = 0;
  const [value, aux] = scalarOf(f(tensors.map(params, () => stands[i++]!) as unknown as T, ...rest));
  const grads = pullback([value], [onesLike(value)], stands);
  return rewriteIn(
    replaceIn(
      { value, aux, grad: tensors.map(params, () => grads[j++]!) },
      new Map(stands.map((s, k) => [s, entries[k]![1]])),
    ),
    mergeScans,
  );
};

/** The gradient of a scalar function for its first argument, a tree of tensors. */
export const grad = <T extends Tree<Tensor>, A extends readonly unknown[]>(
  f: (params: T, ...rest: A) => Tensor,
): (params: T, ...rest: A) => Mapped<T, Tensor, Tensor> =>
(params: T, ...rest: A): Mapped<T, Tensor, Tensor> => valueAndGrad(f)(params, ...rest).grad;
