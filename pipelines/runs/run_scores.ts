/** Scores of a run: of an artefact by name, of a run with arms by arm. */
import * as E from "fp-ts/lib/Either.js";
import { type Interval, intervalCodec } from "../base/bootstrap.ts";
import { hasFields, own } from "../base/fields.ts";

/**
 * Scores by name.
 * @internal
 */
export type Scores = Readonly<Record<string, number>>;

/**
 * The scores of a run.
 * @internal
 */
export interface RunScores {
  /** By name: those of an artefact, or the best of a run's arms. */
  readonly scores: Scores;
  /** By arm and name; empty for an artefact. */
  readonly arms: Readonly<Record<string, Scores>>;
  /** Intervals around the scores of arms, by arm and name, where the run has them. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Interval>>>>;
}

/** Names of the scores that lists show first: presence, counts, places. */
export const mainScores: readonly string[] = ["presenceF1", "countAccuracy", "referAccuracy"];

// a score is a number, or an interval around one
const numberIn = (value: unknown): number | undefined => {
  const inner = hasFields(value) ? own(value, "value") : value;
  return typeof inner === "number" ? inner : undefined;
};

const numbersIn = (value: unknown): Scores =>
  Object.fromEntries(
    Object.entries(hasFields(value) ? value : {}).flatMap(([name, inner]) => {
      const number = numberIn(inner);
      return number === undefined ? [] : [[name, number]];
    }),
  );

/** Scores of an artefact, from its `result.json`. */
export const scoresOfResult = (result: unknown): RunScores => ({
  scores: numbersIn(hasFields(result) ? own(result, "numbers") : undefined),
  arms: {},
  intervals: {},
});

/** Findings of the evaluations of a run: the numbers of its stages that are no trainings, which have a loss. */
const evaluatedIn = (stages: unknown): Scores =>
  Object.assign(
    {},
    ...Object.values(hasFields(stages) ? stages : {}).map(numbersIn).filter((of) =>
      !Object.hasOwn(of, "loss")
    ),
  ) as Scores;

const intervalsIn = (value: unknown): Readonly<Record<string, Interval>> =>
  Object.fromEntries(
    Object.entries(hasFields(value) ? value : {}).flatMap(([name, inner]) => {
      const interval = intervalCodec.decode(inner);
      return E.isRight(interval) ? [[name, interval.right]] : [];
    }),
  );

/** Scores of a run, from its `summary.json`: of its evaluations, or of every arm and the best arm's of each name. */
export const scoresOfSummary = (summary: unknown): RunScores => {
  const listed = hasFields(summary) ? own(summary, "arms") : undefined;
  const found = (Array.isArray(listed) ? listed as readonly unknown[] : []).flatMap((arm) => {
    const name = hasFields(arm) ? own(arm, "name") : undefined;
    return hasFields(arm) && typeof name === "string" ? [[name, own(arm, "scores")] as const] : [];
  });
  const arms = Object.fromEntries(found.map(([name, scores]) => [name, numbersIn(scores)]));
  const intervals = Object.fromEntries(found.map(([name, scores]) => [name, intervalsIn(scores)]));
  const best: Record<string, number> = {
    ...evaluatedIn(hasFields(summary) ? own(summary, "stages") : undefined),
  };
  for (const scores of Object.values(arms)) {
    for (const [name, value] of Object.entries(scores)) best[name] = Math.max(best[name] ?? -Infinity, value);
  }
  return { scores: best, arms, intervals };
};

/**
 * Whether a run directory is an artefact of a store, which runs and ablations share: its name ends in its key.
 *
 * ```ts
 * import { isArtefact } from "./run_scores.ts";
 *
 * if (!isArtefact("runs/store/pretrain-12e36523a64f8600")) throw new Error();
 * if (isArtefact("runs/quickstart-small-1")) throw new Error();
 * ```
 */
export const isArtefact = (path: string): boolean => /(^|\/)[a-z][a-z-]*-[0-9a-f]{16}$/.test(path);
