/** The part of WGSL that kernels are written in, as trees. What is not of this part is refused, never skipped. */

/** An expression. */
export type Expr =
  | { readonly kind: "number"; readonly value: number; readonly suffix: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "index"; readonly of: Expr; readonly at: Expr }
  | { readonly kind: "member"; readonly of: Expr; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly types: string; readonly args: readonly Expr[] }
  | { readonly kind: "unary"; readonly op: string; readonly of: Expr }
  | { readonly kind: "binary"; readonly op: string; readonly left: Expr; readonly right: Expr };

/** A statement. */
export type Statement =
  | {
    readonly kind: "declare";
    readonly name: string;
    readonly type: string | undefined;
    readonly value: Expr | undefined;
  }
  | { readonly kind: "assign"; readonly to: Expr; readonly op: string; readonly value: Expr }
  | {
    readonly kind: "if";
    readonly when: Expr;
    readonly then: readonly Statement[];
    readonly otherwise: readonly Statement[];
  }
  | {
    readonly kind: "for";
    readonly first: Statement;
    readonly when: Expr;
    readonly next: Statement;
    readonly body: readonly Statement[];
  }
  | { readonly kind: "loop"; readonly body: readonly Statement[] }
  | {
    readonly kind: "switch";
    readonly of: Expr;
    /** The default has no value. */
    readonly cases: readonly { readonly value: Expr | undefined; readonly body: readonly Statement[] }[];
  }
  | { readonly kind: "block"; readonly body: readonly Statement[] }
  | { readonly kind: "return"; readonly value: Expr | undefined }
  | { readonly kind: "break" }
  | { readonly kind: "call"; readonly call: Expr };

/** A function. */
export interface FunctionText {
  /** Its name. */
  readonly name: string;
  /** Names and types of what it takes. */
  readonly parameters: readonly { readonly name: string; readonly type: string; readonly builtin?: string }[];
  /** The type of its result; undefined where there is none. */
  readonly type: string | undefined;
  /** What it does. */
  readonly body: readonly Statement[];
}

/** A variable of the module. */
export interface GlobalText {
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly type: string;
  /** Where it lives: `storage`, `workgroup` or `private`. */
  readonly space: string;
  /** Its place among the buffers of a dispatch. */
  readonly binding: number | undefined;
}

/** A module. */
export interface ModuleText {
  /** Its variables. */
  readonly globals: ReadonlyMap<string, GlobalText>;
  /** Its functions, `main` among them. */
  readonly functions: ReadonlyMap<string, FunctionText>;
  /** Workers of a workgroup along each axis. */
  readonly workgroup: readonly [number, number, number];
}

/** Raised where a text is not of the part that is known. */
export class UnknownText extends Error {}

interface Token {
  readonly kind: "number" | "name" | "sign" | "end";
  readonly text: string;
}

const TOKENS =
  /\s+|\/\/[^\n]*|(0x[0-9a-fA-F]+[iu]?|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[iufh]?)|([A-Za-z_]\w*)|(<<=|>>=|->|\+\+|--|&&|\|\||==|!=|<=|>=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|<<|>>|[-+*/%&|^~!<>=()[\]{},;:.@])/gy;

const tokensOf = (text: string): readonly Token[] => {
  const out: Token[] = [];
  TOKENS.lastIndex = 0;
  while (TOKENS.lastIndex < text.length) {
    const at = TOKENS.lastIndex, found = TOKENS.exec(text);
    if (found === null) throw new UnknownText(`the sign ${JSON.stringify(text.slice(at, at + 12))}`);
    const [, number, name, sign] = found;
    if (number !== undefined) out.push({ kind: "number", text: number });
    else if (name !== undefined) out.push({ kind: "name", text: name });
    else if (sign !== undefined) out.push({ kind: "sign", text: sign });
  }
  return out;
};

/** How strongly operators bind; comparisons do not chain. */
const BINDS: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};

/** Names that are followed by types in angle brackets. */
const GENERIC = /^(?:vec[234]|array|bitcast|ptr|atomic|subgroup_matrix_\w+|subgroupMatrix(?:Load|Store))$/;

