/** What the records say about the claims. Pure. */
import { contrastWithInterval, type Draws, drawsOf, type Term } from "../../ablations/statistics.ts";
import type { ArtefactResult } from "../../engine/artefact.ts";
import type { SampleScore } from "../../engine/sample_scores.ts";
import type { AblationSummary, ArmSummary } from "../../ablations/summary_types.ts";
import type { AblationRecord } from "../../engine/ablation_record.ts";
import type { Interval } from "../../base/bootstrap.ts";
import type { Manifest } from "../../runs/manifest.ts";
import type { Claim, ClaimTerm, Comparison, TimeComparison } from "./claim.ts";
import type { PairedTimes } from "../../ablations/paired.ts";
import { judge, type Judged, judgeTime, verdictOf } from "./verdict.ts";

/** An ablation as it is kept among the results. */
export interface KeptAblation {
  /** Name of its folder. */
  readonly name: string;
  /** What a reader should know of how it was run; empty for nothing. */
  readonly note: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Its record. */
  readonly record: AblationRecord;
  /** Its summary. */
  readonly summary: AblationSummary;
  /** Results of evaluations by artefact. */
  readonly evaluations: ReadonlyMap<string, ArtefactResult>;
  /** Names of its figures. */
  readonly figures: readonly string[];
  /** Its arms timed side by side, if they were. */
  readonly times?: PairedTimes;
}

/** A comparison as measured in one record. */
export interface ComparisonRow extends Judged {
  /** The comparison. */
  readonly comparison: Comparison;
  /** Name of the record. */
  readonly record: string;
  /** What its terms come to, with the interval that decides. */
  readonly measured: Interval;
  /** Share that the interval covers. */
  readonly level: number;
  /** The same of each seed alone. */
  readonly bySeed: readonly number[];
  /** Whether an arm is beyond its controls in every score. */
  readonly sees: boolean;
}

/** A time as measured in one record. */
export interface TimeRow extends Judged {
  /** The compared runs. */
  readonly comparison: TimeComparison;
  /** Name of the record. */
  readonly record: string;
  /** The arm that is 1. */
  readonly baseline: string;
  /** Side by side: the median ratio with its interval over rounds. */
  readonly measured: Interval;
  /** By operations alone. */
  readonly predicted: number;
}

/** A claim with all that the records say about it. */
export interface ClaimResult extends Judged {
  /** The claim. */
  readonly claim: Claim;
  /** Its comparisons, record by record. */
  readonly rows: readonly ComparisonRow[];
  /** Its times, record by record. */
  readonly times: readonly TimeRow[];
}

const RESAMPLES = 10_000;

const armOf = ({ summary }: KeptAblation, name: string): ArmSummary | undefined =>
  summary.arms.find((arm) => arm.name === name);

/** The better of two controls: the average image, and the image of another scene. NaN where one was not scored. */
export const controlOf = ({ controls }: ArmSummary, score: string): number =>
  Math.max(controls.blind[score] ?? NaN, controls.shuffled[score] ?? NaN);

// of the arms compared in a score the best one must be beyond its own controls; without them nothing is known
const seesIn = (record: KeptAblation, terms: readonly ClaimTerm[]): boolean => {
  const arms = terms.map(({ arm, score }) => ({ arm: armOf(record, arm)!, score }));
  const best = arms.toSorted((a, b) => b.arm.scores[b.score]!.value - a.arm.scores[a.score]!.value)[0]!;
  return best.arm.scores[best.score]!.low > controlOf(best.arm, best.score);
};

const has = (record: KeptAblation, { family, terms }: Comparison): boolean =>
  record.summary.family === family &&
  terms.every(({ arm, score }) => armOf(record, arm)?.scores[score] !== undefined) &&
  seedsOf(record, terms).length > 0;

const seedsOf = (record: KeptAblation, terms: readonly ClaimTerm[]): readonly number[] =>
  record.summary.seeds.filter((seed) =>
    terms.every(({ arm }) => armOf(record, arm)!.seeds.some((one) => one.seed === seed))
  );

const sampleScoreOf = (record: KeptAblation, { arm, score }: ClaimTerm, seed: number): SampleScore => {
  const { origin } = armOf(record, arm)!.seeds.find((one) => one.seed === seed)!;
  return record.evaluations.get(origin.evaluate!.artefact)!.outcomes!.seen[score]!;
};

const known = new Map<string, Draws>();
const draws = (seeds: number, scenes: number): Draws => {
  const key = `${seeds} ${scenes}`, made = known.get(key) ?? drawsOf(seeds, scenes, RESAMPLES, 1);
  known.set(key, made);
  return made;
};

const compared = (record: KeptAblation, comparison: Comparison, level: number): ComparisonRow => {
  const { terms, bound } = comparison, seeds = seedsOf(record, terms);
  const termsOf = (some: readonly number[]): readonly Term[] =>
    terms.map((term) => ({
      weight: term.weight,
      bySeed: some.map((seed) => sampleScoreOf(record, term, seed)),
    }));
  const all = termsOf(seeds), scenes = all[0]!.bySeed[0]!.sums.length;
  const measured = contrastWithInterval(all, draws(seeds.length, scenes), (1 - level) / 2);
  const bySeed = seeds.map((seed) =>
    terms.reduce((sum, { arm, score, weight }) => {
      const one = armOf(record, arm)!.seeds.find((each) => each.seed === seed)!;
      return sum + weight * one.scores[score]!;
    }, 0)
  );
  const scores = [...new Set(terms.map(({ score }) => score))];
  const sees = scores.every((score) => seesIn(record, terms.filter((term) => term.score === score)));
  return {
    comparison,
    record: record.name,
    measured,
    level,
    bySeed,
    sees,
    ...judge({ ...measured, bySeed, bound, sees }),
  };
};

const timed = (record: KeptAblation, comparison: TimeComparison): readonly TimeRow[] => {
  const { summary } = record, arm = armOf(record, comparison.arm);
  const measured = record.times?.arms.find((one) => one.arm === comparison.arm)?.ratio;
  if (summary.family !== "main" || arm === undefined || measured === undefined) return [];
  return [{
    comparison,
    record: record.name,
    baseline: summary.baseline,
    measured,
    predicted: arm.time.predicted,
    ...judgeTime(measured, comparison.bound),
  }];
};

/** What the records say about a claim. Its deciding intervals together cover 95 % (Bonferroni). */
export const resultOf = (records: readonly KeptAblation[]): (claim: Claim) => ClaimResult => (claim) => {
  const found = claim.comparisons.map((comparison) => ({
    comparison,
    records: records.filter((record) => has(record, comparison)),
  }));
  const deciding = found.reduce(
    (n, { comparison, records: of }) => comparison.decides ? n + of.length : n,
    0,
  );
  const rows = found.map(({ comparison, records: of }) =>
    of.map((record) =>
      compared(record, comparison, comparison.decides ? 1 - 0.05 / Math.max(1, deciding) : 0.95)
    )
  );
  const times = claim.times.map((time) => records.flatMap((record) => timed(record, time)));
  return {
    claim,
    rows: rows.flat(),
    times: times.flat(),
    ...verdictOf([
      ...rows.filter((_, i) => claim.comparisons[i]!.decides),
      ...times.filter((_, i) => claim.times[i]!.decides).map((of) =>
        of.map((row) => ({ ...row, sees: true }))
      ),
    ]),
  };
};
