/**
 * One step of training as a pure function from state and batch to state and metrics. It is the composition of two:
 * {@link gradientOf} reads parameters and a batch, {@link updateOf} reads gradients and the whole state. Between the two,
 * gradients of several micro-batches may be added ({@link addGradients}): they are sums, not means, so that micro-batches
 * with different numbers of counted tokens weigh as they do in one batch.
 */
import { TreeError } from "../errors.ts";
import { tensors, valueAndGrad } from "../grad.ts";
import { add, cast, div, less, maximum, minimum, mul, select, sub } from "../ops/elementwise.ts";
import { together } from "../origin.ts";
import { substitute } from "../substitute.ts";
import type { Tensor } from "../tensor.ts";
import { type Application, copiesOf, foreach, sumsOfPairs } from "../transforms/foreach.ts";
import { mixed, type MixedPolicy } from "../transforms/precision.ts";
import { rematWhere } from "../transforms/remat.ts";
import type { PathPredicate, Tree } from "../tree.ts";
import { clipFactor, globalNorm, normOfSquares } from "./clip.ts";
import { type LossScaling, nextScale, type ScaleState } from "./loss_scale.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedule.ts";
import { everyParameter, type StatePrecision, type TrainState } from "./train_state.ts";

/**
 * Scalars of one step, f32 `[]`: `loss`, `gradNorm` (before clipping), `lr`, and the loss's further scalars. Where the
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

/** Mixed precision of a step: which products are in f16, what is stored as f16, and how the loss is scaled. */
export interface MixedPrecision extends MixedPolicy, StatePrecision {}

