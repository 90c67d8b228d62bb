/** One training as a value. Pure but for the batches. */
import type {
  NdArray,
  Optimiser,
  ParameterSpec,
  PathPredicate,
  Schedule,
  Tensor,
  Tree,
} from "@chain-of-sight/core";
import type * as Effect from "effect/Effect";
import type { ProgressSink } from "../terminal/progress.ts";
import type { LazyArray } from "../weights/lazy.ts";
import type { Precision } from "./precision.ts";

/**
 * What becomes of a step whose loss or gradients are not finite: `stop` ends the training and saves the batch alongside the
 * checkpoint, `skip` leaves the update out and counts it in the metric `skipped`.
 */
export type OnNonFinite = "stop" | "skip";

/** Host arrays of one step by input path. */
export type Bindings = Readonly<Record<string, NdArray>>;

/** One of some equal parts of a batch's rows, in their order: what one rank computes on. */
export interface BatchPart {
  /** Its number, from 0. */
  readonly index: number;
  /** How many there are. */
  readonly of: number;
}

/** A part of the rows of a batch; all of them without one. */
export const partOf = <A>(rows: readonly A[], part?: BatchPart): readonly A[] => {
  if (part === undefined) return rows;
  const size = rows.length / part.of;
  return rows.slice(part.index * size, (part.index + 1) * size);
};

/**
 * The arrays of a step, or of a batch of validation, or of a part of its rows: a function of its number alone, so that a
 * resumed training sees the same.
 * @internal
 */
export type BatchAt<E, R> = (step: number, part?: BatchPart) => Effect.Effect<Bindings, E, R>;

/**
 * Scores of the parameters after a step, by name.
 * @internal
 */
export type ScoresAt<E, R> = (
  params: Tree<LazyArray>,
  step: number,
) => Effect.Effect<Readonly<Record<string, number>>, E, R>;

/** Where a training writes, and how often. */
export interface TrainingPlaces {
  /** Its checkpoint, replaced atomically. */
  readonly checkpoint: string;
  /** Its metrics, JSON lines. */
  readonly metrics: string;
  /** Optimiser steps between checkpoints; the last step and an interruption save too. */
  readonly every: number;
  /** Where progress is shown; standard error by default. */
  readonly sink?: ProgressSink;
  /**
   * The checkpoint and the metrics of a training of another number of steps, and of the same lineage: where this one has
   * no checkpoint yet, it goes on from there instead of from its first step, and is the same training.
   */
  readonly extend?: Pick<TrainingPlaces, "checkpoint" | "metrics">;
}

/** Weights of a training: as they are after a step, or their exponential moving averages. */
export type TrainedWeights = "trained" | "ema";

/** Validation while a training goes on: losses of batches that it does not learn from, and scores. */
export interface Validation<E = never, R = never> {
  /** Steps between validations; the last step is validated too. */
  readonly every: number;
  /** Number of batches. */
  readonly batches: number;
  /** The arrays of a batch, of a shape that a program of the training takes: with `micro` one micro-batch. */
  readonly batchAt: BatchAt<E, R>;
  /** The further scalar of the loss that batches are weighed by; they weigh alike by default. */
  readonly weight?: string;
  /** Scores of the parameters after a step, by name; none by default. */
  readonly scores?: ScoresAt<E, R>;
  /** The metric that decides what is best: `validation/loss`, another scalar of the loss, or `scores/<name>`. */
  readonly metric: string;
  /** Whether its least or its largest value is best. */
  readonly mode: "min" | "max";
  /** Validations in a row without a better value after which the training ends; it does not by default. */
  readonly patience?: number;
}

/** Checkpoints that a training keeps alongside its last one, in files of their own next to it. */
export interface Keep {
  /** The last so many, the last one included; 1 by default. */
  readonly last?: number;
  /** The best by validation; not by default. */
  readonly best?: boolean;
  /** The one from which trainings of more steps can go on; not by default. */
  readonly stable?: boolean;
}

