/**
 * How workgroups share lines of attention on GPUs: workers own queries (or keys, for their gradients), a workgroup copies
 * a block of the others into its memory (Dao et al. 2022, arXiv 2205.14135), and each worker reads them from there.
 */
import type { LoadValue } from "../graph/kernel.ts";
import type { Value } from "../ir/value.ts";
import type { StagedAttention } from "../schedule/schedule.ts";
import { type AttentionWriter, range } from "./attention_parts.ts";

/** One other line. */
export interface Other {
  /** Distinguishes names. */
  readonly tag: string;
  /** Spelling of a 4-vector of one of its rows. */
  readonly pick: (name: string, c: number) => string;
  /** Spelling of one of its numbers. */
  readonly scalar: (name: string) => string;
  /** Whether the own line `i` of a lane sees it; undefined where all do. */
  readonly sees: ((i: number) => string) | undefined;
}

const sum = (v: string): string => `(${v}.x + ${v}.y) + (${v}.z + ${v}.w)`;

/** Requirements of the loops over the others. */
interface Walk {
  /** Name of the position of another line. */
  readonly variable: string;
  /** Number of other lines. */
  readonly length: number;
  /** The first that any own line sees, as text. */
  readonly from: string;
  /** The first of the whole groups of `together` that all own lines see. */
  readonly low: string;
  /** The end of those. */
  readonly high: string;
  /** The end of what any own line sees. */
  readonly to: string;
  /** Operands whose rows are copied. */
  readonly rows: Readonly<Record<string, LoadValue>>;
  /** Numbers of other lines that are copied. */
  readonly values: Readonly<Record<string, Value>>;
  /** Statements for some others that all own lines see. */
  readonly fast: (js: readonly number[]) => string[];
  /** Statements for the other `first + iteration`; undefined where there are whole groups alone. */
  readonly slow: readonly string[] | undefined;
  /** Statements of a worker before those of a block, and of the workgroup after them. */
  readonly around?: { readonly before: readonly string[]; readonly after: readonly string[] };
}

/** Text of one kernel. */
export class Staged {
  /** Shared parts of all attention kernels. */
  readonly w: AttentionWriter;
  /** The tile. */
  readonly s: StagedAttention;
  /** Indices of the own lines of a worker. */
  readonly own: readonly number[];
  /** Declarations of workgroup memory. */
  readonly globals: string[] = [];

  /** The text of a kernel with a tile. */
  constructor(w: AttentionWriter, s: StagedAttention) {
    this.w = w;
    this.s = s;
    this.own = range(s.own);
  }

  /** For every own line and chunk. */
  each(f: (i: number, c: number) => string): string[] {
    return this.own.flatMap((i) => this.w.each((c) => f(i, c)));
  }

  /** Loads what each worker owns: rows of operands into `name{i}_{c}`, values into `name{i}`. */
  load(
    variable: string,
    from: string,
    length: number,
    rows: Readonly<Record<string, LoadValue>>,
    values: Readonly<Record<string, Value>> = {},
  ): void {
    const { top } = this.w, { workers } = this.s;
    this.own.forEach((i) => {
      top.lines.push(`let line${i} = ${from} + ${i * workers}u + lane.x;`);
      const scope = top.inner([variable]);
      Object.entries(rows).forEach(([name, load]) => {
        this.w.row(name, load, scope);
        top.lines.push(...this.w.each((c) => `var ${name}${i}_${c}: vec4f;`));
        scope.lines.push(...this.w.each((c) => `${name}${i}_${c} = ${name}${c};`));
      });
      Object.entries(values).forEach(([name, value]) => {
        top.lines.push(`var ${name}${i}: ${value.dtype};`);
        scope.lines.push(`${name}${i} = ${scope.value(value)};`);
      });
      top.lines.push("{", `let ${variable} = min(line${i}, ${length - 1}u);`, ...scope.lines, "}");
    });
  }

  /** Statements of the dot product of the own rows `mine` and another's `theirs`, into `to{i}`. */
  dots(to: string, mine: string, other: Other, theirs: string): string[] {
    const { chunks } = this.w;
    return this.own.flatMap((i) => {
      const terms = range(chunks).map((c) => {
        const a = `${mine}${i}_${c}`, b = other.pick(theirs, c), name = `${to}${i}${other.tag}_${c}`;
        return c === 0
          ? `let ${name} = ${a} * ${b};`
          : `let ${name} = fma(${a}, ${b}, ${to}${i}${other.tag}_${c - 1});`;
      });
      return [...terms, `let ${to}${i}${other.tag} = ${sum(`${to}${i}${other.tag}_${chunks - 1}`)};`];
    });
  }