/** Dependencies of the gradient of a batch. */
export interface GradientConfig<B> {
  /** The loss of parameters on a batch, with further scalars to report. */
  readonly loss: (
    params: Tree<Tensor>,
    batch: B,
  ) => readonly [Tensor, Readonly<Record<string, Tensor>>];
  /**
   * Name of the further scalar that says how much a batch weighs: the number of items that its loss is the mean of, such
   * as `tokens`. Needed where gradients of micro-batches are added; without it a batch is a whole step, as it is.
   */
  readonly weight?: string;
  /** Which parameters are trained, by path within `params`; all by default. */
  readonly trainable?: PathPredicate;
  /** Regions (`model.layers.3`) that the backward pass recomputes, by name; none by default. */
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

/** Configuration of a step. */
export interface TrainStepConfig<B> extends GradientConfig<B> {
  /** The rule of the update. */
  readonly optimiser: Optimiser;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Largest common norm of the gradients; no clipping by default. */
  readonly maxNorm?: number;
  /**
   * Decay of the exponential moving averages of the trained parameters; none are kept by default. After update t, counted
   * from 0, it is at most `(1 + t) / (10 + t)`, as in TensorFlow's ExponentialMovingAverage, so that averages of short
   * trainings are not those of their start. Its state has them: see `trainStateSpecs`.
   */
  readonly ema?: number;
}

/** A scale of the loss that stays 1: finite steps are what they are without, bit for bit. */
export const unscaled: LossScaling = { initial: 1, least: 1, most: 1 };

/** The gradients of one batch, or the sum over several. */
export type Gradients<A> = {
  /** By path of the parameter: the gradient times the scale of the loss, and times `weight` where there is one. */
  readonly grad: { readonly [path: string]: A };
  /** The loss and the further scalars, times `weight` where there is one; the weight's own name is left out. */
  readonly metrics: { readonly loss: A; readonly [name: string]: A };
  /** What the batch weighs, f32 `[]`; left out where the config names no weight. */
  readonly weight?: A;
};

/** The part of a state that gradients depend on. */
export type GradientState = Pick<TrainState<Tensor>, "params" | "scaling">;

/** Result of a step. */
export interface StepResult {
  /** The state after the step; a frozen parameter is the very input that came in. */
  readonly state: TrainState<Tensor>;
  /** Scalars of the step. */
  readonly metrics: StepMetrics;
}

/** Settings of the scale of the loss; `undefined` where it is not scaled. */
const scalingOf = ({ mixed: half, scaling }: Pick<GradientConfig<never>, "mixed" | "scaling">) =>
  half === undefined ? scaling : half.scaling ?? {};

const scaleOf = ({ scaling }: Pick<TrainState<Tensor>, "scaling">): ScaleState<Tensor> => {
  if (scaling !== undefined) return scaling;
  throw new TreeError({
    op: "trainStep",
    got: "a state without scale",
    expected: "`scaling`, as the step scales its loss",
    hint: "give the same `mixed` or `scaling` to trainStateSpecs and startTraining",
  });
};

const trainedOf = (
  params: Tree<Tensor>,
  trainable: PathPredicate = everyParameter,
): { readonly [path: string]: Tensor } =>
  Object.fromEntries(tensors.entries(params).filter(([path]) => trainable(path)));

const weightOf = (name: string, aux: Readonly<Record<string, Tensor>>): Tensor => {
  const found = aux[name];
  if (found !== undefined) return found;
  throw new TreeError({
    op: "gradientOf",
    got: `a loss with the further scalars ${Object.keys(aux).join(", ") || "(none)"}`,
    expected: `${name}, which weighs its batches`,
    hint: "return it alongside the loss, or name another in `weight`",
  });
};

// products narrow what was widened, and read the f16 that is stored
const wide = (leaf: Tensor): Tensor => leaf.dtype === "f16" ? cast("f32")(leaf) : leaf;

/** The loss of a state's parameters on a batch, in the step's precision, and the scalars next to it: no step is made. */
export const lossOf =
  <B>({ loss, mixed: half }: GradientConfig<B>): GradientConfig<B>["loss"] =>
  (params: Tree<Tensor>, batch: B) =>
    (half === undefined ? loss : mixed(half)(loss))(tensors.map(params, wide), batch);

/** The parameters of a state with their moving averages in place of those that have one. */
export const averagedParams = (
  { params, ema = {} }: Pick<TrainState<Tensor>, "params" | "ema">,
): Tree<Tensor> => tensors.map(params, (leaf, path): Tensor => ema[path] ?? leaf);

/**
 * The gradients of the trained parameters on one batch, and the scalars alongside them. Reads the parameters and, where the
 * loss is scaled, the scale.
 * @throws {TreeError} for a scaled loss and a state without scale, and for a weight that the loss does not return.
 */
export const gradientOf =
  <B>(config: GradientConfig<B>): (state: GradientState, batch: B) => Gradients<Tensor> =>
  ({ params, scaling }: GradientState, batch: B): Gradients<Tensor> => {
    const { weight: name, mixed: half } = config;
    const scale = scalingOf(config) === undefined
      ? undefined
      : scaleOf(scaling === undefined ? {} : { scaling }).scale;
    const stated = config.remat === undefined ? config.loss : rematWhere(config.remat)(config.loss);
    const loss = half === undefined ? stated : mixed(half)(stated);
    const whole = (some: Readonly<Record<string, Tensor>>): Tree<Tensor> =>
      tensors.map(params, (leaf, path): Tensor => some[path] ?? wide(leaf));
    const { aux: [value, aux], grad } = valueAndGrad((some: Readonly<Record<string, Tensor>>) => {
      const result = loss(whole(some), batch), [value, aux] = result;
      const sum = name === undefined ? value : mul(value, weightOf(name, aux));
      return [scale === undefined ? sum : mul(sum, scale), result] as const;
    })(trainedOf(params, config.trainable));
    if (name === undefined) return { grad, metrics: { ...aux, loss: value } };
    const { [name]: weight, ...others } = aux;
    return {
      grad,
      metrics: tensors.map({ ...others, loss: value }, (m): Tensor => mul(m, weight!)),
      weight: weight!,
    };
  };

const mapAll = (
  f: (entries: readonly (readonly [path: string, t: Tensor])[]) => readonly Tensor[],
  gradients: Gradients<Tensor>,
): Gradients<Tensor> => {
  const found = together(() => f(tensors.entries(gradients as Tree<Tensor>)));
  let i = 0;
  return tensors.map(gradients, (): Tensor => found[i++]!);
};

/** The same gradients in memory of their own. */
export const copyGradients = (a: Gradients<Tensor>): Gradients<Tensor> =>
  mapAll((entries) => copiesOf(entries.map(([, t]) => t)), a);

/** The gradients of two sets of rows together. Only gradients with a weight add up to those of one batch. */
export const addGradients = (a: Gradients<Tensor>, b: Gradients<Tensor>): Gradients<Tensor> => {
  const others = tensors.flatten(b as Tree<Tensor>);
  return mapAll((entries) => sumsOfPairs(entries.map(([path, t]) => [t, others[path]!])), a);
};

/** Largest norm of gradients that counts as finite: comparisons with NaN are false. */
const FINITE = 3.4e38;

const product = (factors: readonly (Tensor | undefined)[]): Tensor | undefined =>
  factors.filter((f) => f !== undefined).reduce<Tensor | undefined>(
    (a, b) => a === undefined ? b : mul(a, b),
    undefined,
  );

const averagesOf = ({ ema }: Pick<TrainState<Tensor>, "ema">): NonNullable<TrainState<Tensor>["ema"]> => {
  if (ema !== undefined) return ema;
  throw new TreeError({
    op: "trainStep",
    got: "a state without averages",
    expected: "`ema`, as the step averages its parameters",
    hint: "ask trainStateSpecs and startTraining for them",
  });
};

/** How far the averages move towards the parameters in an update, `[]`. */
const shiftOf = (decay: number, updates: Tensor): Tensor => {
  const t = cast("f32")(updates);
  return sub(1, minimum(div(add(t, 1), add(t, 10)), decay));
};

/**
 * The update of a state. With `squares`, of which `normOfSquares` is the norm of all gradients, only the gradients of what it
 * trains are read.
 */
export type Update = (
  state: TrainState<Tensor>,
  gradients: Gradients<Tensor>,
  squares?: Tensor,
) => StepResult;

/** The state after a step, and its metrics, from the gradients of the whole step: clipping, schedule, update. */
export const updateOf = <B>(config: TrainStepConfig<B>): Update =>
(
  state,
  { grad, metrics: sums, weight },
  squares,
): StepResult => {
  const { optimiser, schedule, maxNorm, weight: name } = config;
  const settings = scalingOf(config), scaling = settings === undefined ? undefined : scaleOf(state);
  const trained = trainedOf(state.params, config.trainable);
  const norm = squares === undefined ? globalNorm(Object.values(grad)) : normOfSquares(squares);
  const lr = schedule.of(state.step);
  const items = weight === undefined ? undefined : maximum(weight, 1);
  const mean = items === undefined ? undefined : div(1, items);
  const unscale = product([scaling === undefined ? undefined : div(1, scaling.scale), mean]);
  const gradNorm = unscale === undefined ? norm : mul(norm, unscale);
  const clip = maxNorm === undefined ? undefined : clipFactor(gradNorm, maxNorm);
  const factor = product([clip, unscale]);
  const finite = scaling === undefined ? undefined : less(norm, FINITE);
  const updated = scaling === undefined ? state.step : sub(state.step, scaling.skipped);
  const ema = config.ema === undefined ? undefined : averagesOf(state);
  const shift = config.ema === undefined ? undefined : shiftOf(config.ema, updated);
  const paths = Object.keys(trained), { slots: names } = optimiser;
  /** From a parameter, its gradient, its memory and its average: the next parameter, memory and average. */
  const rule = (path: string): Application["rule"] => (param, gradient, ...rest) => {
    const before = Object.fromEntries(names.map((s, i) => [s, rest[i]!])), average = rest[names.length];
    const clipped = factor === undefined ? gradient! : mul(gradient!, factor);
    const given = { path, param: param!, grad: clipped, slots: before, lr, step: updated };
    const { param: moved, slots } = optimiser.update(given);
    const kept = (next: Tensor, last: Tensor): Tensor =>
      finite === undefined ? next : select(finite, next, last);
    const memory = names.map((s) => kept(slots[s]!, before[s]!));
    // the parameter is made from the memory as it is kept, so that one pass writes both
    const [after] = substitute([moved], new Map(names.map((s, i) => [slots[s]!, memory[i]!]))) as [Tensor];
    const next = kept(after, param!);
    return average === undefined
      ? [next, ...memory]
      : [next, ...memory, kept(add(average, mul(sub(next, average), shift!)), average)];
  };
  const results = together(() =>
    foreach(paths.map((path): Application => ({
      args: [
        trained[path]!,
        grad[path]!,
        ...names.map((s) => state.opt[s]![path]!),
        ...(ema === undefined ? [] : [ema[path]!]),
      ],
      rule: rule(path),
    })))
  );
  const at = (i: number): Record<string, Tensor> =>
    Object.fromEntries(paths.map((path, p) => [path, results[p]![i]!]));
  const updates = at(0), opt = Object.fromEntries(names.map((s, i) => [s, at(1 + i)]));
  const params = tensors.map(state.params, (leaf, path): Tensor => updates[path] ?? leaf);
  const means = items === undefined ? sums : tensors.map(sums, (m): Tensor => div(m, items));
  const weighed = weight === undefined || name === undefined ? {} : { [name]: weight };
  const averaged = ema === undefined ? {} : { ema: at(1 + names.length) };
  const next = { params, opt, step: add(state.step, 1), ...averaged };
  const metrics = { ...means, ...weighed, loss: means.loss, gradNorm, lr };
  if (settings === undefined || scaling === undefined) return { state: next, metrics };
  const after = nextScale(settings, scaling, finite!);
  return {
    state: { ...next, scaling: after },
    metrics: { ...metrics, scale: scaling.scale, skipped: cast("f32")(after.skipped) },
  };
};

/** The step: value and gradient, clipping, schedule, update. Pure: to be interpreted or compiled as a whole. */
export const trainStep =
  <B>(config: TrainStepConfig<B>): (state: TrainState<Tensor>, batch: B) => StepResult =>
  (state: TrainState<Tensor>, batch: B): StepResult =>
    updateOf(config)(state, gradientOf(config)(state, batch));
