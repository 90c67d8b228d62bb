/** One step of training as a pure function from state and batch to state and metrics. */
import { type NdArray, ndarray, zerosArray } from "../array.ts";
import { tensors, valueAndGrad } from "../grad.ts";
import { add, mul } from "../ops/elementwise.ts";
import { together } from "../origin.ts";
import { arrayTrees, parameter, type ParameterSpec, specTrees, zerosInit } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { rematWhere } from "../transforms/remat.ts";
import type { PathPredicate, Tree } from "../tree.ts";
import { clipFactor, globalNorm } from "./clip.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedule.ts";

/** All that a training carries from step to step. Frozen parameters have no entry in `opt`. */
export type TrainState<A> = {
  /** Parameters, trained and frozen. */
  readonly params: Tree<A>;
  /** The optimiser's memory: slot, then path of the parameter. */
  readonly opt: { readonly [slot: string]: { readonly [path: string]: A } };
  /** Steps done, i32 `[]`. */
  readonly step: A;
};

/** Scalars of one step, f32 `[]`: `loss`, `gradNorm` (before clipping), `lr`, and what the loss gave beside. */
export type StepMetrics = {
  /** The loss before the update. */
  readonly loss: Tensor;
  /** Euclidean norm of all gradients before clipping. */
  readonly gradNorm: Tensor;
  /** Learning rate of this step. */
  readonly lr: Tensor;
  /** Further scalars by name. */
  readonly [name: string]: Tensor;
};

/** What a step is made of. */
export interface TrainStepConfig<B> {
  /** The loss of parameters on a batch, with further scalars to report. */
  readonly loss: (
    params: Tree<Tensor>,
    batch: B,
  ) => readonly [Tensor, Readonly<Record<string, Tensor>>];
  /** The rule of the update. */
  readonly optimiser: Optimiser;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Greatest common norm of the gradients; no clipping by default. */
  readonly maxNorm?: number;
  /** Which parameters are trained, by path within `params`; all by default. */
  readonly trainable?: PathPredicate;
  /** Regions (`model.layers.3`) that the backward pass computes again, by name; none by default. */
  readonly remat?: PathPredicate;
}

/** What a step gives. */
export interface StepResult {
  /** The state after the step; a frozen parameter is the very input that came in. */
  readonly state: TrainState<Tensor>;
  /** Scalars of the step. */
  readonly metrics: StepMetrics;
}

const everything: PathPredicate = () => true;

/** The step: value and gradient, clipping, schedule, update. Pure: to be interpreted or compiled as a whole. */
export const trainStep =
  <B>(config: TrainStepConfig<B>): (state: TrainState<Tensor>, batch: B) => StepResult =>
  (state: TrainState<Tensor>, batch: B): StepResult => {
    const { optimiser, schedule, maxNorm, trainable = everything } = config;
    const loss = config.remat === undefined ? config.loss : rematWhere(config.remat)(config.loss);
    const trained = Object.fromEntries(
      tensors.entries(state.params).filter(([path]) => trainable(path)),
    );
    const whole = (some: Readonly<Record<string, Tensor>>): Tree<Tensor> =>
      tensors.map(state.params, (leaf, path): Tensor => some[path] ?? leaf);
    const { value, aux, grad } = valueAndGrad(
      (some: Readonly<Record<string, Tensor>>) => loss(whole(some), batch),
    )(trained);
    const gradNorm = globalNorm(Object.values(grad)), lr = schedule.of(state.step);
    const factor = maxNorm === undefined ? undefined : clipFactor(gradNorm, maxNorm);
    const clipped = factor === undefined
      ? grad
      : together(() => tensors.map(grad, (g): Tensor => mul(g, factor)));
    const updates = Object.fromEntries(
      Object.entries(trained).map(([path, param]) => {
        const slots = Object.fromEntries(optimiser.slots.map((s) => [s, state.opt[s]![path]!]));
        return [
          path,
          optimiser.update({
            path,
            param,
            grad: clipped[path]!,
            slots,
            lr,
            step: state.step,
          }),
        ];
      }),
    );
    const opt = Object.fromEntries(
      optimiser.slots.map((s) => [
        s,
        Object.fromEntries(Object.entries(updates).map(([path, u]) => [path, u.slots[s]!])),
      ]),
    );
    const params = tensors.map(state.params, (leaf, path): Tensor => updates[path]?.param ?? leaf);
    return {
      state: { params, opt, step: add(state.step, 1) },
      metrics: { ...aux, loss: value, gradNorm, lr },
    };
  };

/** Specifications of a whole training state: `placeholders(prefix, ...)` of it are the step's inputs. */
export const trainStateSpecs = (
  optimiser: Optimiser,
  params: Tree<ParameterSpec>,
  trainable: PathPredicate = everything,
): TrainState<ParameterSpec> => {
  const trained = specTrees.entries(params).filter(([path]) => trainable(path));
  const slot = Object.fromEntries(trained.map(([path, { shape }]) => [path, parameter(shape, zerosInit)]));
  return {
    params,
    opt: Object.fromEntries(optimiser.slots.map((s) => [s, slot])),
    step: parameter([], zerosInit, "i32"),
  };
};

/** The state before the first step: the parameters as given, the optimiser's memory and the step at 0. */
export const startTraining = (
  optimiser: Optimiser,
  params: Tree<NdArray>,
  trainable: PathPredicate = everything,
): TrainState<NdArray> => {
  const trained = arrayTrees.entries(params).filter(([path]) => trainable(path));
  return {
    params,
    opt: Object.fromEntries(
      optimiser.slots.map((s) => [
        s,
        Object.fromEntries(trained.map(([path, { shape }]) => [path, zerosArray("f32", shape)])),
      ]),
    ),
    step: ndarray("i32", [], Int32Array.of(0)),
  };
};
