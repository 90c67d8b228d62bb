/**
 * Runs the text of a kernel lane by lane on whatever memory may hold: every load gives a number at random, so that a
 * place which depends on data is tried with all kinds of it. Every access is compared with the length of its array.
 * Barriers are passed over, as what other lanes wrote is random, too.
 */
import { parseModule } from "@chain-of-sight/kernels";
import { stream } from "./random.ts";

type Module = ReturnType<typeof parseModule>;
type FunctionText = Module["functions"] extends ReadonlyMap<string, infer F> ? F : never;
type Statement = FunctionText["body"][number];
type Expr = Extract<Statement, { kind: "assign" }>["value"];

/** A value: integers of 32 bits, other numbers, conditions, or several. */
type Value =
  | { readonly kind: "u" | "i" | "f"; readonly n: number }
  | { readonly kind: "b"; readonly yes: boolean }
  | { readonly kind: "many"; readonly of: readonly Value[] }
  | { readonly kind: "other" };

/** What a text is run with. */
export interface Wandering {
  /** Number of workgroups along each axis. */
  readonly workgroups: readonly number[];
  /** Bytes of each buffer. */
  readonly bytes: readonly number[];
  /** Lanes of a subgroup. */
  readonly lanes: number;
  /** Where the random numbers start. */
  readonly seed: number;
  /** Most workgroups that are tried: the first, the last, and others. */
  readonly most: number;
}

const u = (n: number): Value => ({ kind: "u", n: n >>> 0 }),
  i = (n: number): Value => ({ kind: "i", n: n | 0 });
const f = (n: number): Value => ({ kind: "f", n }), b = (yes: boolean): Value => ({ kind: "b", yes });
const other: Value = { kind: "other" };

const num = (v: Value): number =>
  v.kind === "u" || v.kind === "i" || v.kind === "f" ? v.n : v.kind === "b" ? +v.yes : NaN;
const like = (v: Value, n: number): Value => v.kind === "u" ? u(n) : v.kind === "i" ? i(n) : f(n);
const whole = (v: Value): boolean => v.kind === "u" || v.kind === "i";

class Stop extends Error {}
class Ended {
  constructor(readonly how: "return" | "break", readonly value: Value = other) {}
}

