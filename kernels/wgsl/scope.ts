/**
 * Statements in nested scopes. A value is computed in the outermost scope that knows the variables it uses, once:
 * what depends on the row alone leaves the column loop by itself.
 */
import { sizeOf, type Tensor } from "@chain-of-sight/core";
import { dataDependent, type Index, variablesOf } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";
import { literal, operators } from "./dialect.ts";

/** How loads and kernel results are spelt. */
export interface Spelling {
  /** Reads an element of a tensor. */
  readonly load: (t: Tensor, at: string) => string;
  /** A statement that writes an element of a tensor. */
  readonly store: (t: Tensor, at: string, value: string) => string;
  /** A reduction's result or the accumulator. */
  readonly result: (v: Extract<Value, { kind: "reduced" | "accumulator" }>) => string;
  /** Declares a function of the module. */
  readonly define: (name: string, text: string) => void;
}

const unspelt = (): never => {
  throw new Error("an index that reads memory");
};

/** Spelling for indices of loop variables alone. */
export const indexOnly: Spelling = { load: unspelt, store: unspelt, result: unspelt, define: unspelt };

/** One block of statements. */
export class Scope {
  /** The statements so far. */
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #known: ReadonlySet<string>;
  readonly #parent: Scope | undefined;
  readonly #spelling: Spelling;
  readonly #depth: number;

  /** A scope that knows `variables` besides those of its parent. */
  constructor(spelling: Spelling, variables: readonly string[], parent?: Scope) {
    this.#spelling = spelling;
    this.#parent = parent;
    this.#known = new Set(variables);
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
  }

  /** A scope inside this one. */
  inner(variables: readonly string[]): Scope {
    return new Scope(this.#spelling, variables, this);
  }

  /** A scope outside of all others, for the body of a function. */
  apart(variables: readonly string[]): Scope {
    return new Scope(this.#spelling, variables);
  }

  /** Declares a function of the module. */
  define(head: string, name: string, body: readonly string[]): void {
    this.#spelling.define(
      name,
      [`fn ${name}(${head}) {`, ...body.map((line) => `  ${line}`), "}"].join("\n"),
    );
  }

  #find(key: string): string | undefined {
    return this.#names.get(key) ?? (this.#parent === undefined ? undefined : this.#parent.#find(key));
  }

  /** Whether the parent suffices for these variables. */
  #home(uses: Iterable<string>): Scope {
    if (this.#parent === undefined) return this;
    for (const u of uses) if (this.#known.has(u)) return this;
    return this.#parent.#home(uses);
  }

  #let(key: string, text: string, uses: Iterable<string>): string {
    const home = this.#home(uses);
    const name = `${"abcdefgh"[home.#depth]}${home.#names.size}`;
    home.#names.set(key, name);
    home.lines.push(`let ${name} = ${text};`);
    return name;
  }

  /** An index as u32 text. Negative parts wrap, and come back when added. */
  index(i: Index): string {
    const part = (text: string, by: number): string => by === 1 ? text : `${text} * ${by}u`;
    const plus: string[] = [], minus: string[] = [];
    for (const { atom, by } of i.terms) {
      (by > 0 ? plus : minus).push(part(this.#atom(atom), Math.abs(by)));
    }
    if (i.constant > 0 || (plus.length === 0 && i.constant === 0)) plus.push(`${i.constant}u`);
    if (i.constant < 0) minus.push(`${-i.constant}u`);
    if (plus.length === 0) plus.push("0u");
    const text = [plus.join(" + "), ...minus].join(" - ");
    return plus.length + minus.length > 1 ? `(${text})` : text;
  }

  #atom(atom: Index["terms"][number]["atom"]): string {
    if (atom.kind === "var") return atom.name;
    if (atom.kind === "value") return `u32(${this.value(atom.value)})`;
    const known = this.#find(atom.key);
    if (known !== undefined) return known;
    const of = this.index(atom.of);
    return this.#let(atom.key, `${of} ${atom.kind === "div" ? "/" : "%"} ${atom.by}u`, variablesOf(atom.of));
  }

  /** The place of an element. What a guard hides is outside: it is read, and not used, at the end. */
  #inside(t: Tensor, at: Index): string {
    const size = sizeOf(t.shape), text = this.index(at);
    return at.min >= 0 && at.max < size && !dataDependent(at)
      ? text
      : `min(${text}, ${Math.max(0, size - 1)}u)`;
  }

  /** A value as text; anything but a literal or an index is computed into a name first. */
  value(v: Value): string {
    if (v.kind === "literal") return literal(v.value, v.dtype);
    if (v.kind === "reduced" || v.kind === "accumulator") return this.#spelling.result(v);
    const known = this.#find(v.key);
    if (known !== undefined) return known;
    if (v.kind === "index") return this.#let(v.key, `i32(${this.index(v.at)})`, v.uses);
    if (v.kind === "load") {
      const raw = this.#spelling.load(v.from, this.#inside(v.from, v.at));
      return this.#let(v.key, v.dtype === "bool" ? `(${raw} != 0u)` : raw, v.uses);
    }
    if (v.kind === "apply") {
      const args = v.args.map((a) => this.value(a));
      return this.#let(v.key, operators[v.op](args, v.args[0]!.dtype, v.dtype), v.uses);
    }
    const then = this.value(v.then), otherwise = this.value(v.otherwise), at = this.index(v.at);
    const from = v.low === 0 ? at : `(${at} - ${v.low}u)`;
    return this.#let(v.key, `select(${otherwise}, ${then}, ${from} < ${v.high - v.low}u)`, v.uses);
  }

  /** A statement that stores a value as an element of a tensor. */
  store(t: Tensor, at: Index, v: Value): void {
    const text = this.value(v), stored = t.dtype === "bool" ? `select(0u, 1u, ${text})` : text;
    this.lines.push(this.#spelling.store(t, this.index(at), stored));
  }
}
