/** How many steps are submitted between two waits for the device. Pure. */
import type { MetricRecord } from "../runs/metrics.ts";
import { RING_ROWS } from "./step_source.ts";
import type { Bindings } from "./training.ts";

/** Seconds between two readings of the ring that a window aims at. */
const WINDOW_SECONDS = 2.5;

/** Maximum number of bytes of batches on their way: drivers keep a copy of each until its step has run. */
const MAX_BYTES = 2 ** 30;

/** Bytes of a batch. */
export const batchBytes = (batch: Bindings): number =>
  Object.values(batch).reduce((n, { data }) => n + data.byteLength, 0);

/**
 * Steps of the next window: so many that the ring is read every few seconds, from the seconds of a step in the last
 * record; few at first. Never more than the ring holds, nor than a gigabyte of batches.
 */
export const windowOf = (last: MetricRecord | undefined, bytes: number): number => {
  const seconds = last?.seconds, most = Math.min(RING_ROWS, Math.floor(MAX_BYTES / bytes));
  const wanted = typeof seconds !== "number" || last?.warmup === true
    ? (last === undefined ? 1 : 2)
    : Math.floor(WINDOW_SECONDS / Math.max(seconds, 1e-6));
  return Math.max(1, Math.min(most, wanted));
};
