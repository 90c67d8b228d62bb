/** What the metrics of a training say about its validations: the best one, and how long ago it was. Pure. */
import type { MetricRecord } from "../runs/metrics.ts";
import type { Validation } from "./training.ts";

/** The validations of a training so far. */
export interface History {
  /** Step of the last one; 0 before the first. */
  readonly validated: number;
  /** The best one by the metric that decides. */
  readonly best?: { readonly step: number; readonly value: number };
  /** Validations since the best one. */
  readonly since: number;
}

/** The history of a training that was not validated yet. */
export const noHistory: History = { validated: 0, since: 0 };

/** Inputs that decide about a validation. */
export type Deciding = Pick<Validation, "metric" | "mode" | "patience">;

/** The history after a record; those of steps have no such metric. A value that is not a number is never the best. */
export const withRecord = (
  { metric, mode }: Deciding,
  history: History,
  { step, [metric]: value }: MetricRecord,
): History => {
  if (typeof value !== "number") return history;
  const { best } = history;
  const better = !Number.isNaN(value) &&
    (best === undefined || (mode === "min" ? value < best.value : value > best.value));
  return better
    ? { validated: step, best: { step, value }, since: 0 }
    : { ...history, validated: step, since: history.since + 1 };
};

/** Why a training ends before its last step; undefined where it goes on. */
export const stopReason = (
  { metric, patience = Infinity }: Deciding,
  { best, since, validated }: History,
): string | undefined =>
  since < patience
    ? undefined
    : `${metric} has not improved in ${since} validations up to step ${validated}` +
      (best === undefined ? "" : `; the best is ${best.value} at step ${best.step}`);
