/** What the metrics of a finished training come to, read from its file step by step. */
import * as Effect from "effect/Effect";
import type { DiskError } from "../base/disk.ts";
import { isValidation, type MetricRecord, type MetricsError, scanMetrics } from "../runs/metrics.ts";
import { type StepTiming, timingOf } from "./timing.ts";

/** Numbers of a training: a few, and two or three for each of its steps. */
export interface MetricsDigest {
  /** Its first record. */
  readonly first: MetricRecord;
  /** Its last record. */
  readonly last: MetricRecord;
  /** Time spent on steps. */
  readonly timing: StepTiming;
  /** Loss of every step; NaN where it is none. */
  readonly losses: Float64Array;
}

const grown = (from: Float64Array, length: number): Float64Array<ArrayBuffer> => {
  const to = new Float64Array(Math.max(1024, 2 * length));
  to.set(from);
  return to;
};

/** Reads a metrics file that has a record. With one or two numbers of a step in memory at a time. */
export const digestMetrics = (path: string): Effect.Effect<MetricsDigest, DiskError | MetricsError> =>
  Effect.suspend(() => {
    let losses = new Float64Array(1024), seconds = new Float64Array(1024), warm = 0, count = 0, timed = 0;
    let first: MetricRecord | undefined, last: MetricRecord | undefined;
    // seconds of steps that pay for warming up stand first, as the first window of each process has them
    const cold: number[] = [];
    const read = (record: MetricRecord): void => {
      if (isValidation(record)) return;
      first ??= record;
      last = record;
      if (count === losses.length) losses = grown(losses, count);
      losses[count++] = typeof record.loss === "number" ? record.loss : NaN;
      if (typeof record.seconds !== "number") return;
      timed += record.seconds;
      if (record.warmup === true) return void cold.push(record.seconds);
      if (warm === seconds.length) seconds = grown(seconds, warm);
      seconds[warm++] = record.seconds;
    };
    return Effect.map(scanMetrics(path, read), () => ({
      first: first!,
      last: last!,
      timing: timingOf(warm > 0 ? seconds.subarray(0, warm) : Float64Array.from(cold), timed),
      losses: losses.subarray(0, count),
    }));
  });
