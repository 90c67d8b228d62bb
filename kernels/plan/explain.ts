/** Explains a plan: its kernels with their work, its memory, its totals. Pure. */
import { kernelLabel } from "../graph/kernel.ts";
import { scheduleText } from "../schedule/schedule.ts";
import { kernelCost } from "./cost.ts";
import { stepsOf } from "./steps.ts";
import type { Plan } from "./plan.ts";

/** One line of an explanation: kernels of equal label together. */
export interface ExplainedKernel {
  /** Its computation. */
  readonly label: string;
  /** Its schedules, for people: empty where the device tiles by itself. */
  readonly tiles: string;
  /** How often it occurs in one run. */
  readonly count: number;
  /** FLOPs of all occurrences. */
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
  /** FLOPs of one run. */
  readonly flops: number;
  /** Bytes read and written by one run. */
  readonly bytes: number;
  /** Device memory in bytes: inputs and state, results kept for the caller, and scratch as planned. */
  readonly memory: { readonly inputs: number; readonly outputs: number; readonly scratch: number };
  /** Most scratch alive at one time: what no plan can go below. */
  readonly peakScratch: number;
  /** Number of buffers that all of it is in. */
  readonly buffers: number;
}

/** Explains a plan in numbers. */
export const explain = (plan: Plan): Explanation => {
  const groups = new Map<string, ExplainedKernel>(), steps = stepsOf(plan);
  const tilesOf = new Map<string, Set<string>>();
  for (const { kernel: k } of steps) {
    const label = kernelLabel(k), { flops, bytes } = kernelCost(k), schedule = plan.schedules.get(k);
    const before = groups.get(label) ?? { label, count: 0, flops: 0, bytes: 0 };
    const tiles = tilesOf.get(label) ?? new Set();
    tilesOf.set(label, schedule === undefined ? tiles : tiles.add(scheduleText(schedule)));
    groups.set(label, {
      label,
      tiles: [...tiles].join("; "),
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

/** FLOPs as people write them. */
export const flopsText = (n: number): string =>
  unit(n, 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP"]);

/** Bytes as people write them. */
export const bytesText = (n: number): string => unit(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

/** An explanation as text: totals, then the `most` lines that work hardest. */
export const explainText = (plan: Plan, most = 30): string => {
  const e = explain(plan), lines = e.kernels.slice(0, most);
  const rows = lines.map((k) => [String(k.count), k.label, flopsText(k.flops), bytesText(k.bytes), k.tiles]);
  const widths = [0, 1, 2, 3, 4].map((c) => Math.max(...rows.map((r) => r[c]!.length), 0));
  const text = rows.map((r) =>
    r.map((cell, c) => c === 1 || c === 4 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)).join("  ")
      .trimEnd()
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
