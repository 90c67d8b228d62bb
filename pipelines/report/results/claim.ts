/** What a claim is, and what decides it. Pure. */
import type { FamilyName } from "../../ablations/config.ts";

/** One arm's score in a comparison. */
export interface ClaimTerm {
  /** Name of the arm. */
  readonly arm: string;
  /** Name of the score. */
  readonly score: string;
  /** Factor, below 0 where it is taken away. */
  readonly weight: number;
}

/** A number that decides a claim: a sum of weighted scores, such as one arm's minus another's. */
export interface Comparison {
  /** What is compared, in words. */
  readonly about: string;
  /** The family whose records have the arms. */
  readonly family: FamilyName;
  /** Name of what its terms come to, where they are of several scores. */
  readonly score?: string;
  /** What is added up. */
  readonly terms: readonly ClaimTerm[];
  /** The claim says that the sum is greater than this, from 0 to 1: 0 for "better", below 0 for "equal or better". */
  readonly bound: number;
  /** Whether the claim falls with it; others are shown alongside. */
  readonly decides: boolean;
}

/** A time of pre-training relative to the baseline of the main family. */
export interface TimeComparison {
  /** The arm. */
  readonly arm: string;
  /** The claim says that the ratio is at most this. */
  readonly bound: number;
  /** Whether the claim falls with it. */
  readonly decides: boolean;
}

/** One claim. */
export interface Claim {
  /** Short name, for links. */
  readonly id: string;
  /** What is claimed. */
  readonly text: string;
  /** Where, and with which numbers; or that it is a question that the paper leaves open. */
  readonly paper: string;
  /** How it is decided here, and what is in its way. */
  readonly here: string;
  /** Scores that decide. */
  readonly comparisons: readonly Comparison[];
  /** Times that decide. */
  readonly times: readonly TimeComparison[];
}
