/** What a training carries from step to step: parameters, the optimiser's memory, the step, the scale of the loss. */
import { type NdArray, ndarray, zerosArray } from "../array.ts";
import { arrayTrees, parameter, type ParameterSpec, specTrees, zerosInit } from "../parameter.ts";
import type { PathPredicate, Tree } from "../tree.ts";
import { type LossScaling, scaleSpecs, type ScaleState, startScale } from "./loss_scale.ts";
import type { Optimiser } from "./optimiser.ts";

/** All that a training carries from step to step. Frozen parameters have no entry in `opt`. */
export type TrainState<A> = {
  /** Parameters, trained and frozen. */
  readonly params: Tree<A>;
  /** The optimiser's memory: slot, then path of the parameter. */
  readonly opt: { readonly [slot: string]: { readonly [path: string]: A } };
  /** Steps done, i32 `[]`. */
  readonly step: A;
  /** The scale of the loss; in mixed precision, and where steps that are not finite are skipped. */
  readonly scaling?: ScaleState<A>;
};

/** Chooses all parameters. */
export const everyParameter: PathPredicate = (): boolean => true;

/** How the loss of a training is scaled; PyTorch's settings where `scaling` is left out. */
export interface ScaledLoss {
  /** The settings. */
  readonly scaling?: LossScaling;
}

/** Specifications of a whole training state: `placeholders(prefix, ...)` of it are the step's inputs. */
export const trainStateSpecs = (
  optimiser: Optimiser,
  params: Tree<ParameterSpec>,
  trainable: PathPredicate = everyParameter,
  scaled?: ScaledLoss,
): TrainState<ParameterSpec> => {
  const trained = specTrees.entries(params).filter(([path]) => trainable(path));
  const slot = Object.fromEntries(trained.map(([path, { shape }]) => [path, parameter(shape, zerosInit)]));
  return {
    params,
    opt: Object.fromEntries(optimiser.slots.map((s) => [s, slot])),
    step: parameter([], zerosInit, "i32"),
    ...(scaled === undefined ? {} : { scaling: scaleSpecs(scaled.scaling ?? {}) }),
  };
};

/** The state before the first step: the parameters as given, the optimiser's memory and the step at 0, the scale. */
export const startTraining = (
  optimiser: Optimiser,
  params: Tree<NdArray>,
  trainable: PathPredicate = everyParameter,
  scaled?: ScaledLoss,
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
    ...(scaled === undefined ? {} : { scaling: startScale(scaled.scaling ?? {}) }),
  };
};
