/** Result of the files of a mixture, part by part. */
import { minLength } from "../mixtures/mixture_buckets.ts";
import type { OpenMixture } from "../mixtures/mixture_open.ts";
import type { PartReport } from "../mixtures/mixture_prepare.ts";

/** Result of a part's files, as summaries keep it. */
export interface PartSummary {
  /** Examples that are drawn from. */
  readonly examples: number;
  /** Examples left out since their image cannot be decoded. */
  readonly undecodable: number;
  /** Examples by the length of the row that each needs, in mixtures with buckets. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** Result of the annotations. */
  readonly report: PartReport;
}

/** The parts of a mixture by name. */
export type MixtureSummary = Readonly<Record<string, PartSummary>>;

const lengthsOf = (
  { used, data }: OpenMixture["parts"][number],
  lengths: readonly number[],
): Readonly<Record<string, number>> => {
  const counts = new Map(lengths.map((length) => [length, 0]));
  for (const i of used) {
    const least = minLength(lengths, data.needOf(i).length)!;
    counts.set(least, counts.get(least)! + 1);
  }
  return Object.fromEntries(counts);
};

/** Result of the parts of a mixture. */
export const mixtureSummary = ({ parts, row, buckets }: OpenMixture): MixtureSummary =>
  Object.fromEntries(
    parts.map((part) => [
      part.name,
      {
        examples: part.used.length,
        undecodable: part.undecodable,
        ...(buckets.length === 0 ? {} : { lengths: lengthsOf(part, [...buckets, row.length]) }),
        report: part.data.report,
      },
    ]),
  );
