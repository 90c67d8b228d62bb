/** One step of training as a pure function from state and batch to state and metrics. */
import { type NdArray, ndarray, zerosArray } from "../array.ts";
import { tensors, valueAndGrad } from "../grad.ts";
import { TreeError } from "../errors.ts";
import { add, cast, div, less, mul, select, sub } from "../ops/elementwise.ts";
import { together } from "../origin.ts";
import { arrayTrees, parameter, type ParameterSpec, specTrees, zerosInit } from "../parameter.ts";
import { substitute } from "../substitute.ts";
import type { Tensor } from "../tensor.ts";
import { mixed, type MixedPolicy } from "../transforms/precision.ts";
import { rematWhere } from "../transforms/remat.ts";
import type { PathPredicate, Tree } from "../tree.ts";
import { clipFactor, globalNorm } from "./clip.ts";
import { type LossScaling, nextScale, scaleSpecs, type ScaleState, startScale } from "./loss_scale.ts";
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
  /** The scale of the loss; in mixed precision, and where steps that are not finite are skipped. */
  readonly scaling?: ScaleState<A>;
};

/**
 * Scalars of one step, f32 `[]`: `loss`, `gradNorm` (before clipping), `lr`, and what the loss gave beside. Where the
 * loss is scaled also `scale`, the factor of the loss in this step, and `skipped`, the updates left out so far, this one
 * included: its `gradNorm` is not finite.
 */
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

/** Mixed precision of a step: which products are in f16, and how the loss is scaled. */
export interface MixedPrecision extends MixedPolicy {
  /** The scale of the loss; PyTorch's settings by default. */
  readonly scaling?: LossScaling;
}

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
  /**
   * Products in f16 with parameters in f32, and a scaled loss: an update whose gradients overflow is skipped. All f32
   * by default. Its state has the scale: see `trainStateSpecs`.
   */
  readonly mixed?: MixedPrecision;
  /**
   * Scales the loss without `mixed` too, so that updates whose gradients are not finite are skipped and counted; with
   * {@link unscaled} that is all it does. Its state has the scale: see `trainStateSpecs`.
   */
  readonly scaling?: LossScaling;
}

/** A scale of the loss that stays 1: finite steps are what they are without, bit for bit. */
export const unscaled: LossScaling = { initial: 1, least: 1, most: 1 };

/** What a step gives. */
export interface StepResult {
  /** The state after the step; a frozen parameter is the very input that came in. */
  readonly state: TrainState<Tensor>;
  /** Scalars of the step. */
  readonly metrics: StepMetrics;
}

const everything: PathPredicate = () => true;

const scaleOf = ({ scaling }: TrainState<Tensor>): ScaleState<Tensor> => {
  if (scaling !== undefined) return scaling;
  throw new TreeError({
    op: "trainStep",
    got: "a state without scale",
    expected: "`scaling`, as the step scales its loss",
    mend: "give the same `mixed` or `scaling` to trainStateSpecs and startTraining",
  });
};

/** Greatest norm of gradients that counts as finite: comparisons with NaN are false. */
const FINITE = 3.4e38;

