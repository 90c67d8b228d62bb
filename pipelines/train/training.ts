/** One training as a value, and its whole step as one compiled source with donated state. Pure but for the batches. */
import {
  bindingsOf,
  input,
  type MetricRing,
  metricRing,
  type NdArray,
  type Optimiser,
  type ParameterSpec,
  type PathPredicate,
  placeholders,
  type Schedule,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  unscaled,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import type * as Effect from "effect/Effect";
import type { ProgressSink } from "../terminal/progress.ts";
import { mixedOf, type Precision } from "./precision.ts";

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
  /** The batch as inputs. */
  readonly batch: B;
  /**
   * Batches of other shapes, smaller ones, that `batchAt` may give as well: a step is computed by a program of the shape
   * of its batch, all on the same parameters and the same state of the optimiser. None by default.
   */
  readonly others?: readonly OtherBatch<B>[];
  /** The loss of parameters on a batch, with further scalars to record. */
  readonly loss: (params: Tree<Tensor>, batch: B) => readonly [Tensor, Readonly<Record<string, Tensor>>];
  /** Arrays for every input of the batch at a step. */
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
  /** What becomes of a step whose loss or gradients are not finite; `stop` by default. */
  readonly onNonFinite?: OnNonFinite;
  /** Optimiser steps altogether. */
  readonly total: number;
  /** What a step gets done, for rates: 512 `tokens`. */
  readonly work: { readonly amount: number; readonly unit: string };
  /** Where it writes. */
  readonly places: TrainingPlaces;
}

/** Rows of the ring: the most steps between two readings. */
export const RING_ROWS = 64;

/** The step of a training as a source for the compiler. */
export interface StepSource {
  /** Outputs, donation and inputs. */
  readonly source: Source;
  /** The ring that the step writes its metrics to. */
  readonly ring: MetricRing;
  /** Input paths of the state that changes, `step` included. */
  readonly changing: readonly string[];
  /** Bindings of a whole state. */
  readonly bind: (state: TrainState<NdArray>) => Bindings;
  /** The state before the first step. */
  readonly start: TrainState<NdArray>;
}

/** Input path of the ring. */
export const RING = "ring";

/**
 * The whole step on batches of a shape: forward, backward, clipping, update and the ring, state donated. Throws what the
 * loss throws.
 */
export const stepSource = <B, E, R>(
  training: Training<B, E, R>,
  batch: B = training.batch,
): StepSource => {
  const { optimiser, trainable, specs, loss, schedule, maxNorm } = training;
  const half = mixedOf(training.precision);
  // in mixed precision steps are skipped anyway
  const skips = half.mixed === undefined && training.onNonFinite === "skip"
    ? { scaling: unscaled }
    : undefined;
  const scaled = half.mixed ?? skips;
  const state = placeholders(
    "state",
    trainStateSpecs(optimiser, specs, trainable, scaled),
  ) as TrainState<Tensor>;
  const settings = { loss, optimiser, schedule, maxNorm, trainable, ...half, ...skips };
  const result = trainStep<B>(settings)(state, batch);
  const { loss: value, gradNorm, lr, ...others } = result.metrics;
  const metrics: Record<string, Tensor> = { loss: value, gradNorm, lr, ...others };
  const ring = metricRing(Object.keys(metrics), RING_ROWS), before = input(RING, ring.spec.shape);
  const old = tensors.flatten({ state } as Tree<Tensor>);
  const changed = tensors.entries({ state: result.state } as Tree<Tensor>).filter(([path, t]) =>
    t !== old[path]
  );
  const outputs = {
    ...Object.fromEntries(changed),
    [RING]: ring.write(before, state.step, metrics),
  };
  return {
    source: {
      outputs,
      donate: Object.fromEntries(Object.keys(outputs).map((path) => [path, path])),
      inputs: [...Object.values(old), ...tensors.leaves(batch as Tree<Tensor>)],
    },
    ring,
    changing: changed.map(([path]) => path),
    bind: (values) => bindingsOf("state", values as Tree<NdArray>),
    start: startTraining(optimiser, training.initial, trainable, scaled),
  };
};
