/**
 * Walks through the text of a kernel as every worker does at once, and asks of each access whether its place lies in
 * its array whatever the data. Loops are walked once, for any turn; branches are joined by their condition.
 */
import { assigned, breaks, spell } from "./spelling.ts";
import { type Expr, type FunctionText, type ModuleText, type Statement, UnknownText } from "./syntax.ts";
import { assume, atLeast, atMost, impossible, known, nowhere, type Path, plus, whole } from "./sums.ts";
import { Arithmetic, type Known } from "./values.ts";

/** What a text is run with. */
export interface Launch {
  /** Number of workgroups along each axis. */
  readonly workgroups: readonly [number, number, number];
  /** Bytes of each buffer, in order of binding. */
  readonly bytes: readonly number[];
  /** Fewest and most lanes of a subgroup. */
  readonly subgroups: { readonly least: number; readonly most: number };
}

/** An access that is not proved to lie in its array. */
export interface Outside {
  /** The name of the array. */
  readonly array: string;
  /** The buffer of the dispatch, if it is one. */
  readonly binding: number | undefined;
  /** Whether it is written. */
  readonly write: boolean;
  /** The place, as the text has it. */
  readonly at: string;
  /** Least place that was proved. */
  readonly from: number;
  /** Greatest place that was proved. */
  readonly to: number;
  /** Number of elements. */
  readonly size: number;
}

/** Most facts that a proof adds up. */
const DEEPEST = 6;

const SCALARS: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, f16: 2, f: 4, u: 4, i: 4, h: 2 };

/** Bytes of an element of an array. Throws UnknownText for types that kernels do not keep there. */
const bytesOf = (type: string): number => {
  const [, lanes = "1", scalar = type] =
    /^vec([24])(?:<(\w+)>|([fuih]))$/.exec(type)?.filter((part) => part !== undefined) ?? [];
  const each = SCALARS[scalar];
  if (each === undefined) throw new UnknownText(`an array of ${type}`);
  return Number(lanes) * each;
};

interface Cell {
  value: Known;
}

type End = "goes on" | "ends";

const typeOf = (value: Known): string =>
  value.kind === "integer"
    ? (value.signed ? "i32" : "u32")
    : value.kind === "condition"
    ? "bool"
    : value.kind === "data"
    ? value.type
    : "vec3u";

/** The type of a component of a vector. */
const componentOf = (type: string): string =>
  /i32|vec\di\b/.test(type) ? "i32" : /u32|vec\du\b/.test(type) ? "u32" : "f32";

/** Walks through one module. */
class Walk {
  readonly outside = new Map<string, Outside>();
  readonly #arithmetic = new Arithmetic();
  readonly #module: ModuleText;
  readonly #launch: Launch;
  #scopes: Map<string, Cell>[] = [];
  #path: Path = nowhere();
  #log: Map<Cell, Known> | undefined;

  constructor(module: ModuleText, launch: Launch) {
    this.#module = module;
    this.#launch = launch;
  }

  main(): void {
    const main = this.#module.functions.get("main")!, { workgroup } = this.#module;
    const { workgroups, subgroups } = this.#launch, total = workgroup[0] * workgroup[1] * workgroup[2];
    const upTo = (n: number): Known =>
      this.#arithmetic.integer(this.#arithmetic.unknowns.given(0, n - 1), false);
    const most = Math.ceil(total / subgroups.least);
    const builtins: Readonly<Record<string, () => Known>> = {
      workgroup_id: () => ({ kind: "position", parts: workgroups.map(upTo) }),
      local_invocation_id: () => ({ kind: "position", parts: workgroup.map(upTo) }),
      subgroup_id: () => upTo(most),
      subgroup_invocation_id: () => upTo(subgroups.most),
      num_subgroups: () => this.#arithmetic.integer(this.#arithmetic.unknowns.given(1, most), false),
    };
    const given = main.parameters.map(({ type, builtin }) =>
      builtins[builtin ?? ""]?.() ?? this.#arithmetic.any(type)
    );
    this.#run(main, given);
  }