/** Reads a text from its tokens. */
class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead]?.text ?? "the end";
  }

  get over(): boolean {
    return this.#at >= this.#tokens.length;
  }

  take(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new UnknownText("the end");
    return token;
  }

  is(text: string): boolean {
    if (this.peek() !== text) return false;
    this.#at++;
    return true;
  }

  need(text: string): void {
    if (!this.is(text)) throw new UnknownText(`${this.peek()} where ${text} is expected`);
  }

  name(): string {
    const { kind, text } = this.take();
    if (kind !== "name") throw new UnknownText(`${text} where a name is expected`);
    return text;
  }

  /** Types in angle brackets, without blanks. */
  types(): string {
    let depth = 0, out = "";
    do {
      const { text } = this.take();
      out += text;
      depth += text === "<" ? 1 : text === ">" ? -1 : text === ">>" ? -2 : 0;
    } while (depth > 0);
    return out;
  }

  type(): string {
    const name = this.name();
    return this.peek() === "<" ? name + this.types() : name;
  }

  list<T>(item: () => T, end: string): T[] {
    const out: T[] = [];
    while (!this.is(end)) {
      out.push(item());
      if (!this.is(",")) {
        this.need(end);
        break;
      }
    }
    return out;
  }

  #primary(): Expr {
    const { kind, text } = this.take();
    if (kind === "number") {
      const suffix = /^0x/.test(text) ? /[iu]$/.exec(text)?.[0] ?? "" : /[iufh]$/.exec(text)?.[0] ?? "";
      return { kind: "number", value: Number(text.slice(0, text.length - suffix.length)), suffix };
    }
    if (text === "(") {
      const inner = this.expression();
      this.need(")");
      return inner;
    }
    if (kind !== "name") throw new UnknownText(`${text} where a value is expected`);
    const types = GENERIC.test(text) && this.peek() === "<" ? this.types() : "";
    return this.is("(")
      ? { kind: "call", name: text, types, args: this.list(() => this.expression(), ")") }
      : { kind: "name", name: text };
  }

  #unary(): Expr {
    for (const op of ["-", "!", "~", "&", "*"]) {
      if (this.is(op)) return { kind: "unary", op, of: this.#unary() };
    }
    let value = this.#primary();
    while (true) {
      if (this.is("[")) {
        value = { kind: "index", of: value, at: this.expression() };
        this.need("]");
      } else if (this.is(".")) value = { kind: "member", of: value, name: this.name() };
      else return value;
    }
  }

  expression(least = 1): Expr {
    let left = this.#unary();
    while (true) {
      const op = this.peek(), binds = BINDS[op];
      if (binds === undefined || binds < least) return left;
      this.take();
      left = { kind: "binary", op, left, right: this.expression(binds + 1) };
    }
  }

  block(): Statement[] {
    this.need("{");
    const out: Statement[] = [];
    while (!this.is("}")) out.push(this.statement());
    return out;
  }

  /** A declaration or what changes something, without its semicolon. */
  simple(): Statement {
    if (this.is("let") || this.is("var") || this.is("const")) {
      const name = this.name(), type = this.is(":") ? this.type() : undefined;
      return { kind: "declare", name, type, value: this.is("=") ? this.expression() : undefined };
    }
    const to = this.#unary();
    if (to.kind === "call") return { kind: "call", call: to };
    const one: Expr = { kind: "number", value: 1, suffix: "" }, op = this.take().text;
    if (op === "++" || op === "--") return { kind: "assign", to, op: op[0]!, value: one };
    if (!/^[-+*/%&|^]?=$|^(?:<<|>>)=$/.test(op)) throw new UnknownText(`the statement ${op}`);
    return { kind: "assign", to, op: op.slice(0, -1), value: this.expression() };
  }

  statement(): Statement {
    switch (this.peek()) {
      case "{":
        return { kind: "block", body: this.block() };
      case "if": {
        this.take();
        const when = this.expression(), then = this.block();
        const otherwise = !this.is("else") ? [] : this.peek() === "if" ? [this.statement()] : this.block();
        return { kind: "if", when, then, otherwise };
      }
      case "for": {
        this.take();
        this.need("(");
        const first = this.simple();
        this.need(";");
        const when = this.expression();
        this.need(";");
        const next = this.simple();
        this.need(")");
        return { kind: "for", first, when, next, body: this.block() };
      }
      case "loop":
        this.take();
        return { kind: "loop", body: this.block() };
      case "switch": {
        this.take();
        const of = this.expression();
        this.need("{");
        const cases: { readonly value: Expr | undefined; readonly body: readonly Statement[] }[] = [];
        while (!this.is("}")) {
          const value = this.is("default") ? undefined : (this.need("case"), this.expression());
          this.is(":");
          cases.push({ value, body: this.block() });
        }
        return { kind: "switch", of, cases };
      }
      case "return": {
        this.take();
        const value = this.peek() === ";" ? undefined : this.expression();
        this.need(";");
        return { kind: "return", value };
      }
      case "break":
        this.take();
        this.need(";");
        return { kind: "break" };
      default: {
        const statement = this.simple();
        this.need(";");
        return statement;
      }
    }
  }

  /** Attributes before a declaration: their numbers and names. */
  attributes(): ReadonlyMap<string, readonly string[]> {
    const out = new Map<string, readonly string[]>();
    while (this.is("@")) {
      const name = this.name();
      out.set(name, this.is("(") ? this.list(() => this.take().text, ")") : []);
    }
    return out;
  }
}

const parameter = (r: Reader): FunctionText["parameters"][number] => {
  const builtin = r.attributes().get("builtin")?.[0], name = r.name();
  r.need(":");
  const type = r.type();
  return builtin === undefined ? { name, type } : { name, type, builtin };
};

/** Reads a module. Throws UnknownText where it is not of the known part. */
export const parseModule = (text: string): ModuleText => {
  const r = new Reader(text), globals = new Map<string, GlobalText>();
  const functions = new Map<string, FunctionText>();
  let workgroup: [number, number, number] = [1, 1, 1];
  while (!r.over) {
    if (r.is("enable") || r.is("diagnostic")) {
      while (!r.is(";")) r.take();
      continue;
    }
    const attributes = r.attributes(), sides = attributes.get("workgroup_size");
    if (sides !== undefined) workgroup = [0, 1, 2].map((i) => Number(sides[i] ?? 1)) as typeof workgroup;
    if (r.is("var")) {
      const [space = "", ...access] = r.types().slice(1, -1).split(","), name = r.name();
      r.need(":");
      const type = r.type(), binding = attributes.get("binding")?.[0];
      if (r.is("=")) r.expression();
      r.need(";");
      if (access.length > 1) throw new UnknownText(`the variable ${name}`);
      globals.set(name, { name, type, space, binding: binding === undefined ? undefined : Number(binding) });
      continue;
    }
    r.need("fn");
    const name = r.name();
    r.need("(");
    const parameters = r.list(() => parameter(r), ")");
    const type = r.is("->") ? r.type() : undefined;
    functions.set(name, { name, parameters, type, body: r.block() });
  }
  return { globals, functions, workgroup };
};
