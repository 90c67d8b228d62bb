/** Mixed precision against f32 in numbers: distances of losses alongside the spread of seeds, a verdict, and its text. */
import { meanOf } from "../pipelines/base/bootstrap.ts";
import { table } from "../pipelines/terminal/table.ts";
import type { Precision } from "../pipelines/train/precision.ts";

/** One training. */
export interface Run {
  /** Element types. */
  readonly precision: Precision;
  /** Seed of weights and of the order of examples. */
  readonly seed: number;
  /** The loss of every step. */
  readonly losses: readonly number[];
  /** The scale of the loss at every step; NaN in f32. */
  readonly scales: readonly number[];
  /** Steps that were skipped so far, at every step; NaN in f32. */
  readonly skipped: readonly number[];
  /** Milliseconds of a step: the median of its windows. */
  readonly ms: number;
}

/** What was compared. */
export interface MixedRuns {
  /** The device. */
  readonly device: string;
  /** Optimiser steps of each training. */
  readonly steps: number;
  /** Steps of a window. */
  readonly window: number;
  /** Rows of a step. */
  readonly batch: number;
  /** Scenes learned from. */
  readonly scenes: number;
  /** The trainings in f32, two or more. */
  readonly f32: readonly Run[];
  /** Those in mixed precision, of the same seeds in the same order. */
  readonly mixed: readonly Run[];
  /** The training of the first seed that met a batch which overflows, and the step of that batch, from 1 on. */
  readonly overflow: { readonly at: number; readonly run: Run };
}

/** Mean losses of a window of steps. */
export interface Window {
  /** Its last step. */
  readonly to: number;
  /** Mean of all seeds in f32. */
  readonly f32: number;
  /** Mean of all seeds in mixed precision. */
  readonly mixed: number;
  /** Mean distance between mixed precision and f32 of the same seed. */
  readonly away: number;
  /** Standard deviation of the seeds of f32 (n - 1). */
  readonly spread: number;
}

/** What came of a forced overflow. */
interface Survival {
  /** The step whose batch overflows. */
  readonly at: number;
  /** Steps that were skipped for it: those beyond what the undisturbed training skipped. */
  readonly skipped: number;
  /** The scale of the loss before, and after. */
  readonly scale: readonly [before: number, after: number];
  /** Distance of the last window from the undisturbed training of the same seed. */
  readonly away: number;
  /** Whether it went on, and ended within the spread of seeds. */
  readonly passed: boolean;
}

/** The comparison. */
export interface MixedReport {
  /** What this is. */
  readonly what: "mixed";
  /** The device. */
  readonly device: string;
  /** Optimiser steps of each training. */
  readonly steps: number;
  /** Seeds. */
  readonly seeds: readonly number[];
  /** Rows of a step. */
  readonly batch: number;
  /** Scenes learned from. */
  readonly scenes: number;
  /** Window by window. */
  readonly windows: readonly Window[];
  /** Mean over windows of distance over spread: below 1 within the noise of seeds. */
  readonly ratio: number;
  /** Windows in which the distance is greater than the spread. */
  readonly beyond: number;
  /** Means over seeds of mixed minus f32 in the last window, and its standard error. */
  readonly last: { readonly difference: number; readonly error: number };
  /** Steps skipped by the mixed trainings altogether, and the scales that they ended with. */
  readonly skipped: number;
  /** Scales of the loss at the end. */
  readonly scales: readonly number[];
  /** Milliseconds of a step: mean over seeds of each precision. */
  readonly ms: { readonly f32: number; readonly mixed: number };
  /** The forced overflow. */
  readonly overflow: Survival;
  /** Whether mixed precision is within the noise of seeds: the mean ratio and the last window below 1. */
  readonly passed: boolean;
}

const deviation = (xs: readonly number[]): number => {
  const middle = meanOf(xs);
  return Math.sqrt(xs.reduce((n, x) => n + (x - middle) ** 2, 0) / Math.max(1, xs.length - 1));
};