  #run(f: FunctionText, given: readonly Known[]): Known {
    if (f.parameters.some(({ type }) => type.startsWith("ptr"))) {
      throw new UnknownText(`a pointer given to ${f.name}`);
    }
    const outer = this.#scopes, path = this.#path;
    this.#scopes = [new Map(f.parameters.map(({ name }, i) => [name, { value: given[i]! }]))];
    this.#block(f.body);
    this.#scopes = outer;
    this.#path = path;
    return this.#arithmetic.any(f.type ?? "");
  }

  #cell(name: string): Cell | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const cell = this.#scopes[i]!.get(name);
      if (cell !== undefined) return cell;
    }
    return undefined;
  }

  #set(cell: Cell, value: Known): void {
    if (this.#log?.has(cell) === false) this.#log.set(cell, cell.value);
    cell.value = value;
  }

  /** Statements in a scope of their own; what is known inside is forgotten behind it. */
  #block(body: readonly Statement[]): End {
    const path = this.#path, end = this.#inBlock(body);
    this.#path = path;
    return end;
  }

  /** Runs a branch; gives what it left in the cells that it changed, which are put back. */
  #branch(path: Path, body: readonly Statement[]): { readonly end: End; readonly left: Map<Cell, Known> } {
    const outer = this.#log, before = this.#path, log = new Map<Cell, Known>();
    this.#log = log;
    this.#path = path;
    const end = this.#block(body);
    this.#log = outer;
    this.#path = before;
    const left = new Map([...log.keys()].map((cell) => [cell, cell.value]));
    for (const [cell, value] of log) cell.value = value;
    return { end, left };
  }

  #if(when: Expr, then: readonly Statement[], otherwise: readonly Statement[]): End {
    const condition = this.#arithmetic.condition(this.#value(when)), path = this.#path;
    const yes = assume(path, condition, true), no = assume(path, condition, false);
    const never = { end: "ends" as const, left: new Map<Cell, Known>() };
    const a = impossible(path, yes) ? never : this.#branch(yes, then);
    const b = impossible(path, no) ? never : this.#branch(no, otherwise);
    if (a.end === "ends" && b.end === "ends") return "ends";
    for (const cell of new Set([...a.left.keys(), ...b.left.keys()])) {
      const [x, y] = [a.left.get(cell) ?? cell.value, b.left.get(cell) ?? cell.value];
      this.#set(
        cell,
        a.end === "ends" ? y : b.end === "ends" ? x : this.#arithmetic.either(condition, x, y),
      );
    }
    if (a.end === "ends") this.#path = no;
    if (b.end === "ends") this.#path = yes;
    return "goes on";
  }

  /** Forgets what a loop may change. */
  #forget(names: Iterable<string>): void {
    for (const name of names) {
      const cell = this.#cell(name);
      if (cell !== undefined) this.#set(cell, this.#arithmetic.any(typeOf(cell.value)));
    }
  }

  #loop(body: readonly Statement[]): void {
    const names = assigned(body);
    this.#forget(names);
    this.#block(body);
    this.#forget(names);
  }

  /** A loop that counts up: its variable is the start and a multiple of the step, below the end. */
  #counted(s: Statement & { readonly kind: "for" }): void {
    this.#scopes.push(new Map());
    this.#statement(s.first);
    const { when, next, body } = s, changed = assigned(body), path = this.#path;
    const name = s.first.kind === "declare" ? s.first.name : "", cell = this.#cell(name);
    const start = cell?.value;
    this.#forget([...changed, name]);
    const by = next.kind === "assign" && next.op === "+" && spell(next.to) === name
      ? this.#value(next.value)
      : undefined;
    const step = by?.kind === "integer" && by.sum.terms.size === 0 ? by.sum.constant : 0;
    if (
      start?.kind === "integer" && !start.signed && step > 0 && !changed.has(name) &&
      when.kind === "binary" && when.op === "<"
    ) this.#count(cell!, start, step, this.#value(when.left), this.#value(when.right));
    const condition = this.#arithmetic.condition(this.#value(when));
    this.#path = assume(this.#path, condition, true);
    if (this.#block(body) === "goes on") this.#statement(next);
    this.#path = path;
    this.#forget([...changed, name]);
    this.#scopes.pop();
  }

  #count(
    cell: Cell,
    start: Known & { readonly kind: "integer" },
    step: number,
    left: Known,
    end: Known,
  ): void {
    if (left.kind !== "integer" || end.kind !== "integer" || cell.value.kind !== "integer") return;
    const ahead = plus(left.sum, cell.value.sum, -1);
    if (ahead.terms.size > 0 || ahead.constant < 0) return;
    const first = this.#arithmetic.exact(this.#path, start), stop = this.#arithmetic.exact(this.#path, end);
    const furthest = Math.max(atMost(this.#path, stop, 2), atMost(this.#path, first, 2) + 1);
    // the last step must not pass the end of the numbers
    if (furthest + ahead.constant + step > 2 ** 32) return;
    const turns = Math.ceil((furthest - ahead.constant - atLeast(this.#path, first, 2)) / step) - 1;
    const turn = this.#arithmetic.unknowns.given(0, Math.max(0, turns));
    cell.value = this.#arithmetic.integer(plus(first, turn, step), false);
  }

  #switch(
    of: Expr,
    cases: readonly { readonly value: Expr | undefined; readonly body: readonly Statement[] }[],
  ): End {
    const value = this.#value(of), path = this.#path;
    const equals = (e: Expr) =>
      this.#arithmetic.condition(this.#arithmetic.binary(path, "==", value, this.#value(e)));
    const named = cases.flatMap((c) => c.value === undefined ? [] : [c.value]);
    const ends: End[] = [], changed = new Set<string>();
    if (cases.some((c) => breaks(c.body))) throw new UnknownText("break in a switch");
    for (const { value: is, body } of cases) {
      const here = is === undefined ? this.#noneOf(value, named) : assume(path, equals(is), true);
      if (impossible(path, here)) continue;
      ends.push(this.#branch(here, body).end);
      assigned(body, changed);
    }
    this.#forget(changed);
    return ends.every((e) => e === "ends") ? "ends" : "goes on";
  }

  /** What is known where a number is none of some: those at the top of its range make it lower. */
  #noneOf(value: Known, named: readonly Expr[]): Path {
    if (value.kind !== "integer") return this.#path;
    const sum = this.#arithmetic.exact(this.#path, value), constants = new Set<number>();
    for (const e of named) if (e.kind === "number") constants.add(e.value);
    let top = atMost(this.#path, sum, 3);
    while (constants.has(top)) top--;
    return known(this.#path, [plus(sum, whole(-top))]);
  }

  #statement(s: Statement): End {
    switch (s.kind) {
      case "declare": {
        const value = s.value === undefined ? this.#arithmetic.zero(s.type ?? "") : this.#value(s.value);
        this.#scopes.at(-1)!.set(s.name, { value });
        return "goes on";
      }
      case "assign": {
        const value = this.#value(s.value), cell = s.to.kind === "name" ? this.#cell(s.to.name) : undefined;
        if (cell === undefined) this.#place(s.to, true);
        else {
          this.#set(
            cell,
            s.op === "" ? value : this.#arithmetic.binary(this.#path, s.op, cell.value, value),
          );
        }
        return "goes on";
      }
      case "call":
        this.#value(s.call);
        return "goes on";
      case "if":
        return this.#if(s.when, s.then, s.otherwise);
      case "for":
        this.#counted(s);
        return "goes on";
      case "loop":
        this.#loop(s.body);
        return "goes on";
      case "switch":
        return this.#switch(s.of, s.cases);
      case "block":
        return this.#inBlock(s.body);
      case "return":
        if (s.value !== undefined) this.#value(s.value);
        return "ends";
      case "break":
        return "ends";
    }
  }

  /** A plain block: what a guard in it lets through holds behind it, too. */
  #inBlock(body: readonly Statement[]): End {
    this.#scopes.push(new Map());
    let end: End = "goes on";
    for (const s of body) {
      end = this.#statement(s);
      if (end === "ends") break;
    }
    this.#scopes.pop();
    return end;
  }

  /** An element that is read or written; gives its type. */
  #place(e: Expr, write: boolean): string {
    if (e.kind === "member") return componentOf(this.#place(e.of, write));
    if (e.kind !== "index") return typeOf(this.#value(e));
    const at = this.#value(e.at), [name, size, type, binding] = this.#array(e.of);
    this.#check({ array: name, binding, write, at: spell(e.at), size }, at, 0);
    return type;
  }

  /** The name, length and element type of an array, and the buffer that it is. */
  #array(e: Expr): readonly [name: string, size: number, type: string, binding: number | undefined] {
    const global = e.kind === "name" && this.#cell(e.name) === undefined
      ? this.#module.globals.get(e.name)
      : undefined;
    if (global === undefined) {
      const type = typeOf(this.#value(e)), local = /^array<(.+),(\d+)>$/.exec(type);
      if (local !== null) return [spell(e), Number(local[2]), local[1]!, undefined];
      return [spell(e), Number(/^vec(\d)/.exec(type)?.[1] ?? 0), componentOf(type), undefined];
    }
    const [, element, length] = /^array<(.+?)(?:,(\d+))?>$/.exec(global.type) ?? [];
    if (element === undefined) return [global.name, 0, global.type, global.binding];
    const size = global.binding === undefined
      ? Number(length ?? 0)
      : Math.floor((this.#launch.bytes[global.binding] ?? 0) / bytesOf(element));
    return [global.name, size, element, global.binding];
  }

  /** Notes an access that is not proved: `more` elements follow the first. */
  #check(about: Omit<Outside, "from" | "to">, at: Known, more: number): void {
    if (at.kind !== "integer") {
      this.#note({ ...about, from: 0, to: Infinity });
      return;
    }
    let from = -Infinity, to = Infinity;
    for (let depth = 0; depth <= DEEPEST; depth++) {
      if (from < 0) from = Math.max(from, atLeast(this.#path, at.sum, depth));
      if (to + more >= about.size) to = Math.min(to, atMost(this.#path, at.sum, depth));
      if (from >= 0 && to + more < about.size) return;
    }
    this.#note({ ...about, from, to: to + more });
  }

  #note(outside: Outside): void {
    this.outside.set(`${outside.write} ${outside.array}[${outside.at}]`, outside);
  }

  #value(e: Expr): Known {
    switch (e.kind) {
      case "number":
        return /^[iu]?$/.test(e.suffix) && Number.isInteger(e.value)
          ? this.#arithmetic.integer(whole(e.value), e.suffix === "i")
          : this.#arithmetic.any("f32");
      case "name": {
        const cell = this.#cell(e.name);
        if (cell !== undefined) return cell.value;
        return this.#arithmetic.any(this.#module.globals.get(e.name)?.type ?? "");
      }
      case "index":
        return this.#arithmetic.any(this.#place(e, false));
      case "member": {
        const of = this.#value(e.of);
        return of.kind === "position"
          ? of.parts[["x", "y", "z"].indexOf(e.name)] ?? this.#arithmetic.any("")
          : this.#arithmetic.any(componentOf(typeOf(of)));
      }
      case "unary": {
        const of = this.#value(e.of);
        if (e.op === "!") {
          return { kind: "condition", condition: this.#arithmetic.not(this.#arithmetic.condition(of)) };
        }
        return e.op === "-" && of.kind === "integer"
          ? this.#arithmetic.binary(this.#path, "-", this.#arithmetic.integer(whole(0), of.signed), of)
          : this.#arithmetic.any(typeOf(of));
      }
      case "binary":
        return this.#joined(e.op, e.left, e.right);
      case "call":
        return this.#call(e);
    }
  }

  /** Right sides of `&&` and `||` are looked at only where the left one lets them. */
  #joined(op: string, left: Expr, right: Expr): Known {
    const a = this.#value(left), path = this.#path;
    if (op === "&&" || op === "||") {
      this.#path = assume(path, this.#arithmetic.condition(a), op === "&&");
    }
    const b = this.#value(right);
    this.#path = path;
    return this.#arithmetic.binary(path, op, a, b);
  }

  #call(e: Expr & { readonly kind: "call" }): Known {
    const matrix = /^subgroupMatrix(Load|Store)$/.exec(e.name);
    if (matrix !== null) return this.#matrix(e, matrix[1] === "Store");
    const args = e.args.map((a) => this.#value(a)), [a, b, c] = args;
    const own = this.#module.functions.get(e.name);
    if (own !== undefined) return this.#run(own, args);
    switch (e.name) {
      case "u32":
      case "i32":
        return a?.kind === "integer"
          ? this.#arithmetic.integer(a.sum, e.name === "i32")
          : a?.kind === "condition"
          ? this.#arithmetic.integer(
            this.#arithmetic.unknowns.either(a.condition, whole(1), whole(0)),
            e.name === "i32",
          )
          : this.#arithmetic.any(e.name);
      case "bitcast":
        return this.#arithmetic.any(e.types.slice(1, -1));
      case "min":
      case "max":
        return this.#arithmetic.pick(this.#path, e.name === "min" ? "least" : "greatest", a!, b!);
      case "clamp":
        return this.#arithmetic.pick(
          this.#path,
          "least",
          this.#arithmetic.pick(this.#path, "greatest", a!, b!),
          c!,
        );
      case "select":
        return this.#arithmetic.either(this.#arithmetic.condition(c!), b!, a!);
      case "subgroupMatrixMultiplyAccumulate":
        return c!;
      case "any":
      case "all":
      case "subgroupAny":
      case "subgroupAll":
        return this.#arithmetic.any("bool");
      case "bool":
        return { kind: "condition", condition: this.#arithmetic.condition(a!) };
    }
    // what else gives integers gives those of its first argument's type; vectors are named by theirs
    const made = /^(?:vec[234][fuih]?|f32|f16|subgroup_matrix_\w+)$/.test(e.name)
      ? e.name + e.types
      : typeOf(a ?? this.#arithmetic.any(""));
    return this.#arithmetic.any(made);
  }

  /**
   * Loads and stores of whole matrices: rows or columns `stride` apart, each of as many numbers as the type says. An
   * element of the array may hold several of these.
   */
  #matrix(e: Expr & { readonly kind: "call" }, write: boolean): Known {
    const [array, at, third, fourth] = e.args as [Expr, Expr, Expr, Expr?];
    const stride = this.#value(write ? fourth! : third), place = this.#value(at);
    const type = write
      ? typeOf(this.#value(third))
      : /^<(subgroup_matrix_\w+<.+?>),/.exec(e.types)?.[1] ?? "";
    const [, number = "", ...sides] = /<(\w+),(\d+),(\d+)>$/.exec(type) ?? [];
    const [columns, rows] = sides.map(Number), byRow = e.types.includes("row_major");
    const [name, size, held, binding] = this.#array(array.kind === "unary" ? array.of : array);
    const about = { array: name, binding, write, at: spell(at), size };
    if (
      columns === undefined || rows === undefined || stride.kind !== "integer" || stride.sum.terms.size > 0
    ) {
      this.#note({ ...about, from: 0, to: Infinity });
      return this.#arithmetic.any(type);
    }
    const [lines, length] = byRow ? [rows, columns] : [columns, rows];
    const each = Math.ceil(length * bytesOf(number) / bytesOf(held));
    this.#check(about, place, (lines - 1) * stride.sum.constant + each - 1);
    return this.#arithmetic.any(type);
  }
}

/** Accesses of a module that are not proved to lie in their arrays, run as `launch` says. */
export const walkText = (module: ModuleText, launch: Launch): readonly Outside[] => {
  const walk = new Walk(module, launch);
  walk.main();
  return [...walk.outside.values()];
};
