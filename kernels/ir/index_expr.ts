/**
 * Index arithmetic: integers that say where a tensor's element is, as sums of scaled atoms. An atom is a loop
 * variable, or a quotient or remainder of such a sum, or a number read from memory. Ranges are known throughout,
 * so that most quotients and remainders of reshapes vanish as they are built.
 */
import type { Value } from "./value.ts";

/** Configuration of a sum. */
export type Atom =
  | {
    readonly kind: "var";
    readonly name: string;
    readonly key: string;
    readonly min: 0;
    readonly max: number;
  }
  | {
    readonly kind: "div" | "mod";
    readonly of: Index;
    readonly by: number;
    readonly key: string;
    readonly min: number;
    readonly max: number;
  }
  | {
    readonly kind: "value";
    readonly value: Value;
    readonly key: string;
    readonly min: number;
    readonly max: number;
  };

/** `constant + sum of coefficient * atom`. */
export interface Index {
  /** Terms, ordered by key; no coefficient is 0. */
  readonly terms: readonly { readonly atom: Atom; readonly by: number }[];
  /** The constant part. */
  readonly constant: number;
  /** Minimum value it can take. */
  readonly min: number;
  /** Largest value it can take. */
  readonly max: number;
  /** Equal for equal sums. */
  readonly key: string;
}

const of = (terms: ReadonlyMap<string, { atom: Atom; by: number }>, constant: number): Index => {
  const list = [...terms.values()].filter((t) => t.by !== 0).sort((a, b) => a.atom.key < b.atom.key ? -1 : 1);
  let min = constant, max = constant;
  for (const { atom, by } of list) {
    min += by > 0 ? by * atom.min : by * atom.max;
    max += by > 0 ? by * atom.max : by * atom.min;
  }
  return {
    terms: list,
    constant,
    min,
    max,
    key: `${list.map((t) => `${t.by}*${t.atom.key}`).join("+")}+${constant}`,
  };
};

/** A known integer. */
export const int = (n: number): Index => of(new Map(), n);

const atomic = (atom: Atom): Index => of(new Map([[atom.key, { atom, by: 1 }]]), 0);

/** A loop variable from 0 to `size - 1`. A variable of one value is 0. */
export const variable = (name: string, size: number): Index =>
  size <= 1 ? int(0) : atomic({ kind: "var", name, key: name, min: 0, max: size - 1 });

/** An integer read from memory, known to be from `min` to `max`. */
export const fromValue = (value: Value, min: number, max: number): Index =>
  atomic({ kind: "value", value, key: `{${value.key}}`, min, max });

/** a + b. */
export const plus = (a: Index, b: Index): Index => {
  const terms = new Map(a.terms.map((t) => [t.atom.key, t]));
  for (const t of b.terms) {
    terms.set(t.atom.key, { atom: t.atom, by: t.by + (terms.get(t.atom.key)?.by ?? 0) });
  }
  return recombine(of(terms, a.constant + b.constant));
};

/** a k. */
export const scale = (a: Index, k: number): Index =>
  k === 1 ? a : of(new Map(a.terms.map((t) => [t.atom.key, { atom: t.atom, by: t.by * k }])), a.constant * k);

/** `k * (x div k) + x mod k = x`: undoes a split that later proved needless. */
const recombine = (a: Index): Index => {
  for (const remainderTerm of a.terms) {
    const { atom, by } = remainderTerm;
    if (atom.kind !== "mod") continue;
    const upper = quotient(atom.of, atom.by);
    if (upper.terms.length !== 1 || upper.constant !== 0 || upper.terms[0]!.by !== 1) continue;
    const other = a.terms.find((t) => t.atom.key === upper.terms[0]!.atom.key && t.by === by * atom.by);
    if (other === undefined) continue;
    const rest = new Map(
      a.terms.filter((t) => t !== remainderTerm && t !== other).map((t) => [t.atom.key, t]),
    );
    return plus(of(rest, a.constant), scale(atom.of, by));
  }
  return a;
};

/** Splits into the part whose coefficients `k` divides, divided by it, and the rest. */
const split = (a: Index, k: number): readonly [Index, Index] => {
  const whole = new Map<string, { atom: Atom; by: number }>(),
    rest = new Map<string, { atom: Atom; by: number }>();
  for (const t of a.terms) {
    if (t.by % k === 0) whole.set(t.atom.key, { atom: t.atom, by: t.by / k });
    else rest.set(t.atom.key, t);
  }
  const c = Math.floor(a.constant / k);
  return [of(whole, c), of(rest, a.constant - c * k)];
};

