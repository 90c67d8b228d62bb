/** Profiles: the time of every kernel alongside its work, against what the device was measured to reach. Pure. */
import { kernelLabel, type PlainKernel } from "../graph/kernel.ts";
import { bytesText, explain, flopsText } from "./explain.ts";
import type { Plan } from "./plan.ts";

/** Time and work of the kernels of one label in one run. */
export interface Timed {
  /** Their computation. */
  readonly label: string;
  /** How many there are. */
  readonly count: number;
  /** Seconds on the device, all of them together: of each dispatch the median of the repeats. */
  readonly seconds: number;
  /** Their FLOPs. */
  readonly flops: number;
  /** The bytes that they read and write, each tensor of a kernel once. */
  readonly bytes: number;
}

/** Peak rates of a device, as measured on it. */
export interface Roofline {
  /** FLOPs per second. */
  readonly flops: number;
  /** Bytes read and written per second. */
  readonly bytes: number;
}

/** A line of a profile. */
export interface Profiled extends Timed {
  /** Which peak rate its work meets first. */
  readonly bound: "arithmetic" | "memory";
  /** FLOPs per second. */
  readonly flopRate: number;
  /** Bytes per second. */
  readonly byteRate: number;
  /** Seconds that its work takes at the peak rates. */
  readonly least: number;
  /** Seconds above the least: what a better kernel could win. */
  readonly winnable: number;
}

const medianOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * The times of a plan's kernels, longest first. `kernels` has the kernel of every dispatch, `undefined` for a copy;
 * each of `runs` has the seconds of every dispatch. A kernel of several dispatches takes as long as all of them.
 */
export const timesOf = (
  plan: Plan,
  kernels: readonly (PlainKernel | undefined)[],
  runs: readonly ArrayLike<number>[],
): readonly Timed[] => {
  const seconds = new Map<string, number>();
  kernels.forEach((kernel, i) => {
    const label = kernel === undefined ? "copy" : kernelLabel(kernel);
    seconds.set(label, (seconds.get(label) ?? 0) + medianOf(runs.map((run) => run[i]!)));
  });
  const copied = plan.memory.copies.reduce((n, c) => n + 2 * c.bytes, 0);
  const copy = { label: "copy", count: plan.memory.copies.length, flops: 0, bytes: copied };
  return [...explain(plan).kernels, copy]
    .flatMap((k) => seconds.has(k.label) ? [{ ...k, seconds: seconds.get(k.label)! }] : [])
    .sort((a, b) => b.seconds - a.seconds);
};

/** A profile against peak rates, what could be won most of first. */
export const against =
  ({ flops, bytes }: Roofline): (timed: readonly Timed[]) => readonly Profiled[] => (timed) =>
    timed.map((t): Profiled => {
      const arithmetic = t.flops / flops, memory = t.bytes / bytes, least = Math.max(arithmetic, memory);
      return {
        ...t,
        bound: arithmetic > memory ? "arithmetic" : "memory",
        flopRate: t.seconds > 0 ? t.flops / t.seconds : 0,
        byteRate: t.seconds > 0 ? t.bytes / t.seconds : 0,
        least,
        winnable: Math.max(0, t.seconds - least),
      };
    }).sort((a, b) => b.winnable - a.winnable || b.seconds - a.seconds);

const milliseconds = (seconds: number): string => `${(1000 * seconds).toFixed(3)} ms`;

/** A profile as text: totals, then the `most` lines of which most could be won. */
export const profileText = (profile: readonly Profiled[], roofline: Roofline, most = 30): string => {
  const sum = (of: (p: Profiled) => number): number => profile.reduce((n, p) => n + of(p), 0);
  const total = sum((p) => p.seconds), share = (part: number): string => `${(100 * part).toFixed(0)} %`;
  const rows = profile.slice(0, most).map((p) => [
    String(p.count),
    p.label,
    milliseconds(p.seconds),
    `${flopsText(p.flopRate)}/s`,
    `${bytesText(p.byteRate)}/s`,
    p.seconds > 0 ? `${share(p.least / p.seconds)} of ${p.bound}` : "",
    milliseconds(p.winnable),
  ]);
  const head = ["n", "kernel", "time", "arithmetic", "memory", "peak rate reached", "to win"];
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((r) => r[c]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, c) => c === 1 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)).join("  ");
  return [
    `${milliseconds(total)} in kernels, ${milliseconds(sum((p) => p.least))} at the peak rates of ${
      flopsText(roofline.flops)
    }/s and ${bytesText(roofline.bytes)}/s`,
    line(head),
    ...rows.map(line),
    ...(profile.length > most ? [`and ${profile.length - most} more forms`] : []),
  ].join("\n");
};