/** What later stages read of a training. */
export interface TrainingResult {
  /** The `last` checkpoint, the default, or the `best` by validation. */
  readonly checkpoint?: "last" | "best";
  /** The weights, as `trained` by default; validation reads the same. */
  readonly weights?: TrainedWeights;
}

/** Batches of another shape. */
export interface OtherBatch<B> {
  /** Such a batch as inputs. Those of another shape than in other batches have paths of their own. */
  readonly batch: B;
  /** What a step gets done with it, in the unit of the training. */
  readonly amount: number;
}

/** Gradient accumulation: every step adds the gradients of several micro-batches before it updates. */
export interface MicroBatches {
  /** Micro-batches of a step, at least 2. `batchAt` gives their rows one after the other, along the first axis. */
  readonly count: number;
  /** The further scalar of the loss that says how many items the loss of a micro-batch is the mean of. */
  readonly weight: string;
}

/** One training. `B` is what the loss reads of a batch; its inputs are bound by `batchAt`. */
export interface Training<B, E = never, R = never> {
  /** Name of the stage, as progress and metrics show it. */
  readonly stage: string;
  /** Hash of all that decides the numbers; a checkpoint of another identity is refused. */
  readonly identity: string;
  /** Hash of all that decides the numbers, the number of steps left out; without it, a training is not extended. */
  readonly lineage?: string;
  /** The parameters. */
  readonly specs: Tree<ParameterSpec>;
  /**
   * Their values before the first step, read one after another. Those that come from files outside of the run and are not
   * trained are left out of its checkpoints, which name the files.
   */
  readonly initial: Tree<LazyArray>;
  /** The batch as inputs; with `micro` one micro-batch. */
  readonly batch: B;
  /** Gradient accumulation; none by default, and a step is one program. */
  readonly micro?: MicroBatches;
  /**
   * Batches of other shapes, smaller ones, that `batchAt` may give as well: a step is computed by a program of the shape
   * of its batch, all on the same parameters and the same state of the optimiser. None by default.
   */
  readonly others?: readonly OtherBatch<B>[];
  /** The loss of parameters on a batch, with further scalars to record. */
  readonly loss: (params: Tree<Tensor>, batch: B) => readonly [Tensor, Readonly<Record<string, Tensor>>];
  /** Batches and loss of validation, where steps see less than the model does when it answers; those of steps by default. */
  readonly answers?: { readonly batches: readonly B[]; readonly loss: Training<B>["loss"] };
  /** Arrays for every input of the batch at a step; with `micro` the rows of all its micro-batches. */
  readonly batchAt: BatchAt<E, R>;
  /** Which parameters are trained. */
  readonly trainable: PathPredicate;
  /** The rule of the update. */
  readonly optimiser: Optimiser;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Largest norm of all gradients. */
  readonly maxNorm: number;
  /** Element types; f32 by default. */
  readonly precision?: Precision;
  /** Frozen parameters that mixed precision stores as f16, by path; all by default. */
  readonly half?: PathPredicate;
  /** Regions that the backward pass recomputes, by name; none by default. */
  readonly remat?: PathPredicate;
  /** What becomes of a step whose loss or gradients are not finite; `stop` by default. */
  readonly onNonFinite?: OnNonFinite;
  /** Decay of the moving averages of the trained parameters, which are part of the state; none by default. */
  readonly ema?: number;
  /** Validation while it trains; none by default. */
  readonly validation?: Validation<E, R>;
  /** Checkpoints that are kept alongside the last one; none by default. */
  readonly keep?: Keep;
  /** What later stages read; the weights after the last step by default. */
  readonly result?: TrainingResult;
  /** Optimiser steps altogether; validation may end it before. */
  readonly total: number;
  /** What a step gets done, for rates: 512 `tokens`. */
  readonly work: { readonly amount: number; readonly unit: string };
  /** Where it writes. */
  readonly places: TrainingPlaces;
}
