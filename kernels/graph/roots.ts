/**
 * Chooses the roots: the descriptions that get memory. All others are computed where they are used. A root is what
 * the caller asked for, what sums over many elements, what a contraction reads, and what is expensive and used often.
 */
import {
  type AttentionOp,
  is,
  isAttention,
  isElementwise,
  isGiven,
  isMark,
  isMovement,
  operandsOf,
  segmentsOf,
  sizeOf,
  type Tensor,
  topological,
} from "@chain-of-sight/core";
import { type Index, linear, separate, unravel, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { isHeavy, isView, lowering } from "./lower.ts";
import { packedOperands } from "./foreach.ts";
import { storedOperands } from "./scan_operands.ts";

/** Relative cost of recomputing one element. */
const costOf = (t: Tensor): number => {
  switch (t.op) {
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tanh":
    case "erf":
    case "expm1":
    case "log1p":
    case "sigmoid":
    case "pow":
      return 8;
    case "randomBits":
      return 60;
    case "sqrt":
    case "rsqrt":
    case "div":
    case "mod":
      return 3;
    case "gather":
    case "concat":
    case "pad":
      return 4;
    default:
      return isElementwise(t.op) ? 1 : 0;
  }
};

const LOAD = 2, EXPENSIVE_REPEATED = 8, MANY = 8;

/** What costs more is stored where it is used more than once. */
const EXPENSIVE = 12, EXPENSIVE_ON_GPU = 20;

/** The node below views that computes something. */
const baseOf = (t: Tensor): Tensor => isView(t) ? baseOf(t.args[0]!) : t;

/** The descriptions that get memory. */
export interface Roots {
  /** Whether a description is one of them. */
  readonly has: (t: Tensor) => boolean;
  /** An element of one of them; undefined for any other description. */
  readonly load: (build: ValueBuilder, t: Tensor, at: readonly Index[]) => Value | undefined;
  /** Number of bindings that one takes. */
  readonly bindingsOf: (t: Tensor) => number;
}

const rootsOf = (roots: ReadonlySet<Tensor>, bindingsOf: Roots["bindingsOf"]): Roots => ({
  has: (t) => roots.has(t),
  load: (build, t, at) => roots.has(t) ? build.load(t, linear(at, t.shape)) : undefined,
  bindingsOf,
});

/** A tensor and what it is a view of, the innermost first. */
const viewsOf = (t: Tensor): readonly Tensor[] => isView(t) ? [...viewsOf(t.args[0]!), t] : [t];

/** Whether a kernel can read an operand in place: one load whose position is linear in one variable. */
const readable = (
  operand: Tensor,
  at: readonly Index[],
  along: string,
  isRoot: (t: Tensor) => boolean,
): boolean => {
  const build = new ValueBuilder();
  const lower = lowering(build, (t, i) => isRoot(t) ? build.load(t, linear(i, t.shape)) : undefined);
  const value = lower(operand, at);
  return value.kind === "load" && separate(value.at, along) !== undefined;
};

/** Index of an attention operand `[b, heads, n, d]`. */
export const attentionIndex = (operand: Tensor, axis: "row" | "key"): Index[] => {
  const [b, h, n, d] = operand.shape as [number, number, number, number];
  return [
    variable("batch", b),
    variable(axis === "row" ? "head" : "kv", h),
    variable(axis, n),
    variable("d", d),
  ];
};

/** Index of an operand by batch and its two matrix axes. */
export const operandIndex = (operand: Tensor, axes: readonly [string, string]): Index[] => {
  const batch = operand.shape.slice(0, -2), [p, q] = operand.shape.slice(-2) as [number, number];
  return [...unravel(variable("batch", sizeOf(batch)), batch), variable(axes[0], p), variable(axes[1], q)];
};

/** Inputs that decide about roots, alongside the program. */
export interface RootLimits {
  /** Most tensors that one kernel may read. */
  readonly maxReads: number;
  /** Whether it is a GPU, where memory is dearer than arithmetic. */
  readonly gpu: boolean;
  /** Number of bindings that a tensor takes. */
  readonly bindingsOf: Roots["bindingsOf"];
}

/** The roots of a program. */
export const chooseRoots = (outputs: readonly Tensor[], { maxReads, gpu, bindingsOf }: RootLimits): Roots => {
  const order = topological(outputs, { argsOf: operandsOf }), wanted = new Set(outputs);
  const uses = new Map<Tensor, number>(), users = new Map<Tensor, Tensor[]>();
  // what a GPU puts side by side in memory is stored itself, rather than its parts
  const isFree = (t: Tensor): boolean => (isMovement(t.op) || isMark(t.op)) && !(gpu && is("concat", t));
  for (const t of [...order].reverse()) {
    const n = isFree(t) ? Math.max(1, uses.get(t) ?? 0) : 1;
    for (const a of new Set(operandsOf(t))) {
      uses.set(a, (uses.get(a) ?? 0) + n);
      users.set(a, [...users.get(a) ?? [], t]);
    }
  }
  /** Whether only a rearrangement reads a tensor: it is stored as that leaves it, rather than copied afterwards. */
  const rearranged = (t: Tensor): boolean => {
    const [user, ...more] = users.get(t) ?? [];
    return gpu && user !== undefined && more.length === 0 && (is("permute", user) || is("reshape", user));
  };
  const roots = new Set<Tensor>(), cost = new Map<Tensor, number>(), reads = new Map<Tensor, Set<Tensor>>();
  const root = (t: Tensor): void => {
    if (is("constant", t) && !wanted.has(t)) return;
    roots.add(t);
    cost.set(t, LOAD);
    reads.set(t, new Set([t]));
  };
  const operand = (a: Tensor, at: readonly Index[], along: string): void => {
    // what an operand is a view of can often be stored by its own producer; the view itself would be a copy
    const base = baseOf(a);
    const computed = !roots.has(base) && (isElementwise(base.op) || gpu && is("concat", base));
    const fits = (...more: Tensor[]): boolean =>
      readable(a, at, along, (t) => roots.has(t) || more.includes(t));
    if (gpu && fits()) return;
    if (computed) root(gpu ? viewsOf(a).find((view) => fits(view)) ?? a : base);
    if (!fits()) root(a);
  };
  for (const t of order) {
    if (isGiven(t)) {
      root(t);
      continue;
    }
    if (is("scan", t) || is("foreach", t) || is("foreachSum", t)) {
      // they read whole tensors: each operand is stored, be it a number
      for (const a of is("scan", t) ? storedOperands(t) : packedOperands(t)) {
        if (!roots.has(a)) root(a);
        roots.add(a);
      }
      if (is("foreachSum", t)) {
        root(t);
        continue;
      }
      cost.set(t, 0);
      reads.set(t, new Set());
      continue;
    }
    if (is("matmul", t)) {
      const axes = [["row", "k"], ["k", "col"]] as const;
      t.args.forEach((a, i) => operand(a, operandIndex(a, axes[i]!), "k"));
    }
    if (isAttention(t.op)) {
      t.args.filter((a) => a.shape.length === 4).forEach((a) => operand(a, attentionIndex(a, "row"), "d"));
      const table = segmentsOf(t as Tensor<AttentionOp>);
      if (table !== undefined && !roots.has(baseOf(table))) root(table);
      cost.set(t, 0);
      reads.set(t, new Set());
      continue;
    }
    if (is("expand", t)) {
      const base = baseOf(t), repeated = sizeOf(t.shape) >= MANY * sizeOf(base.shape);
      if (repeated && !roots.has(base) && cost.get(base)! > EXPENSIVE_REPEATED) root(base);
    }
    // every element reads the key
    if (is("randomBits", t) && !roots.has(t.args[0]!) && cost.get(t.args[0]!)! > EXPENSIVE_REPEATED) {
      root(t.args[0]!);
    }
    let union = new Set<Tensor>(), sum = costOf(t);
    const gatherReads = (): void => {
      union = new Set();
      sum = costOf(t);
      for (const a of operandsOf(t)) {
        // views were costed before their base became a root
        const seen = roots.has(baseOf(a)) && isView(a) && !roots.has(a)
          ? new Set([baseOf(a)])
          : reads.get(a)!;
        for (const r of seen) union.add(r);
        sum += roots.has(a) || (isView(a) && roots.has(baseOf(a))) ? LOAD : cost.get(a)!;
      }
    };
    gatherReads();
    for (const a of [...operandsOf(t)].sort((p, q) => reads.get(q)!.size - reads.get(p)!.size)) {
      if (union.size <= maxReads) break;
      if (!roots.has(a)) root(a);
      gatherReads();
    }
    cost.set(t, sum);
    reads.set(t, union);
    const often = (uses.get(t) ?? 0) > 1 && sum > (gpu ? EXPENSIVE_ON_GPU : EXPENSIVE) && !rearranged(t) &&
      (!isFree(t) || operandsOf(t).some((a) => !roots.has(a) && rearranged(a)));
    if (wanted.has(t) || isHeavy(t) || often) root(t);
  }
  return rootsOf(roots, bindingsOf);
};