/** Largest integer not above a / k. */
export const quotient = (a: Index, k: number): Index => {
  if (k === 1) return a;
  const [whole, rest] = split(a, k);
  if (rest.min >= 0 && rest.max < k) return whole;
  const step = stepBelow(rest, k);
  if (step !== undefined) return plus(whole, quotient(split(rest, step)[0], k / step));
  if (rest.terms.length === 1 && rest.constant === 0 && rest.terms[0]!.by === 1) {
    const { atom } = rest.terms[0]!;
    // (x div a) div b = x div ab
    if (atom.kind === "div") return plus(whole, quotient(atom.of, atom.by * k));
  }
  const lift = liftOf(rest, k), raised = plus(rest, int(lift * k));
  const atom: Atom = {
    kind: "div",
    of: raised,
    by: k,
    key: `(${raised.key})/${k}`,
    min: Math.floor(raised.min / k),
    max: Math.floor(raised.max / k),
  };
  return plus(plus(whole, int(-lift)), atomic(atom));
};

/** a - k (a div k). */
export const remainder = (a: Index, k: number): Index => {
  if (k === 1) return int(0);
  const [, rest] = split(a, k);
  if (rest.min >= 0 && rest.max < k) return rest;
  const step = stepBelow(rest, k);
  if (step !== undefined) {
    const [upper, lower] = split(rest, step);
    return plus(scale(remainder(upper, k / step), step), lower);
  }
  const raised = plus(rest, int(liftOf(rest, k) * k));
  return atomic({ kind: "mod", of: raised, by: k, key: `(${raised.key})%${k}`, min: 0, max: k - 1 });
};

/** How many times k a sum must be raised to be never below 0: devices divide toward zero, not downward. */
const liftOf = (a: Index, k: number): number => a.min < 0 && a.min > -(2 ** 30) ? Math.ceil(-a.min / k) : 0;

/**
 * The largest divisor `g` of `k` such that the part of the sum that `g` does not divide stays from 0 to `g - 1`:
 * then quotients and remainders by `k` can be taken in two steps, the first of which is free.
 */
const stepBelow = (a: Index, k: number): number | undefined => {
  const gcd = (x: number, y: number): number => y === 0 ? Math.abs(x) : gcd(y, x % y);
  const steps = new Set(a.terms.map((t) => gcd(t.by, k)).filter((g) => g > 1 && g < k));
  return [...steps].sort((x, y) => y - x).find((g) => {
    const rest = split(a, g)[1];
    return rest.min >= 0 && rest.max < g;
  });
};

/** Row-major position of a multi-index. */
export const linear = (at: readonly Index[], shape: readonly number[]): Index => {
  let step = 1, sum = int(0);
  for (let d = shape.length - 1; d >= 0; d--) {
    sum = plus(sum, scale(at[d]!, step));
    step *= shape[d]!;
  }
  return sum;
};

/** The multi-index at a row-major position. */
export const unravel = (at: Index, shape: readonly number[]): Index[] => {
  const out = new Array<Index>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const upper = quotient(at, step);
    // the outermost axis needs no remainder: positions are in range
    const outer = shape.slice(0, d).every((n) => n === 1);
    out[d] = shape[d]! <= 1 ? int(0) : outer ? upper : remainder(upper, shape[d]!);
    step *= Math.max(1, shape[d]!);
  }
  return out;
};

/** Whether the value changes with a variable. */
export const dependsOn = (a: Index, name: string): boolean =>
  a.terms.some(({ atom }) =>
    atom.kind === "var"
      ? atom.name === name
      : atom.kind === "value"
      ? atom.value.uses.has(name)
      : dependsOn(atom.of, name)
  );

/** Whether it changes with numbers in memory: then its range is a promise, not a proof. */
export const dataDependent = (a: Index): boolean =>
  a.terms.some(({ atom }) => atom.kind === "value" || atom.kind !== "var" && dataDependent(atom.of));

/** Names of the variables it changes with. */
export const variablesOf = (a: Index): Set<string> => {
  const out = new Set<string>();
  for (const { atom } of a.terms) {
    const names = atom.kind === "var"
      ? [atom.name]
      : atom.kind === "value"
      ? atom.value.uses
      : variablesOf(atom.of);
    for (const n of names) out.add(n);
  }
  return out;
};

/** `rest + by * variable` if the variable enters only as a scaled term; undefined if it enters otherwise. */
export const separate = (
  a: Index,
  name: string,
): { readonly rest: Index; readonly by: number } | undefined => {
  const term = a.terms.find((t) => t.atom.kind === "var" && t.atom.name === name);
  const rest = of(new Map(a.terms.filter((t) => t !== term).map((t) => [t.atom.key, t])), a.constant);
  return dependsOn(rest, name) ? undefined : { rest, by: term?.by ?? 0 };
};

/** Whether every value is a multiple of `k`, as far as the coefficients show. */
export const divisible = (a: Index, k: number): boolean =>
  a.constant % k === 0 && a.terms.every((t) => t.by % k === 0);
