/**
 * Simplification, graph to graph: a table of rules, each with the reason why it keeps the meaning. Rules hold for
 * every value of the inputs, NaN and infinities included; only the sign of a zero may change.
 */
import { ndarray } from "./array.ts";
import { isFloat, referenceData, toDType } from "./dtype.ts";
import { withOrigin } from "./origin.ts";
import { add, cast, type ElementwiseOp, isElementwise, mul, neg, sub } from "./ops/elementwise.ts";
import { make } from "./ops/make.ts";
import { matmul } from "./ops/contraction.ts";
import { broadcastTo, flip, isMovement, permute, reshape, slice, transpose } from "./ops/movement.ts";
import { full } from "./ops/source.ts";
import { recordOf } from "./ops/table.ts";
import { mergeScans, narrowScan, pruneScans } from "./scan_dce.ts";
import { equals, sizeOf } from "./shape.ts";
import { is, type Tensor, topological } from "./tensor.ts";
import { inlined } from "./transforms/inline.ts";
import { mapBody } from "./transforms/scan_body.ts";
import { isOpen, refuseLeaks } from "./transforms/trace.ts";

/** One rewrite. */
export interface Rule {
  /** Its effect, `before -> after`. */
  readonly name: string;
  /** Why the meaning stays. */
  readonly reason: string;
  /** The simpler node, or undefined where the pattern does not fit. */
  readonly rewrite: (t: Tensor) => Tensor | undefined;
}

/** The one number that all elements of a tensor are, if that can be seen without evaluating. */
export const uniformValue = (t: Tensor): number | undefined =>
  is("constant", t)
    ? t.attributes.value
    : ["reshape", "permute", "expand", "slice", "flip"].includes(t.op)
    ? uniformValue(t.args[0]!)
    : undefined;

const isNumber = (t: Tensor | undefined, value: number): boolean =>
  t !== undefined && uniformValue(t) === value;

/** A rule on operations of two arguments, tried in both orders. */
const either =
  (op: ElementwiseOp, f: (x: Tensor, other: Tensor) => Tensor | undefined) =>
  (t: Tensor): Tensor | undefined => {
    if (t.op !== op) return undefined;
    const [a, b] = t.args as [Tensor, Tensor];
    return f(a, b) ?? f(b, a);
  };

const onePower = (n: number): boolean =>
  n !== 0 && Number.isFinite(n) && Number.isInteger(Math.log2(Math.abs(n)));

