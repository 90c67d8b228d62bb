/**
 * Attention and its gradients for GPUs: workers own queries (or keys, for their gradients), a workgroup copies a block
 * of the others into workgroup memory (Dao et al. 2022, arXiv 2205.14135), and each worker reads them from there.
 */
import type { StagedAttention } from "../schedule/attention.ts";
import { type AttentionWriter, range } from "./attention_parts.ts";
import { Spread, type Walk } from "./attention_spread.ts";

/** Text of one kernel whose others lie in workgroup memory. */
export class Staged extends Spread {
  /** Declarations of workgroup memory. */
  readonly globals: string[] = [];
  readonly #staged: number;

  /** The text of a kernel with a tile. */
  constructor(w: AttentionWriter, s: StagedAttention) {
    super(w, { lanes: s.workers, own: s.own, block: s.together });
    this.#staged = s.block;
  }

  /** The parts of an other as workgroup memory has them, `turn` after the first of the block. */
  override other(
    j: number | undefined,
    names: readonly string[],
    scalars: readonly string[],
    sees?: Parameters<Spread["other"]>[3],
  ): ReturnType<Spread["other"]> {
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

  /** Loops over blocks that the workgroup copies, and in each over what all own lines see and the rest. */
  override walk({ variable, length, from, low, high, to, rows, values, fast, slow }: Walk): string[] {
    const { lanes, block: together } = this.s, block = this.#staged, { chunks } = this.w;
    Object.keys(rows).forEach((name) =>
      this.globals.push(`var<workgroup> ${name}_block: array<vec4f, ${block * chunks}>;`)
    );
    Object.entries(values).forEach(([name, { dtype }]) =>
      this.globals.push(`var<workgroup> ${name}_block: array<${dtype}, ${block}>;`)
    );
    const scope = this.scope(variable, rows, values);
    const below = (end: string) => `min(max(${end}, first) - first, ${block}u)`;
    return [
      `for (var first = ${from}; first < ${to}; first += ${block}u) {`,
      `for (var at = lane.x; at < ${block}u; at += ${lanes}u) {`,
      `let ${variable} = min(first + at, ${length - 1}u);`,
      ...scope.lines,
      ...Object.keys(rows).flatMap((name) =>
        this.w.each((c) => `${name}_block[at * ${chunks}u + ${c}u] = ${name}${c};`)
      ),
      ...Object.keys(values).map((name) => `${name}_block[at] = ${name};`),
      "}",
      "workgroupBarrier();",
      `let low_end = ${below(low)};`,
      `let high_end = ${below(high)};`,
      // all of a turn lie in the block: there are whole turns alone
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
      "}",
    ];
  }
}
