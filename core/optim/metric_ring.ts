/**
 * A ring of metrics that stays on the device: waiting for the queue costs far more than a step, so rows are
 * written there and read every few steps.
 */
import { ConfigError } from "../errors.ts";
import type { NdArray } from "../array.ts";
import { equal, mod, select } from "../ops/elementwise.ts";
import { broadcastTo, reshape, stack } from "../ops/movement.ts";
import { iota } from "../ops/source.ts";
import { parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** A ring for named scalars. */
export interface MetricRing {
  /** Names of the columns. */
  readonly names: readonly string[];
  /** Number of rows. */
  readonly rows: number;
  /** The ring itself: f32 `[rows, names]`, a part of the donated state. */
  readonly spec: ParameterSpec;
  /** The ring with the metrics of step `step` (i32 `[]`) in row `step mod rows`. */
  readonly write: (ring: Tensor, step: Tensor, metrics: Readonly<Record<string, Tensor>>) => Tensor;
  /** The metrics of steps `from .. to - 1` out of a ring that was read after step `to - 1`. */
  readonly read: (ring: NdArray, from: number, to: number) => readonly Readonly<Record<string, number>>[];
}

/**
 * A ring of `rows` steps.
 * @throws {ConfigError} for no rows or names; its `read` throws one for steps that the ring no longer holds.
 */
export const metricRing = (names: readonly string[], rows: number): MetricRing => {
  if (names.length === 0 || !Number.isInteger(rows) || rows < 1) {
    throw new ConfigError({
      op: "metricRing",
      got: `${rows} rows of ${names.length} metrics`,
      expected: "at least one of each",
      hint: "name the metrics to keep",
    });
  }
  const shape = [rows, names.length];
  return {
    names,
    rows,
    spec: parameter(shape, zerosInit),
    write: (ring, step, metrics) => {
      const row = stack(names.map((name) => metrics[name]!), 0);
      const here = equal(iota([rows, 1], 0), mod(step, rows));
      return select(here, broadcastTo(shape)(reshape([1, names.length])(row)), ring);
    },
    read: (ring, from, to) => {
      if (to - from > rows || from < 0 || to < from) {
        throw new ConfigError({
          op: "metricRing",
          got: `steps ${from} to ${to} of a ring of ${rows}`,
          expected: `at most ${rows} steps`,
          hint: "read more often, or make the ring longer",
        });
      }
      return Array.from({ length: to - from }, (_, i) => {
        const at = (from + i) % rows * names.length;
        return Object.fromEntries(names.map((name, j) => [name, ring.data[at + j]!]));
      });
    },
  };
};
