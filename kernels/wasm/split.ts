/**
 * Splits a loop in two: `x` becomes `x.outer * length + x`, so that the quotients and remainders of reshapes fall
 * out of the inner loop and its loads become runs of neighbours.
 */
import {
  type Atom,
  fromValue,
  type Index,
  int,
  plus,
  quotient,
  remainder,
  scale,
  separate,
  variable,
  variablesOf,
} from "../ir/index_expr.ts";
import { walkValues } from "../graph/kernel.ts";
import type { Value, ValueBuilder } from "../ir/value.ts";

/** Name of the outer variable of a split loop. */
export const outerName = (name: string): string => `${name}.outer`;

/** Expressions rewritten under a replacement of one variable. */
export interface Rewriter {
  /** A rewritten index. */
  readonly index: (i: Index) => Index;
  /** A rewritten value. */
  readonly value: (v: Value) => Value;
}

/** Rewrites expressions as they are, into one builder: keys of two builders may not meet in one function. */
export const unsplit = (build: ValueBuilder): Rewriter => rewriting(build, "", int(0));

/** Rewrites `name`, from 0 to `size - 1`, as `outer * length + start + name`, where `name` now takes `count` values. */
export const splitting = (
  build: ValueBuilder,
  name: string,
  size: number,
  length: number,
  start = 0,
  count = length,
): Rewriter =>
  rewriting(
    build,
    name,
    plus(plus(scale(variable(outerName(name), size / length), length), int(start)), variable(name, count)),
  );

const rewriting = (build: ValueBuilder, name: string, replacement: Index): Rewriter => {
  const known = new Map<Value, Value>();
  const atomOf = (atom: Atom): Index => {
    if (atom.kind === "var") {
      return atom.name === name ? replacement : variable(atom.name, atom.max + 1);
    }
    if (atom.kind === "value") return fromValue(value(atom.value), atom.min, atom.max);
    return atom.kind === "div" ? quotient(index(atom.of), atom.by) : remainder(index(atom.of), atom.by);
  };
  const index = (i: Index): Index =>
    variablesOf(i).has(name) || hasValue(i)
      ? i.terms.reduce((sum, t) => plus(sum, scale(atomOf(t.atom), t.by)), int(i.constant))
      : i;
  const value = (v: Value): Value => {
    const seen = known.get(v);
    if (seen !== undefined) return seen;
    const made = rebuild(v);
    known.set(v, made);
    return made;
  };
  const rebuild = (v: Value): Value => {
    switch (v.kind) {
      case "literal":
        return build.literal(v.value, v.dtype);
      case "index":
        return build.index(index(v.at));
      case "load":
        return build.load(v.from, index(v.at));
      case "apply":
        return build.apply(v.op, v.args.map(value), v.dtype);
      case "guard":
        return build.guard(index(v.at), v.low, v.high, value(v.then), value(v.otherwise));
      case "reduced":
        return build.reduced(v.of);
      case "accumulator":
        return build.accumulator(v.of);
    }
  };
  return { index, value };
};

/** Whether a number read from memory is part of an index. */
const hasValue = (i: Index): boolean =>
  i.terms.some(({ atom }) => atom.kind === "value" || (atom.kind !== "var" && hasValue(atom.of)));

/** Where guards begin or end along a variable from 0 to `length - 1`, for guards that depend on nothing else. */
export const cutsOf = (values: readonly Value[], name: string, length: number): number[] => {
  const cuts = new Set<number>();
  walkValues(values, (v) => {
    if (v.kind !== "guard") return;
    const s = separate(v.at, name);
    if (s === undefined || Math.abs(s.by) !== 1 || s.rest.terms.length > 0) return;
    for (const edge of [v.low, v.high]) {
      const at = s.by === 1 ? edge - s.rest.constant : s.rest.constant - edge + 1;
      if (at > 0 && at < length) cuts.add(at);
    }
  });
  return [...cuts].sort((a, b) => a - b);
};

/** Lengths at which quotients and remainders of a variable turn over, as far as they divide its size. */
export const boundaries = (indices: readonly Index[], name: string, size: number): number[] => {
  const gcd = (a: number, b: number): number => b === 0 ? Math.abs(a) : gcd(b, a % b);
  const found = new Set<number>();
  // steps of the variable in which a sum moves by 1, and in which a quotient or remainder of it iterations over
  const turn = (step: number, by: number): number => {
    const whole = by * step;
    return Number.isInteger(whole) ? whole : by / gcd(by, Math.round(1 / step));
  };
  const walk = (i: Index): number[] =>
    i.terms.flatMap(({ atom, by }): number[] => {
      if (atom.kind === "value") return [];
      if (atom.kind === "var") return atom.name === name ? [1 / Math.abs(by)] : [];
      const steps = walk(atom.of), turns = steps.map((s) => turn(s, atom.by));
      for (const t of turns) if (t > 1 && t < size && size % t === 0) found.add(t);
      return (atom.kind === "div" ? turns : steps).map((s) => s / Math.abs(by));
    });
  indices.forEach(walk);
  return [...found].sort((a, b) => a - b);
};
