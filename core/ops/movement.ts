/** Movement primitives: rearranged elements. None of them computes; the compiler turns them into index arithmetic. */
import { type NdArray, ndarray } from "../array.ts";
import { ShapeError } from "../errors.ts";
import { axisOf, equals, type Shape, show, sizeOf, stridesOf } from "../shape.ts";
import { is, type OpName, type Tensor } from "../tensor.ts";
import { literalOf, make } from "./make.ts";
import type { OpRecord } from "./record.ts";
import { sum } from "./reduce.ts";

/** Names of the movement primitives. */
export type MovementOp = "reshape" | "permute" | "expand" | "slice" | "pad" | "concat" | "flip";

/** Builds an array by asking for each multi-index of the result where its value comes from. */
const collect = (node: Tensor, like: NdArray, at: (index: readonly number[]) => number): NdArray => {
  const n = sizeOf(node.shape), Data = like.data.constructor as new (n: number) => Float64Array;
  const out = new Data(n), index = new Array<number>(node.shape.length).fill(0);
  for (let i = 0; i < n; i++) {
    out[i] = at(index);
    for (let d = index.length - 1; d >= 0 && ++index[d]! === node.shape[d]; d--) index[d] = 0;
  }
  return ndarray(node.dtype, node.shape, out);
};

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, i) => s + x * b[i]!, 0);

const fail = (op: string, got: string, expected: string, hint: string): never => {
  throw new ShapeError({ op, got, expected, hint });
};

const record = <P extends MovementOp>(
  name: P,
  summary: string,
  parts: Pick<OpRecord<P>, "infer" | "reference" | "vjp">,
  arity = 1,
): OpRecord<P> => ({ name, family: "movement", arity, summary, flops: () => 0, laws: ["linear"], ...parts });

const sameRank = (op: string, what: string, list: readonly unknown[], x: Tensor): void => {
  if (list.length !== x.shape.length) {
    fail(
      op,
      `${list.length} numbers for ${what} of ${show(x.shape)}`,
      `${x.shape.length}`,
      "give one per axis",
    );
  }
};

