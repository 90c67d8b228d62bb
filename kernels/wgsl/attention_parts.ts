/** Shared parts of attention kernels: how rows of operands are read, and results stored. */
import type { Tensor } from "@chain-of-sight/core";
import type { AttentionKernel, LoadValue } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";
import { Bindings, type Homes } from "./module.ts";
import { Scope } from "./scope.ts";

/** The numbers from 0 to below `n`. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Text of one attention kernel, and what it shares between its parts. */
export class AttentionWriter {
  /** Its computation. */
  readonly kernel: AttentionKernel;
  /** The buffers. */
  readonly bindings: Bindings;
  /** The body. */
  readonly top: Scope;
  /** 4-vectors of one row. */
  readonly chunks: number;

  /** Text of a kernel whose body knows some variables; `sized` where its arrays say how long they are. */
  constructor(kernel: AttentionKernel, homes: Homes, variables: readonly string[], sized = false) {
    this.kernel = kernel;
    this.bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor), sized);
    this.top = new Scope(this.bindings.spelling(() => ""), variables);
    this.chunks = Math.ceil(kernel.size.width / 4);
  }

  /** Statements that read one row of an operand into 4-vectors `name0, name1, ...`. */
  row(name: string, load: LoadValue, scope: Scope): void {
    const { width } = this.kernel.size, { rest, by } = separate(load.at, "d")!;
    const start = scope.index(rest);
    if (by === 1 && width % 4 === 0 && divisible(rest, 4)) {
      scope.lines.push(`let ${name}_at = (${start}) >> 2u;`);
      const quad = (c: number) => this.bindings.load(load.from, `${name}_at + ${c}u`, true);
      range(this.chunks).forEach((c) => scope.lines.push(`let ${name}${c} = ${quad(c)};`));
      return;
    }
    const element = (i: number) =>
      i < width ? this.bindings.load(load.from, `${name}_at + ${i * by}u`) : "0f";
    scope.lines.push(`let ${name}_at = ${start};`);
    range(this.chunks).forEach((c) =>
      scope.lines.push(`let ${name}${c} = vec4f(${range(4).map((i) => element(4 * c + i)).join(", ")});`)
    );
  }

  /** Product of two rows. */
  dot(a: string, b: string): string {
    return range(this.chunks).map((c) => `dot(${a}${c}, ${b}${c})`).join(" + ");
  }

  /** One statement per chunk. */
  each(f: (c: number) => string): string[] {
    return range(this.chunks).map(f);
  }

  /** Statements that declare `name` as a number at a position that they call `variable`. */
  number(name: string, value: Value, variable: string, at: string, parent: Scope = this.top): string[] {
    const scope = parent.inner([variable]), text = scope.value(value);
    return [
      `var ${name}: ${value.dtype};`,
      "{",
      `let ${variable} = ${at};`,
      ...scope.lines,
      `${name} = ${text};`,
      "}",
    ];
  }

  /**
   * Statements that name the positions `span_begin` up to `span_end` between which lines from `first` to `last` see
   * some, of `length`; the same for all of a workgroup, which reads it from its memory.
   */
  span(first: string, last: string, length: number): string[] {
    const { from, to } = this.kernel.segments!;
    return [
      "if (lane.x == 0u) {",
      ...this.number("span_from", from, "edge", first),
      ...this.number("span_to", to, "edge", last),
      "span[0u] = u32(max(span_from, 0i));",
      "span[1u] = u32(max(span_to, 0i));",
      "}",
      "let span_of = workgroupUniformLoad(&span);",
      `let span_begin = min(span_of[0u], ${length}u);`,
      `let span_end = min(span_of[1u], ${length}u);`,
    ];
  }

  /** A result of the node. */
  result(index: number): Tensor {
    return this.kernel.outputs[index]!.tensor;
  }

  /** Stores a row of accumulators of a result. */
  store(result: number, row: string, value: (c: number) => string): string[] {
    const { width } = this.kernel.size;
    return range(width).map((i) =>
      this.bindings.store(
        this.result(result),
        `${row} * ${width}u + ${i}u`,
        `${value(i >> 2)}.${"xyzw"[i & 3]}`,
      )
    );
  }

  /** Text of the first element of the queries' cotangent in `batch`, the part `split`, and the head `head`. */
  queryGradient(head: string): string {
    const { heads, queries, width } = this.kernel.size;
    return `((batch * ${this.splits}u + split) * ${heads}u + ${head}) * ${queries * width}u`;
  }

  /** Parts of the keys of a head. */
  get splits(): number {
    const { node } = this.kernel;
    return node.op === "attentionGrad" ? (node as Tensor<"attentionGrad">).attributes.splits : 1;
  }

  /**
   * Statements around those of a tile of `side` keys from `line_first` on: for every tile of the part, after zeros for
   * the queries' cotangent, to which every tile adds. One workgroup alone adds to it.
   */
  eachTile(side: number, workers: number, body: readonly string[]): string[] {
    const { keys, heads, groups, queries, width } = this.kernel.size, share = heads / groups;
    const each = Math.ceil(Math.ceil(keys / side) / this.splits) * side, size = share * queries * width;
    return [
      `for (var at = lane.x; at < ${size}u; at += ${workers}u) {`,
      this.bindings.store(this.result(0), `${this.queryGradient(`kv * ${share}u`)} + at`, "0f"),
      "}",
      "storageBarrier();",
      `let line_end = min(${keys}u, (split + 1u) * ${each}u);`,
      `for (var line_first = split * ${each}u; line_first < line_end; line_first += ${side}u) {`,
      ...body,
      "}",
    ];
  }
}

/** The memory through which `span` tells a workgroup. */
export const SPAN = "var<workgroup> span: array<u32, 2>;";

/** A factor as text. */
export const scaleText = (x: number): string => `${Math.fround(x)}f`;

/** Number of keys that a query sees, as text. */
export const seenText = ({ size, node }: AttentionKernel, row = "row"): string => {
  if (!node.attributes.causal) return `${size.keys}u`;
  const ahead = 1 + size.keys - size.queries;
  return ahead > 0
    ? `min(${size.keys}u, ${row} + ${ahead}u)`
    : `u32(clamp(i32(${row}) - ${-ahead}i, 0i, ${size.keys}i))`;
};
