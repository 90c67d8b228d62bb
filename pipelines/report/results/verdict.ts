/** Verdicts from intervals: one rule for all claims. Pure. */
import type { Interval } from "../../base/bootstrap.ts";

/** What can be said of a claim. */
export type Verdict = "reproduced" | "not reproduced" | "undecided";

/** A verdict and why. */
export interface Judged {
  /** The verdict. */
  readonly verdict: Verdict;
  /** Why it is no other, in a few words. */
  readonly reason: string;
}

/** A comparison as measured in one record. */
interface Evidence extends Pick<Interval, "low" | "high"> {
  /** The same of each seed alone. */
  readonly bySeed: readonly number[];
  /** The claim is about numbers above this. */
  readonly bound: number;
  /** Whether the images are needed for what is scored: an arm is beyond its own controls in every score. */
  readonly sees: boolean;
}

const open = (reason: string): Judged => ({ verdict: "undecided", reason });

/**
 * The verdict of one comparison. An interval wholly above the bound, with every seed alone above it, reproduces; wholly
 * below, with every seed below, it does not. What models without the image score as well decides nothing.
 */
export const judge = ({ low, high, bySeed, bound, sees }: Evidence): Judged => {
  if (!sees) return open("no arm scores beyond its controls");
  if (low > bound) {
    return bySeed.every((x) => x > bound)
      ? { verdict: "reproduced", reason: "the interval and every seed are on the paper's side" }
      : open("seeds disagree");
  }
  if (high < bound) {
    return bySeed.every((x) => x < bound)
      ? { verdict: "not reproduced", reason: "the interval and every seed are on the other side" }
      : open("seeds disagree");
  }
  return open("the interval holds the bound");
};

/** The verdict of a ratio of times by its range: an interval, or the least and the largest ratio of any two seeds. */
export const judgeTime = ({ low, high }: Pick<Interval, "low" | "high">, bound: number): Judged =>
  high <= bound
    ? { verdict: "reproduced", reason: "the range is on the paper's side" }
    : low > bound
    ? { verdict: "not reproduced", reason: "the range is on the other side" }
    : open("the range is on both sides");

/** The rows of one comparison that the claim falls with, one a record; none where no record has it. */
export type Deciding = readonly (Judged & Pick<Evidence, "sees">)[];

/**
 * The verdict of a claim, all of whose deciding comparisons must hold: any that is refuted refutes it; records in which
 * no arm sees are passed over where another record answers.
 */
export const verdictOf = (comparisons: readonly Deciding[]): Judged => {
  const rows = comparisons.flat(), answered = comparisons.map((one) => one.filter(({ sees }) => sees));
  if (rows.some(({ verdict }) => verdict === "not reproduced")) {
    return { verdict: "not reproduced", reason: "a deciding comparison is on the other side" };
  }
  if (rows.length === 0) return open("no record has it");
  if (answered.some((one) => one.length === 0)) {
    return comparisons.some((one) => one.length === 0)
      ? open("a deciding comparison is in no record")
      : open("in a deciding comparison no arm scores beyond its controls");
  }
  const undecided = answered.flat().find(({ verdict }) => verdict !== "reproduced");
  return undecided === undefined
    ? { verdict: "reproduced", reason: "every deciding comparison is on the paper's side" }
    : open(undecided.reason);
};
