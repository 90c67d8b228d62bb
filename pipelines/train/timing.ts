/** What the metrics of a training come to: time spent on steps, from the windows that the trainer recorded, and means. */
import type { MetricRecord } from "../runs/metrics.ts";

/** How long steps took. */
export interface StepTiming {
  /** Median seconds of a step; the first window of a process, which pays for warming up, is left out where it can be. */
  readonly stepSeconds: number;
  /** Sum over all steps: no compilation, no data preparation ahead of the first step, no saving. */
  readonly measuredSeconds: number;
  /** Steps a second, by the median. */
  readonly stepsPerSecond: number;
}

/** The middle value; the mean of the two middle ones of an even number. NaN of none. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** Timing of a training from its metrics. */
export const timingOf = (records: readonly MetricRecord[]): StepTiming => {
  const timed = records.filter((r) => typeof r.seconds === "number");
  const warm = timed.filter((r) => r.warmup !== true);
  const stepSeconds = median((warm.length > 0 ? warm : timed).map((r) => r.seconds as number));
  return {
    stepSeconds,
    measuredSeconds: timed.reduce((sum, r) => sum + (r.seconds as number), 0),
    stepsPerSecond: 1 / stepSeconds,
  };
};

/** Mean of a metric over the last tenth of the steps. */
export const lastMean = (records: readonly MetricRecord[], name: string): number => {
  const last = records.slice(-Math.max(1, Math.ceil(records.length / 10)));
  return last.reduce((sum, r) => sum + (r[name] as number), 0) / last.length;
};
