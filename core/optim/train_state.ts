/** State that a training carries from step to step: parameters, the optimiser's memory, the step, the scale of the loss. */
import { halved, type NdArray, ndarray, zerosArray } from "../array.ts";
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
  /** Exponential moving averages of the trained parameters by path, where the step keeps them (`ema` of its config). */
  readonly ema?: { readonly [path: string]: A };
  /** The scale of the loss; in mixed precision, and where steps that are not finite are skipped. */
  readonly scaling?: ScaleState<A>;
};

/** Chooses all parameters. */
export const everyParameter: PathPredicate = (): boolean => true;

/** What of a state depends on the precision of its steps. */
export interface StatePrecision {
  /** How the loss is scaled; PyTorch's settings by default. */
  readonly scaling?: LossScaling;
  /** Frozen parameters that are stored as f16, by path; none by default. */
  readonly half?: PathPredicate;
}

/** Whether a parameter is stored as f16. */
const isHalf =
  (trainable: PathPredicate, { half }: StatePrecision = {}) =>
  (path: string, { dtype }: Pick<ParameterSpec, "dtype">): boolean =>
    dtype === "f32" && half !== undefined && half(path) && !trainable(path);

/**
 * Specifications of a whole training state: `placeholders(prefix, ...)` of it are the step's inputs. With `averaged` it
 * has moving averages of the trained parameters.
 */
export const trainStateSpecs = (
  optimiser: Optimiser,
  params: Tree<ParameterSpec>,
  trainable: PathPredicate = everyParameter,
  precision?: StatePrecision,
  averaged = false,
): TrainState<ParameterSpec> => {
  const trained = specTrees.entries(params).filter(([path]) => trainable(path));
  const slot = Object.fromEntries(trained.map(([path, { shape }]) => [path, parameter(shape, zerosInit)]));
  const stored = isHalf(trainable, precision);
  return {
    params: specTrees.map(
      params,
      (spec, path): ParameterSpec => stored(path, spec) ? { ...spec, dtype: "f16" } : spec,
    ),
    opt: Object.fromEntries(optimiser.slots.map((s) => [s, slot])),
    step: parameter([], zerosInit, "i32"),
    ...(averaged ? { ema: slot } : {}),
    ...(precision === undefined ? {} : { scaling: scaleSpecs(precision.scaling ?? {}) }),
  };
};

/**
 * The state before the first step: the parameters as given, which are their averages too, the optimiser's memory and the
 * step at 0, the scale.
 * @throws {DTypeError} naming a parameter that is to be stored as f16 and holds a number beyond its range.
 */
export const startTraining = (
  optimiser: Optimiser,
  params: Tree<NdArray>,
  trainable: PathPredicate = everyParameter,
  precision?: StatePrecision,
  averaged = false,
): TrainState<NdArray> => {
  const trained = arrayTrees.entries(params).filter(([path]) => trainable(path));
  const stored = isHalf(trainable, precision);
  return {
    params: arrayTrees.map(
      params,
      (value, path): NdArray => stored(path, value) ? halved(path, value) : value,
    ),
    opt: Object.fromEntries(
      optimiser.slots.map((s) => [
        s,
        Object.fromEntries(trained.map(([path, { shape }]) => [path, zerosArray("f32", shape)])),
      ]),
    ),
    step: ndarray("i32", [], Int32Array.of(0)),
    ...(averaged ? { ema: Object.fromEntries(trained) } : {}),
    ...(precision === undefined ? {} : { scaling: startScale(precision.scaling ?? {}) }),
  };
};
