/** The whole step of a training as one compiled source with donated state. */
import {
  input,
  type MetricRing,
  metricRing,
  type ParameterSpec,
  placeholders,
  specTrees,
  type StepResult,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type TrainStepConfig,
  type Tree,
  unscaled,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels/portable";
import { mixedOf } from "./precision.ts";
import type { Training } from "./training.ts";

/** Rows of the ring: the most steps between two readings. */
export const RING_ROWS = 64;

/** The step of a training as a source for the compiler. */
export interface StepSource {
  /** Outputs, donation and inputs. */
  readonly source: Source;
  /** The ring that the step writes its metrics to. */
  readonly ring: MetricRing;
  /** Input paths of the state that changes, `step` included: all but frozen parameters. */
  readonly changing: readonly string[];
  /** Specifications of the whole state by input path. */
  readonly specs: Readonly<Record<string, ParameterSpec>>;
}

/** Prefix of a parameter's path in the state, and of its name in a checkpoint. */
export const PARAMS = "state.params.";

/** Input path of the ring. */
export const RING = "ring";

/** Configuration of the sources of a training's step. */
export interface Described<B> {
  /** Configuration of the step. */
  readonly settings: TrainStepConfig<B>;
  /** Specifications of its state by input path. */
  readonly specs: StepSource["specs"];
  /** The state as inputs. */
  readonly state: TrainState<Tensor>;
}

/** Describes a training's step. */
export const described = <B, E, R>(training: Training<B, E, R>): Described<B> => {
  const { optimiser, trainable, specs, loss, schedule, maxNorm, micro, remat, ema } = training;
  const half = mixedOf(training.precision, training.half);
  // in mixed precision steps are skipped anyway
  const skips = half.mixed === undefined && training.onNonFinite === "skip"
    ? { scaling: unscaled }
    : undefined;
  const whole = trainStateSpecs(optimiser, specs, trainable, half.mixed ?? skips, ema !== undefined);
  return {
    settings: {
      loss,
      optimiser,
      schedule,
      maxNorm,
      trainable,
      ...half,
      ...skips,
      ...(remat === undefined ? {} : { remat }),
      ...(micro === undefined ? {} : { weight: micro.weight }),
      ...(ema === undefined ? {} : { ema }),
    },
    specs: specTrees.flatten({ state: whole } as Tree<ParameterSpec>),
    state: placeholders("state", whole) as TrainState<Tensor>,
  };
};

/** The source that writes the state and the ring after a step; `inputs` are what it reads alongside the state. */
export const stateSource = <B>(
  { state, specs }: Described<B>,
  result: StepResult,
  inputs: readonly Tensor[],
): StepSource => {
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
    source: { outputs, donate: donated(outputs), inputs: [...Object.values(old), ...inputs] },
    ring,
    changing: changed.map(([path]) => path),
    specs,
  };
};

/** Every output becomes the next value of the input of its own path. */
export const donated = (outputs: Readonly<Record<string, Tensor>>): Record<string, string> =>
  Object.fromEntries(Object.keys(outputs).map((path) => [path, path]));

/**
 * The whole step on batches of a shape: forward, backward, clipping, update and the ring, state donated. Throws what the
 * loss throws.
 */
export const stepSource = <B, E, R>(
  training: Training<B, E, R>,
  batch: B = training.batch,
): StepSource => {
  const all = described(training);
  const result = trainStep<B>(all.settings)(all.state, batch);
  return stateSource(all, result, tensors.leaves(batch as Tree<Tensor>));
};
