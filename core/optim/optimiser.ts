/** Common parts of all optimisers: a pure rule for one parameter. */
import type { PathPredicate } from "../tree.ts";
import type { Tensor } from "../tensor.ts";

/** What a rule is given for one parameter. */
export interface UpdateInput {
  /** Path of the parameter. */
  readonly path: string;
  /** Its value. */
  readonly param: Tensor;
  /** Its gradient. */
  readonly grad: Tensor;
  /** The optimiser's memory of it, by slot. */
  readonly slots: Readonly<Record<string, Tensor>>;
  /** Learning rate, `[]`. */
  readonly lr: Tensor;
  /** Number of updates before this one, i32 `[]`. */
  readonly step: Tensor;
}

/** What a rule gives for one parameter. */
export interface UpdateOutput {
  /** Its new value. */
  readonly param: Tensor;
  /** The new memory, by slot. */
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** An optimiser. */
export interface Optimiser {
  /** Name shown in runs. */
  readonly name: string;
  /** Names of the arrays that it remembers per parameter, each of the parameter's shape and 0 at the start. */
  readonly slots: readonly string[];
  /** The rule. */
  readonly update: (given: UpdateInput) => UpdateOutput;
}

/** A learning-rate group: parameters that a predicate chooses, and the factor of their rate. */
export interface LearningRateGroup {
  /** Which parameters. */
  readonly when: PathPredicate;
  /** Factor of the learning rate. */
  readonly scale: number;
}

/** The factor of the first group that has the path, else 1. */
export const learningRateScale = (groups: readonly LearningRateGroup[], path: string): number =>
  groups.find(({ when }) => when(path))?.scale ?? 1;