/** Gives the accesses outside of their arrays that some lanes made, as `array[place] of length`. */
export const wander = (
  code: string,
  { workgroups, bytes, lanes, seed, most }: Wandering,
): readonly string[] => {
  const module = parseModule(code), outside = new Set<string>(), random = stream(`wander ${seed}`);
  const int = (n: number) => Math.floor(random() * n);
  const strange = [0, 1, 2, 7, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 40, 1000003];
  let left = 0;

  const bytesOf = (type: string): number =>
    /^vec4/.test(type) ? 4 * bytesOf(/f16|vec4h/.test(type) ? "f16" : "f32") : type === "f16" ? 2 : 4;
  /** Anything that memory may hold. */
  const any = (type: string): Value => {
    if (/^vec/.test(type)) {
      const part = /i32|vec\di/.test(type) ? "i32" : /u32|vec\du/.test(type) ? "u32" : "f32";
      return { kind: "many", of: Array.from({ length: Number(type[3]) }, () => any(part)) };
    }
    const [, each, length] = /^array<(\w+),(\d+)>$/.exec(type) ?? [];
    if (each !== undefined) {
      return {
        kind: "many",
        of: Array.from({ length: Number(length) }, () => any(each)),
      };
    }
    const n = int(3) === 0 ? strange[int(strange.length)]! : int(64);
    return type === "u32"
      ? u(n)
      : type === "i32"
      ? i(n)
      : type === "bool"
      ? b(int(2) === 0)
      : f(random() * 4 - 2);
  };
  const zero = (type: string): Value =>
    /^vec/.test(type)
      ? any(type)
      : type === "u32"
      ? u(0)
      : type === "i32"
      ? i(0)
      : type === "bool"
      ? b(false)
      : f(0);

  class Lane {
    scopes: Map<string, { value: Value }>[] = [];
    constructor(readonly given: Readonly<Record<string, Value>>) {}

    cell(name: string): { value: Value } | undefined {
      for (let s = this.scopes.length - 1; s >= 0; s--) {
        const found = this.scopes[s]!.get(name);
        if (found !== undefined) return found;
      }
      return undefined;
    }

    array(e: Expr): readonly [name: string, length: number, type: string] {
      const global = e.kind === "name" && this.cell(e.name) === undefined
        ? module.globals.get(e.name)
        : undefined;
      if (global === undefined) {
        const v = this.value(e);
        return ["a vector", v.kind === "many" ? v.of.length : 0, "f32"];
      }
      const [, type = "f32", length] = /^array<(.+?)(?:,(\d+))?>$/.exec(global.type) ?? [];
      const count = global.binding === undefined
        ? Number(length)
        : Math.floor(bytes[global.binding]! / bytesOf(type));
      return [global.name, count, type];
    }

    access(e: Expr & { kind: "index" }, more = 0): Value {
      const at = num(this.value(e.at)), [name, length, type] = this.array(e.of);
      if (!(at >= 0 && at + more < length)) outside.add(`${name}[${at}] of ${length}`);
      return any(type);
    }

    call(e: Expr & { kind: "call" }): Value {
      const matrix = /^subgroupMatrix(Load|Store)$/.exec(e.name);
      if (matrix !== null) {
        const store = matrix[1] === "Store", [array, at] = e.args as [Expr, Expr];
        const stride = num(this.value(store ? e.args[3]! : e.args[2]!));
        const type = store ? this.cell((e.args[2] as { name: string }).name)?.value : undefined;
        const sides = /<(\w+),(\d+),(\d+)>/.exec(
          store ? (type as unknown as { type: string })?.type ?? "" : e.types,
        );
        const [columns, rows] = sides === null ? [1, 1] : [Number(sides[2]), Number(sides[3])];
        const [lines, length] = e.types.includes("row_major") ? [rows, columns] : [columns, rows];
        const of = array.kind === "unary" ? array.of : array;
        const each = Math.ceil(length * bytesOf(sides?.[1] ?? "f32") / bytesOf(this.array(of)[2]));
        this.access({ kind: "index", of, at }, (lines - 1) * stride + each - 1);
        return other;
      }
      const own = module.functions.get(e.name), args = e.args.map((a) => this.value(a));
      const [x = other, y = other, z = other] = args;
      if (own !== undefined) return this.run(own, args);
      switch (e.name) {
        case "u32":
          return x.kind === "f" ? u(Math.min(Math.max(0, Math.trunc(x.n)), 2 ** 32 - 1)) : u(num(x));
        case "i32":
          return x.kind === "f" ? i(Math.min(Math.max(-(2 ** 31), Math.trunc(x.n)), 2 ** 31 - 1)) : i(num(x));
        case "f32":
        case "f16":
          return f(num(x));
        case "bitcast":
          return any(e.types.slice(1, -1));
        case "min":
          return whole(x) ? like(x, Math.min(num(x), num(y))) : x;
        case "max":
          return whole(x) ? like(x, Math.max(num(x), num(y))) : x;
        case "clamp":
          return whole(x) ? like(x, Math.min(Math.max(num(x), num(y)), num(z))) : x;
        case "select":
          return z.kind === "b" ? (z.yes ? y : x) : x;
      }
      if (/^subgroup_matrix_/.test(e.name)) return { kind: "other", type: e.types } as Value;
      if (e.name === "subgroupMatrixMultiplyAccumulate") return z;
      if (/^vec/.test(e.name)) return any(e.name + e.types);
      if (/^subgroup(Any|All)$|^any$|^all$/.test(e.name)) return any("bool");
      return x.kind === "u"
        ? any("u32")
        : x.kind === "i"
        ? any("i32")
        : x.kind === "many"
        ? x
        : f(random() * 4 - 2);
    }

    binary(op: string, x: Value, y: Value): Value {
      if (x.kind === "many" || y.kind === "many") return x.kind === "many" ? x : y;
      const [p, q] = [num(x), num(y)], kind = whole(x) ? x : y;
      switch (op) {
        case "<":
          return b(p < q);
        case "<=":
          return b(p <= q);
        case ">":
          return b(p > q);
        case ">=":
          return b(p >= q);
        case "==":
          return b(p === q);
        case "!=":
          return b(p !== q);
        case "+":
          return like(kind, p + q);
        case "-":
          return like(kind, p - q);
        case "*":
          return whole(kind) ? like(kind, Math.imul(p, q)) : f(p * q);
        case "/":
          return whole(kind) ? like(kind, q === 0 ? p : Math.trunc(p / q)) : f(p / q);
        case "%":
          return whole(kind) ? like(kind, q === 0 ? 0 : p % q) : f(p % q);
        case "&":
          return like(kind, p & q);
        case "|":
          return like(kind, p | q);
        case "^":
          return like(kind, p ^ q);
        case "<<":
          return like(x, p << q);
        case ">>":
          return x.kind === "u" ? u(p >>> q) : i(p >> q);
      }
      throw new Error(`the operator ${op}`);
    }

    value(e: Expr): Value {
      switch (e.kind) {
        case "number":
          return e.suffix === "i"
            ? i(e.value)
            : e.suffix === "u" || (e.suffix === "" && Number.isInteger(e.value))
            ? u(e.value)
            : f(e.value);
        case "name":
          return this.cell(e.name)?.value ?? any(module.globals.get(e.name)?.type ?? "f32");
        case "index":
          return this.access(e);
        case "member": {
          const of = this.value(e.of);
          return of.kind === "many" ? of.of["xyzw".indexOf(e.name)]! : of;
        }
        case "unary": {
          const of = this.value(e.of);
          if (e.op === "!") return of.kind === "b" ? b(!of.yes) : of;
          return e.op === "-" && of.kind !== "many" ? like(of, -num(of)) : of;
        }
        case "binary": {
          const x = this.value(e.left);
          if (e.op === "&&" || e.op === "||") {
            const yes = x.kind === "b" && x.yes;
            return yes === (e.op === "||") ? b(yes) : this.value(e.right);
          }
          return this.binary(e.op, x, this.value(e.right));
        }
        case "call":
          return this.call(e);
      }
    }

    block(body: readonly Statement[]): Ended | undefined {
      this.scopes.push(new Map());
      let ended: Ended | undefined;
      for (const s of body) {
        ended = this.statement(s);
        if (ended !== undefined) break;
      }
      this.scopes.pop();
      return ended;
    }

    statement(s: Statement): Ended | undefined {
      if (left-- < 0) throw new Stop();
      switch (s.kind) {
        case "declare": {
          const matrix = /^subgroup_matrix/.test(s.type ?? "");
          const value = s.value !== undefined
            ? this.value(s.value)
            : matrix
            ? { kind: "other", type: s.type } as Value
            : zero(s.type ?? "f32");
          this.scopes.at(-1)!.set(s.name, { value });
          return;
        }
        case "assign": {
          const value = this.value(s.value);
          if (s.to.kind === "name") {
            const cell = this.cell(s.to.name)!;
            if ((cell.value as { type?: string }).type !== undefined) return;
            cell.value = s.op === "" ? value : this.binary(s.op, cell.value, value);
          } else this.value(s.to);
          return;
        }
        case "if": {
          const when = this.value(s.when);
          return this.block(when.kind === "b" && when.yes ? s.then : s.otherwise);
        }
        case "for": {
          this.scopes.push(new Map());
          this.statement(s.first);
          let ended: Ended | undefined;
          while (true) {
            const when = this.value(s.when);
            if (!(when.kind === "b" && when.yes)) break;
            ended = this.block(s.body);
            if (ended !== undefined) break;
            this.statement(s.next);
          }
          this.scopes.pop();
          return ended?.how === "return" ? ended : undefined;
        }
        case "loop": {
          let ended: Ended | undefined;
          while (ended === undefined) ended = this.block(s.body);
          return ended.how === "return" ? ended : undefined;
        }
        case "switch": {
          const of = num(this.value(s.of));
          const hit = s.cases.find((c) => c.value !== undefined && num(this.value(c.value)) === of) ??
            s.cases.find((c) => c.value === undefined);
          const ended = hit === undefined ? undefined : this.block(hit.body);
          return ended?.how === "return" ? ended : undefined;
        }
        case "block":
          return this.block(s.body);
        case "return":
          return new Ended("return", s.value === undefined ? other : this.value(s.value));
        case "break":
          return new Ended("break");
        case "call":
          this.value(s.call);
          return;
      }
    }

    run(fn: FunctionText, args: readonly Value[]): Value {
      const outer = this.scopes;
      this.scopes = [
        new Map(fn.parameters.map(({ name, builtin }, k) => [
          name,
          { value: builtin === undefined ? args[k]! : this.given[builtin]! },
        ])),
      ];
      const ended = this.block(fn.body);
      this.scopes = outer;
      return ended?.value ?? other;
    }
  }

  const [wx, wy, wz] = workgroups as [number, number, number], total = wx * wy * wz, side = module.workgroup;
  const groups = total <= most
    ? Array.from({ length: total }, (_, g) => g)
    : [0, total - 1, ...Array.from({ length: most - 2 }, () => int(total))];
  const workers = side[0] * side[1] * side[2];
  for (const g of groups) {
    for (let w = 0; w < workers; w++) {
      const three = (n: number, [x, y]: readonly number[]): Value => ({
        kind: "many",
        of: [u(n % x!), u(Math.floor(n / x!) % y!), u(Math.floor(n / (x! * y!)))],
      });
      const lane = new Lane({
        workgroup_id: three(g, workgroups),
        local_invocation_id: three(w, side),
        subgroup_id: u(Math.floor(w / lanes)),
        subgroup_invocation_id: u(w % lanes),
        num_subgroups: u(Math.ceil(workers / lanes)),
      });
      // what data lets go on for ever is left
      left = 200_000;
      try {
        lane.run(module.functions.get("main")!, []);
      } catch (e) {
        if (!(e instanceof Stop)) throw e;
      }
    }
  }
  return [...outside];
};
