/** What the metrics of a training come to: time spent on steps, from the windows that the trainer recorded, and means. */
import { median } from "../base/quantile.ts";

/** How long steps took. */
export interface StepTiming {
  /** Median seconds of a step; the first window of a process, which pays for warming up, is left out where it can be. */
  readonly stepSeconds: number;
  /** Sum over all steps: no compilation, no data preparation ahead of the first step, no saving. */
  readonly measuredSeconds: number;
  /** Steps/s, by the median. */
  readonly stepsPerSecond: number;
}

/** Timing of a training from the seconds of its steps, and their sum with those that paid for warming up. */
export const timingOf = (seconds: ArrayLike<number>, measuredSeconds: number): StepTiming => {
  const stepSeconds = median(seconds);
  return { stepSeconds, measuredSeconds, stepsPerSecond: 1 / stepSeconds };
};

/** Mean over the last tenth of the steps. */
export const lastMean = (values: Float64Array): number => {
  const last = values.subarray(-Math.max(1, Math.ceil(values.length / 10)));
  return last.reduce((sum, value) => sum + value, 0) / last.length;
};
