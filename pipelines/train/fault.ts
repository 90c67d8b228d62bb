/** What can go wrong in a training. */
import { TaggedFault } from "../base/fault.ts";

/** A training that cannot go on: a loss that is no number, or a checkpoint of another training. */
export class TrainingError extends TaggedFault("TrainingError")<{
  /** The stage. */
  readonly stage: string;
  /** Optimiser steps done. */
  readonly step: number;
  /** The file of the batch at which the training stopped, where it did for numbers that are not finite. */
  readonly batch?: string;
}> {}
