/** Small pieces of WebAssembly text. */

/** Reads a local. */
export const get = (name: string): string => `(local.get $${name})`;

/** Sets a local. */
export const set = (name: string, value: string): string => `(local.set $${name} ${value})`;

/** An i32 constant. */
export const i32 = (n: number): string => `(i32.const ${n | 0})`;

/** a + b of i32 texts; constants of 0 vanish. */
export const add = (a: string, b: string): string =>
  b === "(i32.const 0)" ? a : a === "(i32.const 0)" ? b : `(i32.add ${a} ${b})`;

/** a k of an i32 text. */
export const times = (a: string, k: number): string =>
  k === 1
    ? a
    : k > 0 && Number.isInteger(Math.log2(k))
    ? `(i32.shl ${a} ${i32(Math.log2(k))})`
    : `(i32.mul ${a} ${i32(k)})`;

/** The lesser of an i32 text and a constant, unsigned. */
export const least = (a: string, k: number): string => `(select ${a} ${i32(k)} (i32.lt_u ${a} ${i32(k)}))`;

/** Repeats lines while a condition holds; `first` says whether it is known to hold at the start. */
export const repeat = (
  label: string,
  condition: string,
  lines: readonly string[],
  first: boolean,
): string[] => {
  const loop = [`(loop $${label}`, ...lines, `(br_if $${label} ${condition})`, ")"];
  return first ? loop : [`(if ${condition} (then`, ...loop, "))"];
};

/** Indents lines by the parentheses that they leave open. */
export const indent = (lines: readonly string[], depth = 1): string => {
  let level = depth;
  return lines.map((line) => {
    let open = 0, lowest = 0;
    for (let at = 0; at < line.length; at++) {
      const c = line.charCodeAt(at);
      if (c === OPEN) open++;
      else if (c === CLOSE && --open < lowest) lowest = open;
    }
    const out = " ".repeat(Math.max(0, level + lowest)) + line;
    level += open;
    return out;
  }).join("\n");
};

const OPEN = "(".charCodeAt(0), CLOSE = ")".charCodeAt(0);

/** The locals of one function. */
export class Locals {
  readonly #types = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Declares a local by name, once. */
  declare(name: string, type: "i32" | "v128" | "f32"): string {
    this.#types.set(name, type);
    return name;
  }

  /** A new local whose name starts with `prefix`. */
  fresh(prefix: string, type: "i32" | "v128" | "f32"): string {
    return this.declare(this.unique(prefix), type);
  }

  /** A new name for a local or a label. */
  unique(prefix: string): string {
    const n = this.#counts.get(prefix) ?? 0;
    this.#counts.set(prefix, n + 1);
    return `${prefix}${n}`;
  }

  /** The declarations. */
  text(): string {
    return [...this.#types].map(([name, type]) => `(local $${name} ${type})`).join(" ");
  }
}
