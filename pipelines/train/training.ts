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
import type { Precision } from "./precision.ts";

/**
 * What becomes of a step whose loss or gradients are not finite: `stop` ends the training and saves the batch beside the
 * checkpoint, `skip` leaves the update out and counts it in the metric `skipped`.
 */
export type OnNonFinite = "stop" | "skip";

/** Host arrays of one step by input path. */
export type Bindings = Readonly<Record<string, NdArray>>;

/** The batches of a training: a function of the step alone, so that a resumed training sees the same. */
export const batchesAt = <E, R>(
  at: (step: number) => Effect.Effect<Bindings, E, R>,
): (step: number) => Effect.Effect<Bindings, E, R> => at;

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
  /** The parameters. */
  readonly specs: Tree<ParameterSpec>;
  /** Their values before the first step. */
  readonly initial: Tree<NdArray>;
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
  /** Arrays for every input of the batch at a step; with `micro` the rows of all its micro-batches. */
  readonly batchAt: ReturnType<typeof batchesAt<E, R>>;
  /** Which parameters are trained. */
  readonly trainable: PathPredicate;
  /** The rule of the update. */
  readonly optimiser: Optimiser;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Greatest norm of all gradients. */
  readonly maxNorm: number;
  /** Element types; f32 by default. */
  readonly precision?: Precision;
  /** Frozen parameters that mixed precision stores as f16, by path; all by default. */
  readonly half?: PathPredicate;
  /** Regions that the backward pass recomputes, by name; none by default. */
  readonly remat?: PathPredicate;
  /** What becomes of a step whose loss or gradients are not finite; `stop` by default. */
  readonly onNonFinite?: OnNonFinite;
  /** Optimiser steps altogether. */
  readonly total: number;
  /** What a step gets done, for rates: 512 `tokens`. */
  readonly work: { readonly amount: number; readonly unit: string };
  /** Where it writes. */
  readonly places: TrainingPlaces;
}
