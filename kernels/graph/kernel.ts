/** Kernels: what one dispatch computes, as scalar expressions over loops. Both code generators start from these. */
import { type AttentionOp, type ReduceOp, show, type Tensor } from "@chain-of-sight/core";
import type { Index } from "../ir/index_expr.ts";
import type { Place } from "./repeat.ts";
import type { Value } from "../ir/value.ts";

/** Name of the column variable of a loop of this length. */
export const columnName = (length: number): string => `col${length}`;

/** One result of a kernel: `value` is stored at `at` for every element of the kernel's loops. */
export interface Output {
  /** The description that gets memory. */
  readonly tensor: Tensor;
  /** What is stored. */
  readonly value: Value;
  /** Where, in elements. */
  readonly at: Index;
  /** Whether there is one per row (`row` alone) rather than one per row and column. */
  readonly perRow: boolean;
}

/** A reduction inside a loop kernel: over its column variable from 0 to `length - 1`, for each row. */
export interface Reduction {
  /** The reduction it computes. */
  readonly tensor: Tensor;
  /** How values combine. */
  readonly op: ReduceOp;
  /** Number of values. */
  readonly length: number;
  /** The value at (`row`, `col`). */
  readonly value: Value;
}

/** Rows, each with reductions in sequence and then outputs over columns. Without reductions: a map, one column. */
export interface LoopKernel {
  /** Discriminates kernels. */
  readonly kind: "loop";
  /** Number of rows. */
  readonly rows: number;
  /** Columns of the outputs that are not per row. */
  readonly columns: number;
  /** Reductions, in order of dependence. */
  readonly reductions: readonly Reduction[];
  /** Results. */
  readonly outputs: readonly Output[];
  /** Its computation, for people, where that is more than its results say. */
  readonly title?: string;
}

/** A batched matrix product with fused views on its operands and fused scalar expressions on its result. */
export interface ContractionKernel {
  /** Discriminates kernels. */
  readonly kind: "contraction";
  /** The product. */
  readonly core: Tensor<"matmul">;
  /** Batch, rows, columns, summed length. */
  readonly size: { readonly batch: number; readonly m: number; readonly n: number; readonly k: number };
  /** Left operand at (`batch`, `row`, `k`). */
  readonly left: LoadValue;
  /** Right operand at (`batch`, `k`, `col`). */
  readonly right: LoadValue;
  /** Results at (`batch`, `row`, `col`), in terms of the accumulator. */
  readonly outputs: readonly Output[];
}

/** Sums rows of updates into a table by ids, in order of position. */
export interface ScatterKernel {
  /** Discriminates kernels. */
  readonly kind: "scatter";
  /** Number of ids. */
  readonly positions: number;
  /** Elements of one row. */
  readonly width: number;
  /** Rows of the table. */
  readonly tableRows: number;
  /** The id at position `row`. */
  readonly id: Value;
  /** The id at position `other`. */
  readonly otherId: Value;
  /** The update at (`other`, `col`). */
  readonly update: Value;
  /** Memory for a word of each position: where the next of its id is, and whether it is the first. */
  readonly links: Tensor;
  /** The table. */
  readonly outputs: readonly Output[];
}

/**
 * Segments of packed rows, as i32 numbers. A query and a key see each other where the numbers at `row` and at `key` are
 * equal, which never holds for padding: it is -1 as a query, 0 as a key.
 */
export interface SegmentValues {
  /** Of the query at (`batch`, `row`). */
  readonly row: Value;
  /** Of the key at (`batch`, `key`). */
  readonly key: Value;
  /** The first position that anything from (`batch`, `edge`) on sees. */
  readonly from: Value;
  /** The end of the positions that anything up to (`batch`, `edge`) sees. */
  readonly to: Value;
}

/** Attention or its gradient, without the square of scores in memory. */
export interface AttentionKernel {
  /** Discriminates kernels. */
  readonly kind: "attention";
  /** Which of the two, with its attributes. */
  readonly node: Tensor<AttentionOp>;
  /** Batch, query heads, key-value heads, queries, keys, channels of a head. */
  readonly size: {
    readonly batch: number;
    readonly heads: number;
    readonly groups: number;
    readonly queries: number;
    readonly keys: number;
    readonly width: number;
  };
  /** Queries at (`batch`, `head`, `row`, `d`). */
  readonly query: LoadValue;
  /** Keys at (`batch`, `kv`, `key`, `d`). */
  readonly key: LoadValue;
  /** Values at the same. */
  readonly value: LoadValue;
  /** Of the gradient: the cotangent at (`batch`, `head`, `row`, `d`), log normaliser and delta at (`batch`, `head`, `row`). */
  readonly back: { readonly cotangent: LoadValue; readonly lse: Value; readonly delta: Value } | undefined;
  /** Of packed rows: who sees whom. */
  readonly segments: SegmentValues | undefined;
  /** The results of the node, in order. */
  readonly outputs: readonly Output[];
}