/** The movement records. */
export const movementRecords: { readonly [P in MovementOp]: OpRecord<P> } = {
  reshape: record("reshape", "the same elements under another shape", {
    infer: ([x], { shape }) =>
      sizeOf(shape) === sizeOf(x!.shape)
        ? { shape, dtype: x!.dtype }
        : fail("reshape", `${show(x!.shape)} to ${show(shape)}`, "as many elements", "check the sizes"),
    reference: ([x], node) => ndarray(node.dtype, node.shape, x!.data),
    vjp: (node, ct) => [reshape(node.args[0]!.shape)(ct)],
  }),
  permute: record("permute", "axes in another order", {
    infer: ([x], { order }) =>
      order.length === x!.shape.length && new Set(order).size === order.length &&
        order.every((a) => a in x!.shape)
        ? { shape: order.map((a) => x!.shape[a]!), dtype: x!.dtype }
        : fail("permute", `order [${order}] for ${show(x!.shape)}`, "each axis once", "list every axis"),
    reference: ([x], node) => {
      const from = stridesOf(x!.shape), strides = node.attributes.order.map((a) => from[a]!);
      return collect(node, x!, (i) => x!.data[dot(i, strides)]!);
    },
    vjp: (node, ct) => [permute(node.attributes.order.map((_, i) => node.attributes.order.indexOf(i)))(ct)],
  }),
  expand: record("expand", "repetition along axes of length 1", {
    infer: ([x], { shape }) =>
      shape.length === x!.shape.length && x!.shape.every((n, i) => n === shape[i] || n === 1)
        ? { shape, dtype: x!.dtype }
        : fail("expand", `${show(x!.shape)} to ${show(shape)}`, "axes that are equal or 1", "reshape first"),
    reference: ([x], node) => {
      const strides = stridesOf(x!.shape).map((s, i) => x!.shape[i] === 1 ? 0 : s);
      return collect(node, x!, (i) => x!.data[dot(i, strides)]!);
    },
    vjp: (node, ct) => {
      const from = node.args[0]!.shape;
      const axes = from.map((_, i) => i).filter((i) => from[i] !== node.shape[i]);
      return [axes.length === 0 ? ct : sum({ axes, keep: true })(ct)];
    },
  }),
  slice: record("slice", "a strided range of every axis", {
    infer: ([x], { start, stop, step }) => {
      [start, stop, step].forEach((l) => sameRank("slice", "bounds", l, x!));
      x!.shape.forEach((n, i) => {
        if (!(start[i]! >= 0 && start[i]! <= stop[i]! && stop[i]! <= n && step[i]! >= 1)) {
          fail(
            "slice",
            `${start[i]}:${stop[i]}:${step[i]} of axis ${i} with length ${n}`,
            "0 <= start <= stop <= length, step >= 1",
            "clip the range",
          );
        }
      });
      return { shape: start.map((a, i) => Math.ceil((stop[i]! - a) / step[i]!)), dtype: x!.dtype };
    },
    reference: ([x], node) => {
      const s = stridesOf(x!.shape), { start, step } = node.attributes;
      return collect(
        node,
        x!,
        (i) => x!.data[i.reduce((at, k, d) => at + (start[d]! + k * step[d]!) * s[d]!, 0)]!,
      );
    },
    vjp: (node, ct) => {
      const { start, step } = node.attributes, from = node.args[0]!.shape;
      // zeros between the steps, then the border that the range left out
      const spread = step.reduce((t, k, d) => k === 1 ? t : dilate(d, k)(t), ct);
      return [pad(start, from.map((n, d) => n - start[d]! - spread.shape[d]!))(spread)];
    },
  }),
  pad: record("pad", "a constant border", {
    infer: ([x], { low, high }) => {
      [low, high].forEach((l) => sameRank("pad", "borders", l, x!));
      if ([...low, ...high].some((n) => n < 0)) {
        fail("pad", `borders [${low}] and [${high}]`, "none below 0", "use slice to cut");
      }
      return { shape: x!.shape.map((n, i) => n + low[i]! + high[i]!), dtype: x!.dtype };
    },
    reference: ([x], node) => {
      const s = stridesOf(x!.shape), { low, value } = node.attributes;
      return collect(node, x!, (i) => {
        const inside = i.every((k, d) => k >= low[d]! && k < low[d]! + x!.shape[d]!);
        return inside ? x!.data[i.reduce((at, k, d) => at + (k - low[d]!) * s[d]!, 0)]! : value;
      });
    },
    vjp: (node, ct) => {
      const { low } = node.attributes, from = node.args[0]!.shape;
      return [slice(low, low.map((l, d) => l + from[d]!))(ct)];
    },
  }),
  concat: record("concat", "arguments one after the other along an axis", {
    infer: (xs, { axis }) => {
      const first = xs[0]!;
      axisOf("concat", axis, first.shape.length);
      for (const x of xs) {
        const fits = x.shape.length === first.shape.length &&
          x.shape.every((n, i) => i === axis || n === first.shape[i]) && x.dtype === first.dtype;
        if (!fits) {
          fail(
            "concat",
            `${first.dtype} ${show(first.shape)} with ${x.dtype} ${show(x.shape)}`,
            `equal shapes but for axis ${axis}, and equal dtypes`,
            "reshape or cast the odd one",
          );
        }
      }
      const length = xs.reduce((n, x) => n + x.shape[axis]!, 0);
      return { shape: first.shape.map((n, i) => i === axis ? length : n), dtype: first.dtype };
    },
    reference: (xs, node) => {
      const axis = node.attributes.axis, strides = xs.map((x) => stridesOf(x.shape));
      return collect(node, xs[0]!, (i) => {
        let k = i[axis]!, which = 0;
        while (k >= xs[which]!.shape[axis]!) k -= xs[which++]!.shape[axis]!;
        return xs[which]!.data[i.reduce((at, j, d) => at + (d === axis ? k : j) * strides[which]![d]!, 0)]!;
      });
    },
    vjp: (node, ct) => {
      const axis = node.attributes.axis;
      let at = 0;
      return node.args.map((x) => {
        const from = at;
        at += x.shape[axis]!;
        return slice(
          ct.shape.map((_, d) => d === axis ? from : 0),
          ct.shape.map((n, d) => d === axis ? at : n),
        )(ct);
      });
    },
  }, -1),
  flip: record("flip", "reversal along axes", {
    infer: ([x], { axes }) => {
      axes.forEach((a) => axisOf("flip", a, x!.shape.length));
      return { shape: x!.shape, dtype: x!.dtype };
    },
    reference: ([x], node) => {
      const s = stridesOf(x!.shape), { axes } = node.attributes;
      return collect(
        node,
        x!,
        (i) =>
          x!.data[i.reduce((at, k, d) => at + (axes.includes(d) ? x!.shape[d]! - 1 - k : k) * s[d]!, 0)]!,
      );
    },
    vjp: (node, ct) => [flip(node.attributes.axes)(ct)],
  }),
};

/** The same elements under another shape; one axis may be -1 and is then inferred. Data-last. */
export const reshape = (shape: Shape): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const known = shape.reduce((a, n) => n === -1 ? a : a * n, 1), total = sizeOf(x.shape);
  const full = shape.map((n) => n === -1 ? (known === 0 ? 0 : total / known) : n);
  if (full.some((n) => !Number.isInteger(n)) || shape.filter((n) => n === -1).length > 1) {
    fail(
      "reshape",
      `${show(x.shape)} to ${show(shape)}`,
      "a whole number for the inferred axis",
      "check the sizes",
    );
  }
  const from = is("reshape", x) ? x.args[0]! : x;
  return equals(full, x.shape)
    ? x
    : equals(full, from.shape)
    ? from
    : make(movementRecords.reshape, [from], { shape: full });
};