/** The rules, in the order in which they are tried. */
export const rules: readonly Rule[] = [
  {
    name: "f(c, d, ...) -> f's value",
    reason: "an elementwise function of uniform constants is a uniform constant",
    rewrite: (t) => {
      if (!isElementwise(t.op) || t.args.length === 0) return undefined;
      const values = t.args.map(uniformValue);
      if (values.some((v) => v === undefined)) return undefined;
      const scalars = t.args.map((a, i) =>
        ndarray(
          a.dtype,
          [],
          referenceData(a.dtype, [values[i]!]),
        )
      );
      const value = recordOf(t.op).reference(scalars, { ...t, shape: [] } as Tensor).data[0]!;
      return full(t.shape, toDType(t.dtype, value), t.dtype);
    },
  },
  {
    name: "move(c) -> c",
    reason: "elements that are all the same are the same in any order",
    rewrite: (t) => {
      const value = isMovement(t.op) ? uniformValue(t) : undefined;
      return value === undefined ? undefined : full(t.shape, value, t.dtype);
    },
  },
  {
    name: "stopGradient(x) -> x",
    reason: "once derivatives are taken its mark has done its work",
    rewrite: (t) => is("stopGradient", t) ? t.args[0] : undefined,
  },
  {
    name: "x + 0 -> x",
    reason: "0 is neutral",
    rewrite: either("add", (x, o) => isNumber(o, 0) ? x : undefined),
  },
  {
    name: "x - 0 -> x",
    reason: "0 is neutral",
    rewrite: (t) => is("sub", t) && isNumber(t.args[1], 0) ? t.args[0] : undefined,
  },
  {
    name: "0 - x -> -x",
    reason: "definition of negation",
    rewrite: (t) => is("sub", t) && t.dtype !== "u32" && isNumber(t.args[0], 0) ? neg(t.args[1]!) : undefined,
  },
  {
    name: "x * 1 -> x",
    reason: "1 is neutral",
    rewrite: either("mul", (x, o) => isNumber(o, 1) ? x : undefined),
  },
  {
    name: "x * -1 -> -x",
    reason: "definition of negation",
    rewrite: either("mul", (x, o) => x.dtype !== "u32" && isNumber(o, -1) ? neg(x) : undefined),
  },
  {
    name: "n * 0 -> 0",
    reason: "holds for integers, which have no NaN",
    rewrite: either("mul", (x, o) => !isFloat(x.dtype) && isNumber(o, 0) ? o : undefined),
  },
  {
    name: "x / 1 -> x",
    reason: "1 is neutral",
    rewrite: (t) => is("div", t) && isNumber(t.args[1], 1) ? t.args[0] : undefined,
  },
  {
    name: "x / 2^n -> x * 2^-n",
    reason: "the reciprocal of a power of two is exact in f32",
    rewrite: (t) => {
      const by = is("div", t) && t.dtype === "f32" ? uniformValue(t.args[1]!) : undefined;
      return by !== undefined && onePower(by) && Math.abs(Math.log2(Math.abs(by))) <= 126
        ? mul(t.args[0]!, 1 / by)
        : undefined;
    },
  },
  {
    name: "x + -y -> x - y",
    reason: "definition of subtraction",
    rewrite: either("add", (x, o) => is("neg", o) ? sub(x, o.args[0]!) : undefined),
  },
  {
    name: "x - -y -> x + y",
    reason: "definition of subtraction",
    rewrite: (t) => is("sub", t) && is("neg", t.args[1]!) ? add(t.args[0]!, t.args[1].args[0]!) : undefined,
  },
  {
    name: "f(f(x)) -> x",
    reason: "neg and not are their own inverses",
    rewrite: (t) =>
      recordOf(t.op).laws.includes("involution") && t.args[0]!.op === t.op ? t.args[0]!.args[0] : undefined,
  },
  {
    name: "f(f(x)) -> f(x)",
    reason: "abs, sign, floor and ceil change nothing the second time",
    rewrite: (t) =>
      t.args.length === 1 && t.op !== "cast" && isElementwise(t.op) &&
        recordOf(t.op).laws.includes("idempotent") && t.args[0]!.op === t.op
        ? t.args[0]
        : undefined,
  },
  {
    name: "x^1 -> x",
    reason: "definition of powers",
    rewrite: (t) => is("pow", t) && isNumber(t.args[1], 1) ? t.args[0] : undefined,
  },
  {
    name: "x^2 -> x x",
    reason: "definition of powers",
    rewrite: (t) => is("pow", t) && isNumber(t.args[1], 2) ? mul(t.args[0]!, t.args[0]!) : undefined,
  },
  {
    name: "cast of bool through another type -> one cast",
    reason: "0 and 1 are the same number in every element type",
    rewrite: (t) =>
      is("cast", t) && is("cast", t.args[0]!) && t.args[0].args[0]!.dtype === "bool"
        ? cast(t.dtype)(t.args[0].args[0]!)
        : undefined,
  },
  {
    name: "cast of f16 to f32 and back -> x",
    reason: "f32 holds every number of f16; no other type does",
    rewrite: (t) => {
      const wide = is("cast", t) && t.dtype === "f16" ? t.args[0]! : undefined;
      return wide !== undefined && is("cast", wide) && wide.dtype === "f32" && wide.args[0]!.dtype === "f16"
        ? wide.args[0]
        : undefined;
    },
  },
  {
    name: "f16 of move(x) -> move(f16 of x)",
    reason: "elements are rounded one by one, and one rounding serves all views; slices may be far smaller",
    rewrite: (t) => {
      const view = is("cast", t) && t.dtype === "f16" ? t.args[0]! : undefined;
      if (view === undefined || view.args[0]?.dtype !== "f32") return undefined;
      if (!["reshape", "permute", "expand", "flip"].includes(view.op)) return undefined;
      return make(recordOf(view.op), [cast("f16")(view.args[0])], view.attributes);
    },
  },
  {
    name: "move(f32 of x) -> f32 of move(x)",
    reason: "elements are converted one by one; products find f16 operands beneath",
    rewrite: (t) => {
      const from = ["reshape", "permute", "slice", "flip", "after"].includes(t.op) ? t.args[0]! : undefined;
      return from !== undefined && is("cast", from) && from.dtype === "f32" && from.args[0]!.dtype === "f16"
        ? cast("f32")(make(recordOf(t.op), [from.args[0]!, ...t.args.slice(1)], t.attributes))
        : undefined;
    },
  },
  {
    name: "cast to the same type -> x",
    reason: "nothing to convert",
    rewrite: (t) => is("cast", t) && t.args[0]!.dtype === t.dtype ? t.args[0] : undefined,
  },
  {
    name: "select(true, x, y) -> x",
    reason: "the condition is known",
    rewrite: (t) => {
      const c = is("select", t) ? uniformValue(t.args[0]!) : undefined;
      return c === undefined ? undefined : c !== 0 ? t.args[1] : t.args[2];
    },
  },
  {
    name: "select(c, x, x) -> x",
    reason: "both branches are the same",
    rewrite: (t) => is("select", t) && t.args[1] === t.args[2] ? t.args[1] : undefined,
  },
  {
    name: "max(x, x) -> x",
    reason: "maximum, minimum, and, or of equals",
    rewrite: (t) =>
      ["maximum", "minimum", "and", "or"].includes(t.op) && t.args[0] === t.args[1] ? t.args[0] : undefined,
  },
  {
    name: "move to the same place -> x",
    reason: "a reshape, expansion, slice, permutation, pad or flip that changes nothing",
    rewrite: (t) => {
      const x = t.args[0]!;
      if ((is("reshape", t) || is("expand", t)) && equals(x.shape, t.shape)) return x;
      if (is("slice", t) && equals(x.shape, t.shape)) return x;
      if (is("permute", t) && t.attributes.order.every((a, i) => a === i)) return x;
      if (is("pad", t) && equals(x.shape, t.shape)) return x;
      return is("flip", t) && t.attributes.axes.every((a) => x.shape[a]! <= 1) ? x : undefined;
    },
  },
  {
    name: "reshape of reshape, permute of permute -> one",
    reason: "only the last shape and the composed order matter",
    rewrite: (t) =>
      is("reshape", t) && is("reshape", t.args[0]!)
        ? reshape(t.shape)(t.args[0])
        : is("permute", t) && is("permute", t.args[0]!)
        ? permute(t.attributes.order)(t.args[0])
        : undefined,
  },
  {
    name: "(a b)^T -> b^T a^T",
    reason: "the transpose of a product; moving the operands is free, moving the result is a copy",
    rewrite: (t) => {
      const product = is("permute", t) ? t.args[0]! : undefined, n = t.shape.length;
      if (product === undefined || !is("matmul", product) || !is("permute", t)) return undefined;
      const swaps = t.attributes.order.every((a, i) => a === (i === n - 2 ? n - 1 : i === n - 1 ? n - 2 : i));
      return swaps ? matmul(transpose(product.args[0]!))(transpose(product.args[1]!)) : undefined;
    },
  },
  {
    name: "expand of expand -> one",
    reason: "repetition of a repetition repeats the first",
    rewrite: (t) =>
      is("expand", t) && is("expand", t.args[0]!) ? broadcastTo(t.shape)(t.args[0].args[0]!) : undefined,
  },
  {
    name: "slice of slice -> one",
    reason: "starts add up through the inner step, steps multiply",
    rewrite: (t) => {
      if (!is("slice", t) || !is("slice", t.args[0]!)) return undefined;
      const inner = t.args[0].attributes, outer = t.attributes, n = t.shape;
      const start = inner.start.map((s, d) => s + outer.start[d]! * inner.step[d]!);
      const step = inner.step.map((s, d) => s * outer.step[d]!);
      if (n.some((k) => k === 0)) return undefined;
      return slice(start, start.map((s, d) => s + (n[d]! - 1) * step[d]! + 1), step)(t.args[0].args[0]!);
    },
  },
  {
    name: "flip of flip -> one",
    reason: "an axis reversed twice is as it was",
    rewrite: (t) => {
      if (!is("flip", t) || !is("flip", t.args[0]!)) return undefined;
      const a = t.attributes.axes, b = t.args[0].attributes.axes;
      return flip([...a.filter((x) => !b.includes(x)), ...b.filter((x) => !a.includes(x))])(
        t.args[0].args[0]!,
      );
    },
  },
  {
    name: "reduce over axes of length 1 -> x",
    reason: "one element is its own sum and maximum",
    rewrite: (t) =>
      (is("sum", t) || is("max", t)) && equals(t.shape, t.args[0]!.shape) ? t.args[0] : undefined,
  },
  {
    name: "sum of a constant -> constant times count",
    reason: "n equal numbers; only where the product is exact",
    rewrite: (t) => {
      const value = is("sum", t) ? uniformValue(t.args[0]!) : undefined;
      if (value === undefined || !Number.isInteger(value)) return undefined;
      const total = value * (sizeOf(t.args[0]!.shape) / Math.max(1, sizeOf(t.shape)));
      const exact = t.dtype === "f16" ? 2 ** 11 : 2 ** 24;
      return sizeOf(t.shape) > 0 && Math.abs(total) < exact ? full(t.shape, total, t.dtype) : undefined;
    },
  },
];