/** Mean of the finite losses of a window: a step that was skipped has none. */
const meanLoss = ({ losses }: Run, from: number, to: number): number =>
  meanOf(losses.slice(from, to).filter(Number.isFinite));

/** Compares trainings. */
export const mixedReport = (runs: MixedRuns): MixedReport => {
  const { device, steps, window, batch, scenes, f32, mixed, overflow } = runs;
  const starts = Array.from({ length: Math.max(1, Math.floor(steps / window)) }, (_, i) => i * window);
  const windows = starts.map((from): Window => {
    const to = Math.min(steps, from + window);
    const a = f32.map((r) => meanLoss(r, from, to)), b = mixed.map((r) => meanLoss(r, from, to));
    return {
      to,
      f32: meanOf(a),
      mixed: meanOf(b),
      away: meanOf(b.map((x, i) => Math.abs(x - a[i]!))),
      spread: deviation(a),
    };
  });
  const end = windows.at(-1)!, from = starts.at(-1)!;
  const differences = mixed.map((r, i) => meanLoss(r, from, end.to) - meanLoss(f32[i]!, from, end.to));
  const ratio = meanOf(windows.map((w) => w.away / w.spread));
  const { at, run } = overflow, calm = mixed[0]!;
  const away = Math.abs(meanLoss(run, from, end.to) - meanLoss(calm, from, end.to));
  const skipped = run.skipped.at(-1)! - calm.skipped.at(-1)!;
  return {
    what: "mixed",
    device,
    steps,
    seeds: f32.map((r) => r.seed),
    batch,
    scenes,
    windows,
    ratio,
    beyond: windows.filter((w) => w.away > w.spread).length,
    last: { difference: meanOf(differences), error: deviation(differences) / Math.sqrt(differences.length) },
    skipped: mixed.reduce((n, r) => n + r.skipped.at(-1)!, 0),
    scales: mixed.map((r) => r.scales.at(-1)!),
    ms: { f32: meanOf(f32.map((r) => r.ms)), mixed: meanOf(mixed.map((r) => r.ms)) },
    overflow: {
      at,
      skipped,
      scale: [run.scales[at - 2] ?? NaN, run.scales.at(at) ?? NaN],
      away,
      passed: run.losses.length === steps && skipped > 0 && away <= end.spread,
    },
    passed: ratio < 1 && end.away < end.spread,
  };
};

const digits = (x: number): string => x.toPrecision(3);

/** The comparison as text. */
export const mixedText = (r: MixedReport): string => {
  const { overflow: o } = r;
  return [
    `${r.device}: ${r.seeds.length} seeds in f32 and in mixed precision, ${r.steps} steps of ${r.batch} rows`,
    "",
    table(
      ["to step", "loss, f32", "loss, mixed", "mixed from f32", "spread of seeds", "ratio"],
      r.windows.map((w) => [
        String(w.to),
        w.f32.toFixed(4),
        w.mixed.toFixed(4),
        digits(w.away),
        digits(w.spread),
        digits(w.away / w.spread),
      ]),
    ),
    "",
    `mixed precision is ${r.passed ? "within" : "BEYOND"} the noise of seeds: ${
      digits(r.ratio)
    } of their spread ` +
    `on average, beyond it in ${r.beyond} of ${r.windows.length} windows; last window ` +
    `${digits(r.last.difference)} +- ${digits(r.last.error)} (standard error) from f32`,
    `${r.skipped} steps skipped, scales at the end ${r.scales.join(", ")}; ms per step ${
      r.ms.f32.toFixed(1)
    } ` +
    `in f32, ${r.ms.mixed.toFixed(1)} mixed`,
    `a batch that overflows at step ${o.at}: ${
      o.passed ? "survived" : "NOT survived"
    }; ${o.skipped} steps skipped, ` +
    `scale ${o.scale[0]} before and ${o.scale[1]} after, ${
      digits(o.away)
    } from the undisturbed training at the end`,
  ].join("\n");
};