/** The step: value and gradient, clipping, schedule, update. Pure: to be interpreted or compiled as a whole. */
export const trainStep =
  <B>(config: TrainStepConfig<B>): (state: TrainState<Tensor>, batch: B) => StepResult =>
  (state: TrainState<Tensor>, batch: B): StepResult => {
    const { optimiser, schedule, maxNorm, trainable = everything, mixed: half } = config;
    const settings = half === undefined ? config.scaling : half.scaling ?? {};
    const scaling = settings === undefined ? undefined : scaleOf(state);
    const stated = config.remat === undefined ? config.loss : rematWhere(config.remat)(config.loss);
    const loss = half === undefined ? stated : mixed(half)(stated);
    const trained = Object.fromEntries(
      tensors.entries(state.params).filter(([path]) => trainable(path)),
    );
    const whole = (some: Readonly<Record<string, Tensor>>): Tree<Tensor> =>
      tensors.map(state.params, (leaf, path): Tensor => some[path] ?? leaf);
    const { aux: [value, aux], grad } = valueAndGrad((some: Readonly<Record<string, Tensor>>) => {
      const result = loss(whole(some), batch);
      return [scaling === undefined ? result[0] : mul(result[0], scaling.scale), result] as const;
    })(trained);
    const norm = globalNorm(Object.values(grad)), lr = schedule.of(state.step);
    const unscale = scaling === undefined ? undefined : div(1, scaling.scale);
    const gradNorm = unscale === undefined ? norm : mul(norm, unscale);
    const clip = maxNorm === undefined ? undefined : clipFactor(gradNorm, maxNorm);
    const factor = clip === undefined || unscale === undefined ? clip ?? unscale : mul(clip, unscale);
    const finite = scaling === undefined ? undefined : less(norm, FINITE);
    const updated = scaling === undefined ? state.step : sub(state.step, scaling.skipped);
    const clipped = factor === undefined
      ? grad
      : together(() => tensors.map(grad, (g): Tensor => mul(g, factor)));
    const updates = Object.fromEntries(
      Object.entries(trained).map(([path, param]) => {
        const slots = Object.fromEntries(optimiser.slots.map((s) => [s, state.opt[s]![path]!]));
        const next = optimiser.update({ path, param, grad: clipped[path]!, slots, lr, step: updated });
        if (finite === undefined) return [path, next];
        // the parameter is made from the memory as it is kept, so that one pass writes both
        const memory = tensors.map(next.slots, (t, s): Tensor => select(finite, t, slots[s]!));
        const by = new Map(Object.entries(memory).map(([s, t]) => [next.slots[s]!, t]));
        const [moved] = substitute([next.param], by) as [Tensor];
        return [path, { param: select(finite, moved, param), slots: memory }];
      }),
    );
    const opt = Object.fromEntries(
      optimiser.slots.map((s) => [
        s,
        Object.fromEntries(Object.entries(updates).map(([path, u]) => [path, u.slots[s]!])),
      ]),
    );
    const params = tensors.map(state.params, (leaf, path): Tensor => updates[path]?.param ?? leaf);
    const next = { params, opt, step: add(state.step, 1) }, metrics = { ...aux, loss: value, gradNorm, lr };
    if (settings === undefined || scaling === undefined) return { state: next, metrics };
    const after = nextScale(settings, scaling, finite!);
    return {
      state: { ...next, scaling: after },
      metrics: { ...metrics, scale: scaling.scale, skipped: cast("f32")(after.skipped) },
    };
  };

/** Specifications of a whole training state: `placeholders(prefix, ...)` of it are the step's inputs. */
export const trainStateSpecs = (
  optimiser: Optimiser,
  params: Tree<ParameterSpec>,
  trainable: PathPredicate = everything,
  precision?: Pick<MixedPrecision, "scaling">,
): TrainState<ParameterSpec> => {
  const trained = specTrees.entries(params).filter(([path]) => trainable(path));
  const slot = Object.fromEntries(trained.map(([path, { shape }]) => [path, parameter(shape, zerosInit)]));
  return {
    params,
    opt: Object.fromEntries(optimiser.slots.map((s) => [s, slot])),
    step: parameter([], zerosInit, "i32"),
    ...(precision === undefined ? {} : { scaling: scaleSpecs(precision.scaling ?? {}) }),
  };
};

/** The state before the first step: the parameters as given, the optimiser's memory and the step at 0, the scale. */
export const startTraining = (
  optimiser: Optimiser,
  params: Tree<NdArray>,
  trainable: PathPredicate = everything,
  precision?: Pick<MixedPrecision, "scaling">,
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
    ...(precision === undefined ? {} : { scaling: startScale(precision.scaling ?? {}) }),
  };
};
