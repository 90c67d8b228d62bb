/**
 * Statements in nested scopes, four lanes at a time. A value is computed in the outermost scope that knows the
 * variables it uses, once. Lanes run over one loop variable, the vector variable; what does not change with it has
 * the same number in every lane. A scope may hold several copies of its body, for neighbouring groups of lanes.
 */
import { sizeOf, type Tensor } from "@chain-of-sight/core";
import { type Atom, dependsOn, type Index, separate, variablesOf } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";
import { applyText, literal } from "./dialect.ts";
import { type Dialect, inlined } from "./inline.ts";
import { add, get, i32, type Locals, set, times } from "./text.ts";

/** Shared parts of all scopes of a function. */
export interface Frame {
  /** The locals. */
  readonly locals: Locals;
  /** What the machine has. */
  readonly dialect: Dialect;
  /** Text of the address of a tensor's memory. */
  readonly buffer: (t: Tensor) => string;
  /** Text of a reduction's result or of the accumulator for a copy. */
  readonly result: (v: Extract<Value, { kind: "reduced" | "accumulator" }>, copy: number) => string;
}

/** Where a scope is. */
interface Place {
  /** Loops bring variables; branches are entered only where a condition holds. */
  readonly kind: "loop" | "branch";
  /** The scope around it. */
  readonly parent: Scope;
  /** Lanes whose results count; the others may hold anything. */
  readonly lanes: number;
  /** The variable that lanes run over. */
  readonly vector: string;
}

/** Where a value is computed. */
interface Home {
  readonly scope: Scope;
  readonly escapes: boolean;
}

const RAMP = [0, 1, 2, 3], NOTHING: ReadonlySet<string> = new Set();

/** One block of statements. */
export class Scope {
  /** The statements so far. */
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #frame: Frame;
  readonly #known: ReadonlySet<string>;
  readonly #place: Place | undefined;
  readonly #lanes: number;
  readonly #vector: string;
  #guarded = 0;

  /** A scope that knows `variables` besides those of its parent. */
  constructor(frame: Frame, variables: readonly string[] = [], place?: Place) {
    this.#frame = frame;
    this.#known = new Set(variables);
    this.#place = place;
    this.#lanes = place?.lanes ?? 4;
    this.#vector = place?.vector ?? "";
    this.#guarded = place === undefined ? 0 : place.parent.#guarded;
  }