/** The kernels of one iteration of a scan, run for every iteration with other memory. */
export interface RepeatKernel {
  /** Discriminates kernels. */
  readonly kind: "repeat";
  /** The scan. */
  readonly node: Tensor<"scan">;
  /** Number of iterations. */
  readonly length: number;
  /** What each iteration runs, in order. */
  readonly inside: readonly Kernel[];
  /** Those of them that the first iteration alone runs. */
  readonly once: ReadonlySet<Kernel>;
  /** The place of every tensor of an iteration, by number. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Where an iteration finds one of its places: one entry for each window. */
  readonly placesAt: (slot: number, iteration: number) => readonly Place[];
  /** Its inputs. */
  readonly operands: readonly Tensor[];
  /** Memory that it needs while it runs. */
  readonly workspace: readonly Tensor[];
  /** The results that someone needs. */
  readonly outputs: readonly Output[];
}

/** A kernel that a device runs unchanged. */
export type PlainKernel = LoopKernel | ContractionKernel | ScatterKernel | AttentionKernel;

/** Any kernel. */
export type Kernel = PlainKernel | RepeatKernel;

/** An element of a materialised tensor. */
export type LoadValue = Extract<Value, { kind: "load" }>;

/** Calls `visit` once for every expression reachable from `values`, parts before wholes. */
export const walkValues = (values: readonly Value[], visit: (v: Value) => void): void => {
  const seen = new Set<Value>();
  const walkIndex = (i: Index): void =>
    i.terms.forEach(({ atom }) => {
      if (atom.kind === "value") walk(atom.value);
      else if (atom.kind !== "var") walkIndex(atom.of);
    });
  const walk = (v: Value): void => {
    if (seen.has(v)) return;
    seen.add(v);
    if (v.kind === "apply") v.args.forEach(walk);
    if (v.kind === "index" || v.kind === "load") walkIndex(v.at);
    if (v.kind === "guard") {
      walkIndex(v.at);
      walk(v.then);
      walk(v.otherwise);
    }
    visit(v);
  };
  values.forEach(walk);
};

/** The expressions of a kernel. */
export const valuesOf = (kernel: Kernel): Value[] => [
  ...(kernel.kind === "loop" ? kernel.reductions.map((r) => r.value) : []),
  ...(kernel.kind === "contraction" ? [kernel.left, kernel.right] : []),
  ...(kernel.kind === "scatter" ? [kernel.id, kernel.otherId, kernel.update] : []),
  ...(kernel.kind === "attention" ? [kernel.query, kernel.key, kernel.value] : []),
  ...(kernel.kind === "attention" && kernel.back !== undefined
    ? [kernel.back.cotangent, kernel.back.lse, kernel.back.delta]
    : []),
  ...(kernel.kind === "attention" && kernel.segments !== undefined
    ? [kernel.segments.row, kernel.segments.key, kernel.segments.from, kernel.segments.to]
    : []),
  ...kernel.outputs.map((o) => o.value),
];

/** The tensors that a kernel reads, in order of first use. */
export const readsOf = (kernel: Kernel): Tensor[] => {
  if (kernel.kind === "repeat") return [...kernel.operands];
  const reads = new Set<Tensor>();
  walkValues(valuesOf(kernel), (v) => v.kind === "load" && reads.add(v.from));
  return [...reads];
};

/** Memory that a kernel needs while it runs, alongside what it reads and writes. */
export const workspaceOf = (kernel: Kernel): readonly Tensor[] =>
  kernel.kind === "repeat" ? kernel.workspace : kernel.kind === "scatter" ? [kernel.links] : [];

/** Computation of a kernel, for people. */
export const kernelLabel = (kernel: PlainKernel): string => {
  const results = (ops: readonly string[]) => [...new Set(ops)].join("+");
  switch (kernel.kind) {
    case "loop":
      return `${kernel.reductions.length > 0 ? "rows" : "map"} ${kernel.rows}x${kernel.columns} ${
        kernel.title ?? results([
          ...kernel.reductions.map((r) => r.op),
          ...kernel.outputs.map((o) => o.tensor.op),
        ])
      }`;
    case "contraction": {
      const { batch, m, n, k } = kernel.size;
      const extra = kernel.outputs.map((o) => o.tensor.op).filter((op) => op !== "matmul");
      return `matmul ${batch}x${m}x${n}x${k}${extra.length > 0 ? ` +${results(extra)}` : ""}`;
    }
    case "attention": {
      const { batch, heads, queries, keys, width } = kernel.size;
      return `${kernel.node.op} ${batch}x${heads}x${queries}x${keys}x${width}`;
    }
    case "scatter":
      return `scatterAdd ${kernel.positions} rows of ${kernel.width} into ${
        show(kernel.outputs[0]!.tensor.shape)
      }`;
  }
};
