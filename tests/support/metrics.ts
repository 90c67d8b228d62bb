/** Metrics that a training left, in memory. */
import * as E from "fp-ts/lib/Either.js";
import { type MetricRecord, parseMetrics } from "../../pipelines/runs/metrics.ts";

/** The records of the file that a training names. */
export const recordsIn = ({ metrics }: { readonly metrics: string }): readonly MetricRecord[] => {
  const parsed = parseMetrics(Deno.readFileSync(metrics));
  if (E.isLeft(parsed)) throw parsed.left;
  return parsed.right.records;
};