  /** The body of a loop inside this scope; lanes run over `vector` from here on. */
  loop(variables: readonly string[], vector: string = this.#vector, lanes: number = this.#lanes): Scope {
    return new Scope(this.#frame, variables, { kind: "loop", parent: this, lanes, vector });
  }

  #branch(): Scope {
    return new Scope(this.#frame, [], {
      kind: "branch",
      parent: this,
      lanes: this.#lanes,
      vector: this.#vector,
    });
  }

  #find(key: string): string | undefined {
    return this.#names.get(key) ?? (this.#place === undefined ? undefined : this.#place.parent.#find(key));
  }

  /** The scope for what uses some variables, and whether it is outside of a branch that this one is in. */
  #home(uses: ReadonlySet<string>): Home {
    return Scope.#seek(this, uses, { scope: this, escapes: false }, false);
  }

  static #seek(s: Scope, uses: ReadonlySet<string>, found: Home, crossed: boolean): Home {
    if (s.#place === undefined) return found;
    const { kind, parent } = s.#place;
    if (kind === "branch") return Scope.#seek(parent, uses, found, true);
    for (const u of uses) if (s.#known.has(u)) return found;
    return Scope.#seek(parent, uses, { scope: parent, escapes: crossed }, crossed);
  }

  #name(scope: Scope, key: string, type: "i32" | "v128", text: string): string {
    const name = this.#frame.locals.fresh(type === "i32" ? "i" : "v", type);
    scope.lines.push(set(name, text));
    scope.#names.set(key, get(name));
    return get(name);
  }

  #let(key: string, type: "i32" | "v128", uses: ReadonlySet<string>, text: () => string): string {
    return this.#find(key) ?? this.#name(this.#home(uses).scope, key, type, text());
  }

  /** A constant, made once: in the code it takes three instructions each time. */
  #constant(text: string): string {
    return text.endsWith(" 0 0 0 0)") ? text : this.#let(text, "v128", NOTHING, () => text);
  }

  /** An index of the first lane as i32 text. Negative parts wrap, and come back when added. */
  index(i: Index): string {
    return i.terms.reduce((sum, t) => add(sum, times(this.#atom(t.atom), t.by)), i32(i.constant));
  }

  #atom(atom: Atom): string {
    if (atom.kind === "var") return get(atom.name);
    const one = { terms: [{ atom, by: 1 }], constant: 0, min: atom.min, max: atom.max, key: atom.key };
    return this.#let(
      `1:${atom.key}`,
      "i32",
      variablesOf(one),
      () =>
        atom.kind === "value"
          ? `(i32x4.extract_lane 0 ${this.value(atom.value)})`
          : `(i32.${atom.kind === "div" ? "div_u" : "rem_u"} ${this.index(atom.of)} ${i32(atom.by)})`,
    );
  }

  /** An index of each lane. */
  lanesOf(i: Index, copy = 0): string {
    const vector = this.#vector, s = separate(i, vector), uses = variablesOf(i);
    if (s !== undefined) {
      const base = this.#let(`4:${i.key}`, "v128", uses, () => {
        const first = `(i32x4.splat ${this.index(i)})`;
        return s.by === 0 ? first : `(i32x4.add ${first} ${this.#constant(ramp(RAMP.map((l) => l * s.by)))})`;
      });
      return copy === 0 || s.by === 0
        ? base
        : `(i32x4.add ${base} ${this.#constant(ramp(RAMP.map(() => copy * 4 * s.by)))})`;
    }
    if (copy > 0) throw new Error("copies of an index that is not linear in the lanes");
    return this.#let(`4:${i.key}`, "v128", uses, () => {
      const one = (atom: Atom): Index => ({ ...i, terms: [{ atom, by: 1 }], constant: 0, key: atom.key });
      const steady = i.terms.filter((t) => !dependsOn(one(t.atom), vector));
      const rest: Index = { ...i, terms: steady, key: `${i.key}|steady` };
      return i.terms.filter((t) => !steady.includes(t)).reduce((sum, t) => {
        const x = this.#lanesOfAtom(t.atom);
        return `(i32x4.add ${sum} ${t.by === 1 ? x : `(i32x4.mul ${x} ${ramp([t.by, t.by, t.by, t.by])})`})`;
      }, `(i32x4.splat ${this.index(rest)})`);
    });
  }

  #lanesOfAtom(atom: Atom): string {
    if (atom.kind === "var") return `(i32x4.add (i32x4.splat ${get(atom.name)}) ${ramp(RAMP)})`;
    if (atom.kind === "value") return this.value(atom.value);
    return this.#let(`4:(${atom.key})`, "v128", variablesOf(atom.of), () => {
      const of = this.lanesOf(atom.of), shift = Math.log2(atom.by);
      if (Number.isInteger(shift)) {
        return atom.kind === "div"
          ? `(i32x4.shr_u ${of} ${i32(shift)})`
          : `(v128.and ${of} ${ramp(RAMP.map(() => atom.by - 1))})`;
      }
      const name = this.#let(`4:${atom.of.key}`, "v128", variablesOf(atom.of), () => of);
      const lane = (l: number) =>
        `(i32.${atom.kind === "div" ? "div_u" : "rem_u"} (i32x4.extract_lane ${l} ${name}) ${i32(atom.by)})`;
      return [1, 2, 3].reduce(
        (x, l) => `(i32x4.replace_lane ${l} ${x} ${lane(l)})`,
        `(i32x4.splat ${lane(0)})`,
      );
    });
  }

  /** Address of an index of the first lane; the part that does not change with the lanes is computed outside. */
  #address(t: Tensor, at: Index): string {
    const base = this.#frame.buffer(t), s = separate(at, this.#vector);
    if (s === undefined || s.by === 0) {
      return this.#let(
        `&${base}${at.key}`,
        "i32",
        variablesOf(at),
        () => add(base, times(this.index(at), 4)),
      );
    }
    const start = this.#let(
      `&${base}${s.rest.key}`,
      "i32",
      variablesOf(s.rest),
      () => add(base, times(this.index(s.rest), 4)),
    );
    return add(start, times(get(this.#vector), 4 * s.by));
  }

  /** Address of one element, for an index that is the same in every lane. */
  address(t: Tensor, at: Index): string {
    return this.#address(t, at);
  }

  #load(v: Extract<Value, { kind: "load" }>, copy: number, unsafe: boolean): string {
    const s = separate(v.at, this.#vector), last = Math.max(0, sizeOf(v.from.shape) - 1);
    const base = this.#frame.buffer(v.from);
    const held = (index: string, low: number): string =>
      add(base, times(`(call $clamp ${index} ${i32(low)} ${i32(last)})`, 4));
    if (s === undefined) {
      const lanes = this.lanesOf(v.at, copy);
      const safe = unsafe || this.#lanes < 4
        ? `(i32x4.min_s (i32x4.max_s ${lanes} ${ramp([0, 0, 0, 0])}) ${ramp(RAMP.map(() => last))})`
        : lanes;
      const name = this.#frame.locals.fresh("g", "v128");
      this.#home(v.uses).scope.lines.push(set(name, safe));
      return gathered((l) => ({
        at: add(base, times(`(i32x4.extract_lane ${l} ${get(name)})`, 4)),
        offset: 0,
      }));
    }
    const moved = 4 * copy * s.by;
    if (s.by === 0) {
      return `(v128.load32_splat ${unsafe ? held(this.index(v.at), 0) : this.#address(v.from, v.at)})`;
    }
    if (unsafe) {
      const first = add(this.index(v.at), i32(moved));
      if (s.by === 1) return `(v128.load ${held(first, -3)})`;
      const name = this.#frame.locals.fresh("i", "i32");
      this.#home(v.uses).scope.lines.push(set(name, first));
      return gathered((l) => ({ at: held(add(get(name), i32(this.#lane(l) * s.by)), 0), offset: 0 }));
    }
    const address = this.#address(v.from, v.at);
    if (s.by === 1) return `(v128.load offset=${4 * moved} ${address})`;
    if (s.by === -1) {
      return `(i8x16.shuffle 12 13 14 15 8 9 10 11 4 5 6 7 0 1 2 3 (v128.load ${
        add(address, i32(4 * moved - 12))
      }) (v128.const i32x4 0 0 0 0))`;
    }
    const least = s.by < 0 ? 4 * s.by * (this.#lanes - 1) : 0;
    const name = this.#frame.locals.fresh("i", "i32");
    this.#home(v.uses).scope.lines.push(set(name, add(address, i32(4 * moved + least))));
    return gathered((l) => ({ at: get(name), offset: 4 * s.by * this.#lane(l) - least }));
  }

  /** The lane itself, or the last that counts. */
  #lane(l: number): number {
    return Math.min(l, this.#lanes - 1);
  }

  /** A value of a copy as text; anything but a literal is computed into a local first. */
  value(v: Value, copy = 0): string {
    if (v.kind === "literal") return this.#constant(literal(v.value, v.dtype));
    if (v.kind === "reduced" || v.kind === "accumulator") return this.#frame.result(v, copy);
    const moving = v.uses.has(this.#vector), key = moving && copy > 0 ? `${v.key}#${copy}` : v.key;
    const known = this.#find(key);
    if (known !== undefined) return known;
    const home = this.#home(v.uses);
    if (v.kind === "guard") return this.#guard(v, moving ? copy : 0, key);
    if (v.kind === "apply" && inlined[v.op] !== undefined) return this.#inline(v, home.scope, key, copy);
    const text = v.kind === "index"
      ? this.lanesOf(v.at, copy)
      : v.kind === "load"
      ? this.#load(v, copy, this.#guarded > 0 || home.escapes)
      : applyText(v, v.args.map((a) => this.value(a, copy)));
    return this.#name(
      home.scope,
      key,
      "v128",
      v.kind === "load" && v.dtype === "bool" ? `(i32x4.ne ${text} ${ramp([0, 0, 0, 0])})` : text,
    );
  }

  /** A function written out in a scope. Its spare locals are those of all others: none outlives it. */
  #inline(v: Extract<Value, { kind: "apply" }>, scope: Scope, key: string, copy: number): string {
    const { dialect, locals } = this.#frame, x = this.value(v.args[0]!, copy);
    const { lines, result } = inlined[v.op]!(x, {
      number: (n) => this.#constant(literal(n, "f32")),
      spare: (name) => locals.declare(`${name}.spare`, "v128"),
      dialect,
    });
    scope.lines.push(...lines);
    return this.#name(scope, key, "v128", result);
  }

  #guard(v: Extract<Value, { kind: "guard" }>, copy: number, key: string): string {
    const { scope, escapes } = this.#home(v.uses);
    if (scope !== this) {
      return scope.#outer(this.#guarded + (escapes ? 1 : 0), () => scope.#guard(v, copy, key));
    }
    if (dependsOn(v.at, this.#vector)) {
      const lanes = this.lanesOf(v.at, copy);
      const from = v.low === 0 ? lanes : `(i32x4.sub ${lanes} ${ramp(RAMP.map(() => v.low))})`;
      this.#guarded++;
      const then = this.value(v.then, copy), otherwise = this.value(v.otherwise, copy);
      this.#guarded--;
      return this.#name(
        this,
        key,
        "v128",
        `(v128.bitselect ${then} ${otherwise} (i32x4.lt_u ${from} ${ramp(RAMP.map(() => v.high - v.low))}))`,
      );
    }
    const name = this.#frame.locals.fresh("v", "v128");
    const condition = this.#let(
      `?${v.low}<=${v.at.key}<${v.high}`,
      "i32",
      variablesOf(v.at),
      () => `(i32.lt_u ${add(this.index(v.at), i32(-v.low))} ${i32(v.high - v.low)})`,
    );
    const side = (part: Value): string[] => {
      const branch = this.#branch(), text = branch.value(part, copy);
      return [...branch.lines, set(name, text)];
    };
    const then = side(v.then), otherwise = side(v.otherwise);
    this.lines.push(`(if ${condition}`, "(then", ...then, ")", "(else", ...otherwise, "))");
    this.#names.set(key, get(name));
    return get(name);
  }

  /** Runs something here on behalf of an inner scope that is under as many guards. */
  #outer<A>(guarded: number, run: () => A): A {
    const before = this.#guarded;
    this.#guarded = Math.max(before, guarded);
    try {
      return run();
    } finally {
      this.#guarded = before;
    }
  }

  /** Stores values that were computed before, so that none of them reads what another overwrites. */
  store(t: Tensor, at: Index, value: string, copy = 0): void {
    const x = t.dtype === "bool" ? `(v128.and ${value} ${ramp([1, 1, 1, 1])})` : value;
    const s = separate(at, this.#vector);
    if (s === undefined) throw new Error(`the results of ${t.op} are not linear in the lanes`);
    const address = this.#address(t, at), moved = 16 * copy * s.by;
    if (s.by === 1 && this.#lanes === 4) {
      this.lines.push(`(v128.store offset=${moved} ${address} ${x})`);
      return;
    }
    const name = this.#frame.locals.fresh("s", "v128"), to = this.#frame.locals.fresh("i", "i32");
    this.lines.push(set(name, x), set(to, address));
    const count = s.by === 0 ? 1 : this.#lanes;
    for (let l = 0; l < count; l++) {
      this.lines.push(`(v128.store32_lane offset=${moved + 4 * s.by * l} ${l} ${get(to)} ${get(name)})`);
    }
  }
}

/** Four i32 constants. */
export const ramp = (lanes: readonly number[]): string =>
  `(v128.const i32x4 ${lanes.map((l) => l | 0).join(" ")})`;

const gathered = (lane: (l: number) => { readonly at: string; readonly offset: number }): string =>
  [1, 2, 3].reduce((x, l) => {
    const { at, offset } = lane(l);
    return `(v128.load32_lane offset=${offset} ${l} ${at} ${x})`;
  }, `(v128.load32_zero offset=${lane(0).offset} ${lane(0).at})`);