/** The first rewrite that fits and changes something. */
const rewritten = (t: Tensor, table: readonly Rule[]): Tensor | undefined => {
  for (const { rewrite } of table) {
    const simpler = rewrite(t);
    if (
      simpler !== undefined && simpler !== t && equals(simpler.shape, t.shape) && simpler.dtype === t.dtype
    ) {
      return simpler;
    }
  }
  return undefined;
};

/**
 * Equal roots with fewer nodes: every rule is tried at every node, arguments first, until none fits.
 * Roots keep their shapes, element types and order. Calls are replaced by what they compute, scans are tidied and
 * simplified inside.
 * @throws {TreeError} if a tensor has left its function.
 */
export const simplify = (roots: readonly Tensor[], table: readonly Rule[] = rules): Tensor[] => {
  const done = new Map<Tensor, Tensor>();
  // A node waits on the stack until its arguments, and what it is rewritten to, are done.
  const settle = (from: Tensor): Tensor => {
    const stack = [from], becomes = new Map<Tensor, Tensor>();
    while (stack.length > 0) {
      const t = stack.at(-1)!;
      const waiting = done.has(t) ? [] : t.args.filter((a) => !done.has(a));
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      const target = becomes.get(t);
      if (!done.has(t) && (target === undefined || !done.has(target))) {
        const simpler = withOrigin(t.origin, () => {
          const args = t.args.map((a) => done.get(a)!);
          const node = args.every((a, i) => a === t.args[i]) ? t : make(recordOf(t.op), args, t.attributes);
          if (is("scan", node)) return inside(node);
          return done.get(node) ?? rewritten(node, table) ?? node;
        });
        if (simpler === t) done.set(t, t);
        else {
          becomes.set(t, simpler);
          stack.push(simpler);
          continue;
        }
      } else if (!done.has(t)) done.set(t, done.get(target!)!);
      stack.pop();
    }
    return done.get(from)!;
  };
  const settled = new Set<Tensor>();
  const inside = (loop: Tensor<"scan">): Tensor<"scan"> => {
    if (settled.has(loop)) return loop;
    const simpler = mapBody(narrowScan(loop), (results) => simplify(results, table));
    settled.add(simpler);
    return simpler;
  };
  refuseLeaks("simplify", roots, isOpen);
  const tidy = pruneScans(mergeScans(inlined(roots)));
  // in order of construction, so that what is built again keeps that order: schedules follow it
  topological(tidy).forEach(settle);
  return tidy.map(settle);
};