/** Axes in another order: result axis i is axis `order[i]`. Data-last. */
export const permute = (order: readonly number[]): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const axes = order.map((a) => axisOf("permute", a, x.shape.length));
  if (axes.length === x.shape.length && axes.every((a, i) => a === i)) return x;
  const valid = new Set(axes).size === x.shape.length && axes.length === x.shape.length;
  return valid && is("permute", x)
    ? permute(axes.map((a) => x.attributes.order[a]!))(x.args[0]!)
    : make(movementRecords.permute, [x], { order: axes });
};

/** The last two axes exchanged. */
export const transpose = (x: Tensor): Tensor => {
  const n = x.shape.length;
  if (n < 2) fail("transpose", show(x.shape), "at least two axes", "reshape to a matrix first");
  return permute([...Array.from({ length: n - 2 }, (_, i) => i), n - 1, n - 2])(x);
};

/** Repetition to a shape by NumPy's rule: missing leading axes and axes of length 1 are repeated. Data-last. */
export const broadcastTo = (shape: Shape): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  if (equals(shape, x.shape)) return x;
  if (shape.length < x.shape.length) {
    fail("broadcastTo", `${show(x.shape)} to ${show(shape)}`, "at least as many axes", "sum first");
  }
  const lead = shape.length - x.shape.length;
  const wide = lead === 0 ? x : reshape([...new Array<number>(lead).fill(1), ...x.shape])(x);
  return equals(shape, wide.shape) ? wide : make(movementRecords.expand, [wide], { shape: [...shape] });
};

/** Elements `start, start + step, ...` below `stop` of every axis. Data-last. */
export const slice = (
  start: readonly number[],
  stop: readonly number[],
  step: readonly number[] = start.map(() => 1),
): (x: Tensor) => Tensor =>
(x: Tensor): Tensor =>
  equals(stop, x.shape) && start.every((n) => n === 0) && step.every((n) => n === 1)
    ? x
    : make(movementRecords.slice, [x], { start: [...start], stop: [...stop], step: [...step] });

/** The range `from..to` of one axis (negative bounds count from the back). Data-last. */
export const sliceAxis =
  (axis: number, from: number, to: number, step = 1): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
    const a = axisOf("sliceAxis", axis, x.shape.length), n = x.shape[a]!;
    const clip = (k: number) => k < 0 ? k + n : k;
    return slice(
      x.shape.map((_, d) => d === a ? clip(from) : 0),
      x.shape.map((m, d) => d === a ? clip(to) : m),
      x.shape.map((_, d) => d === a ? step : 1),
    )(x);
  };

/** A border of one value: `low[i]` before and `high[i]` after along axis i. Data-last. */
export const pad =
  (low: readonly number[], high: readonly number[], value = 0): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor =>
    [...low, ...high].every((n) => n === 0) && low.length === x.shape.length
      ? x
      : make(movementRecords.pad, [x], {
        low: [...low],
        high: [...high],
        value: literalOf("pad", value, x.dtype),
      });

/** Tensors one after the other along an axis. */
export const concat = (xs: readonly Tensor[], axis = 0): Tensor => {
  if (xs.length === 0) fail("concat", "no tensors", "at least one", "pass a non-empty list");
  return xs.length === 1
    ? xs[0]!
    : make(movementRecords.concat, xs, { axis: axisOf("concat", axis, xs[0]!.shape.length) });
};

/** Tensors of one shape along a new axis. */
export const stack = (xs: readonly Tensor[], axis = 0): Tensor =>
  concat(xs.map((x) => reshape([...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])(x)), axis);

/** Reversal along axes. Data-last. */
export const flip = (axes: readonly number[]): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  axes.length === 0
    ? x
    : make(movementRecords.flip, [x], { axes: axes.map((a) => axisOf("flip", a, x.shape.length)) });

/** `k - 1` zeros between neighbours along an axis: the transpose of a strided slice. */
const dilate = (axis: number, k: number) => (x: Tensor): Tensor => {
  if (x.shape[axis]! <= 1) return x;
  const apart = reshape([...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)])(x);
  const none = apart.shape.map(() => 0);
  const wide = pad(none, none.map((_, d) => d === axis + 1 ? k - 1 : 0))(apart);
  const flat = reshape(x.shape.map((n, d) => d === axis ? n * k : n))(wide);
  return sliceAxis(axis, 0, (x.shape[axis]! - 1) * k + 1)(flat);
};

/** Whether a primitive only moves elements. */
export const isMovement = (op: OpName): op is MovementOp => op in movementRecords;