  /** Names for the parts of an other as workgroup memory has them: `iteration` after the first of the block, or `j` after that. */
  other(j: number | undefined, names: readonly string[], scalars: readonly string[], sees?: Other["sees"]): {
    readonly lines: string[];
    readonly other: Other;
  } {
    const tag = j === undefined ? "" : `n${j}`, at = j === undefined ? "turn" : `(turn + ${j}u)`;
    return {
      lines: [
        ...names.flatMap((name) =>
          this.w.each((c) => `let ${name}${tag}p${c} = ${name}_block[${at} * ${this.w.chunks}u + ${c}u];`)
        ),
        ...scalars.map((name) => `let ${name}${tag}p = ${name}_block[${at}];`),
      ],
      other: { tag, pick: (name, c) => `${name}${tag}p${c}`, scalar: (name) => `${name}${tag}p`, sees },
    };
  }

  /** Numbers of own lines that every kernel needs: their segments, where there are some. */
  get mine(): Readonly<Record<string, Value>> {
    const { segments, node: { op } } = this.w.kernel;
    return segments === undefined ? {} : { mine: op === "attentionGrad" ? segments.key : segments.row };
  }

  /** Numbers of other lines that every kernel needs. */
  get theirs(): Readonly<Record<string, Value>> {
    const { segments, node: { op } } = this.w.kernel;
    return segments === undefined ? {} : { id: op === "attentionGrad" ? segments.row : segments.key };
  }

  /** Statements that say which own lines see another: by where it is, if it goes alone, and by its segment. */
  visionInput(other: Other, past: ((i: number) => string) | undefined): string[] {
    const same = (i: number): string[] =>
      this.w.kernel.segments === undefined ? [] : [`${other.scalar("id")} == mine${i}`];
    return other.sees === undefined
      ? []
      : this.own.map((i) =>
        `let ${other.sees!(i)} = ${[...(past === undefined ? [] : [past(i)]), ...same(i)].join(" && ")};`
      );
  }

  /** How to ask whether own lines see other `j` of a block, or any; undefined where they all do. */
  seeing(j: number | undefined): Other["sees"] {
    if (j === undefined) return (i) => `sees${i}`;
    return this.w.kernel.segments === undefined ? undefined : (i) => `sees${i}n${j}`;
  }

  /** Adds a weighted row of another to accumulators; what is not seen adds nothing, whatever it is. */
  add(to: string, other: Other, row: string, weight: (i: number) => string): string[] {
    return this.each((i, c) => {
      const x = other.pick(row, c),
        seen = other.sees === undefined ? x : `select(vec4f(), ${x}, ${other.sees(i)})`;
      return `${to}${i}_${c} = fma(${seen}, vec4f(${weight(i)}), ${to}${i}_${c});`;
    });
  }

  /** Loops over blocks that the workgroup copies, and in each over what all own lines see and the rest. */
  walk({ variable, length, from, low, high, to, rows, values, fast, slow, around }: Walk): string[] {
    const { workers, block, together } = this.s, { chunks } = this.w;
    Object.keys(rows).forEach((name) =>
      this.globals.push(`var<workgroup> ${name}_block: array<vec4f, ${block * chunks}>;`)
    );
    Object.entries(values).forEach(([name, { dtype }]) =>
      this.globals.push(`var<workgroup> ${name}_block: array<${dtype}, ${block}>;`)
    );
    const scope = this.w.top.inner(variable === "row" ? ["head", "row"] : [variable]);
    Object.entries(rows).forEach(([name, load]) => this.w.row(name, load, scope));
    Object.entries(values).forEach(([name, v]) => scope.lines.push(`let ${name} = ${scope.value(v)};`));
    const below = (end: string) => `min(max(${end}, first) - first, ${block}u)`;
    return [
      `for (var first = ${from}; first < ${to}; first += ${block}u) {`,
      `for (var at = lane.x; at < ${block}u; at += ${workers}u) {`,
      `let ${variable} = min(first + at, ${length - 1}u);`,
      ...scope.lines,
      ...Object.keys(rows).flatMap((name) =>
        this.w.each((c) => `${name}_block[at * ${chunks}u + ${c}u] = ${name}${c};`)
      ),
      ...Object.keys(values).map((name) => `${name}_block[at] = ${name};`),
      "}",
      "workgroupBarrier();",
      ...around?.before ?? [],
      `let low_end = ${below(low)};`,
      `let high_end = ${below(high)};`,
      // all of an iteration are in the block: there are whole iterations alone
      `for (var turn = low_end; turn + ${together - 1}u < high_end; turn += ${together}u) {`,
      ...fast(range(together)),
      "}",
      ...(slow === undefined ? [] : [
        `let end = ${below(to)};`,
        "var turn = 0u;",
        "loop {",
        "turn = select(turn, max(turn, high_end), turn >= low_end);",
        "if (turn >= end) { break; }",
        ...slow,
        "turn++;",
        "}",
      ]),
      "workgroupBarrier();",
      ...around === undefined ? [] : [...around.after, "workgroupBarrier();"],
      "}",
    ];
  }
}
