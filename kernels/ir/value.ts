/** Scalar expressions: what a kernel computes for one element. Equal expressions are the same object. */
import type { DType, ElementwiseOp, Tensor } from "@chain-of-sight/core";
import { type Index, variablesOf } from "./index_expr.ts";

/** Operators: the elementwise primitives and random bits `(key0, key1, counter)`. */
export type Operator = ElementwiseOp | "threefry";

/** A scalar expression. */
export type Value = ValueKind & {
  /** Element type. */
  readonly dtype: DType;
  /** Equal for equal expressions. */
  readonly key: string;
  /** Loop variables (and `acc`) that it changes with. */
  readonly uses: ReadonlySet<string>;
};

/** The kinds of scalar expressions. */
export type ValueKind =
  /** A literal. */
  | { readonly kind: "literal"; readonly value: number }
  /** An index as an i32 number. */
  | { readonly kind: "index"; readonly at: Index }
  /** An element of a materialised tensor. */
  | { readonly kind: "load"; readonly from: Tensor; readonly at: Index }
  /** An operator applied. */
  | { readonly kind: "apply"; readonly op: Operator; readonly args: readonly Value[] }
  /** `low <= at < high ? then : otherwise`; `then` may read out of bounds where the guard fails. */
  | {
    readonly kind: "guard";
    readonly at: Index;
    readonly low: number;
    readonly high: number;
    readonly then: Value;
    readonly otherwise: Value;
  }
  /** The result of a reduction of the same kernel, for the current row. */
  | { readonly kind: "reduced"; readonly of: Tensor }
  /** The result of the kernel's contraction, for the current element. */
  | { readonly kind: "accumulator"; readonly of: Tensor };

const unite = (...sets: Iterable<string>[]): Set<string> => {
  const out = new Set<string>();
  for (const s of sets) for (const x of s) out.add(x);
  return out;
};

/** Builds scalar expressions, sharing equal ones; one per kernel. */
export class ValueBuilder {
  readonly #known = new Map<string, Value>();

  /** Structure refers to parts by their short keys, so that keys stay short however deep the expression. */
  #share(structure: string, make: (key: string) => Value): Value {
    const known = this.#known.get(structure);
    if (known !== undefined) return known;
    const value = make(`v${this.#known.size}`);
    this.#known.set(structure, value);
    return value;
  }

  /** A literal. */
  literal(value: number, dtype: DType): Value {
    const structure = `${Object.is(value, -0) ? "-0" : value}:${dtype}`;
    return this.#share(structure, (key) => ({ kind: "literal", value, dtype, key, uses: new Set() }));
  }

  /** An index as a number. */
  index(at: Index): Value {
    const structure = `i[${at.key}]`;
    return this.#share(structure, (key) => ({ kind: "index", at, dtype: "i32", key, uses: variablesOf(at) }));
  }

  /** An element of a materialised tensor. */
  load(from: Tensor, at: Index): Value {
    const structure = `t${from.id}[${at.key}]`;
    return this.#share(
      structure,
      (key) => ({ kind: "load", from, at, dtype: from.dtype, key, uses: variablesOf(at) }),
    );
  }

  /** An operator applied. */
  apply(op: Operator, args: readonly Value[], dtype: DType): Value {
    const structure = `${op}:${dtype}(${args.map((a) => a.key).join(",")})`;
    return this.#share(
      structure,
      (key) => ({ kind: "apply", op, args, dtype, key, uses: unite(...args.map((a) => a.uses)) }),
    );
  }

  /** A value inside a range of an index, another outside. */
  guard(at: Index, low: number, high: number, then: Value, otherwise: Value): Value {
    if (at.min >= low && at.max < high) return then;
    if (at.max < low || at.min >= high) return otherwise;
    const structure = `(${low}<=${at.key}<${high}?${then.key}:${otherwise.key})`;
    return this.#share(structure, (key) => ({
      kind: "guard",
      at,
      low,
      high,
      then,
      otherwise,
      dtype: then.dtype,
      key,
      uses: unite(variablesOf(at), then.uses, otherwise.uses),
    }));
  }

  /** A reduction's result for the current row. */
  reduced(of: Tensor): Value {
    const structure = `r${of.id}`;
    return this.#share(
      structure,
      (key) => ({ kind: "reduced", of, dtype: of.dtype, key, uses: new Set(["row"]) }),
    );
  }

  /** The contraction's result for the current element. */
  accumulator(of: Tensor): Value {
    const structure = `acc${of.id}`;
    return this.#share(
      structure,
      (key) => ({ kind: "accumulator", of, dtype: of.dtype, key, uses: new Set(["row", "col"]) }),
    );
  }
}
