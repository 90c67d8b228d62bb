/** Explains a plan: its kernels with their work, its memory, its totals. Pure. */
import { show } from "@chain-of-sight/core";
import type { PlainKernel } from "../graph/kernel.ts";
import { kernelCost } from "./cost.ts";
import { stepsOf } from "./steps.ts";
import type { Plan } from "./plan.ts";

/** One line of an explanation: kernels of equal form and sizes together. */
export interface ExplainedKernel {
  /** What it computes. */
  readonly label: string;
  /** How often it occurs in one run. */
  readonly count: number;
  /** Floating-point operations of all occurrences. */
  readonly flops: number;
  /** Bytes read and written by all occurrences. */
  readonly bytes: number;
}

/** A plan in numbers. */
export interface Explanation {
  /** Kernels by work, most first. */
  readonly kernels: readonly ExplainedKernel[];
  /** Number of kernels of one run. */
  readonly count: number;
  /** Floating-point operations of one run. */
  readonly flops: number;
  /** Bytes read and written by one run. */
  readonly bytes: number;
  /** Device memory in bytes: inputs and state, results kept for the caller, and scratch as planned. */
  readonly memory: { readonly inputs: number; readonly outputs: number; readonly scratch: number };
  /** Most scratch alive at one time: what no plan can go below. */
  readonly peakScratch: number;
  /** Number of buffers that all of it lies in. */
  readonly buffers: number;
}

/** What a kernel computes, for people. */
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
      const ops = results(kernel.outputs.map((o) => o.tensor.op));
      return `${ops} ${batch}x${heads}x${queries}x${keys}x${width}`;
    }
    case "scatter":
      return `scatterAdd ${kernel.positions} rows of ${kernel.width} into ${
        show(kernel.outputs[0]!.tensor.shape)
      }`;
  }
};

/** Explains a plan in numbers. */
export const explain = (plan: Plan): Explanation => {
  const groups = new Map<string, ExplainedKernel>(), steps = stepsOf(plan);
  for (const { kernel: k } of steps) {
    const label = kernelLabel(k), { flops, bytes } = kernelCost(k);
    const before = groups.get(label) ?? { label, count: 0, flops: 0, bytes: 0 };
    groups.set(label, {
      label,
      count: before.count + 1,
      flops: before.flops + flops,
      bytes: before.bytes + bytes,
    });
  }
  const kernels = [...groups.values()].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
  const total = (role: string) =>
    plan.memory.buffers.filter((b) => b.role === role).reduce((n, b) => n + b.bytes, 0);
  return {
    kernels,
    count: steps.length,
    flops: kernels.reduce((n, k) => n + k.flops, 0),
    bytes: kernels.reduce((n, k) => n + k.bytes, 0),
    memory: { inputs: total("input"), outputs: total("output"), scratch: total("scratch") },
    peakScratch: plan.memory.peakScratch,
    buffers: plan.memory.buffers.length,
  };
};

const unit = (n: number, base: number, names: readonly string[]): string => {
  const i = Math.min(names.length - 1, Math.max(0, Math.floor(Math.log(Math.max(1, n)) / Math.log(base))));
  return `${(n / base ** i).toFixed(i === 0 ? 0 : 2)} ${names[i]}`;
};

/** Floating-point operations as people write them. */
export const flopsText = (n: number): string =>
  unit(n, 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP"]);

/** Bytes as people write them. */
export const bytesText = (n: number): string => unit(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

/** An explanation as text: totals, then the `most` lines that work hardest. */
export const explainText = (plan: Plan, most = 30): string => {
  const e = explain(plan), lines = e.kernels.slice(0, most);
  const rows = lines.map((k) => [String(k.count), k.label, flopsText(k.flops), bytesText(k.bytes)]);
  const widths = [0, 1, 2, 3].map((c) => Math.max(...rows.map((r) => r[c]!.length), 0));
  const text = rows.map((r) =>
    r.map((cell, c) => c === 1 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)).join("  ")
  );
  return [
    `${e.count} kernels in one submit, ${flopsText(e.flops)}, ${bytesText(e.bytes)} moved`,
    `memory: ${bytesText(e.memory.inputs)} inputs and state, ${bytesText(e.memory.outputs)} results, ${
      bytesText(e.memory.scratch)
    } scratch (${bytesText(e.peakScratch)} alive at most), in ${e.buffers} buffer${
      e.buffers === 1 ? "" : "s"
    }`,
    ...text,
    ...(e.kernels.length > most ? [`and ${e.kernels.length - most} more forms`] : []),
  ].join("\n");
};
