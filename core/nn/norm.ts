/** Normalisations: over the last axis, over groups of channels, over a batch. */
import { pipe } from "fp-ts/lib/function.js";
import { add, mul, rsqrt, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { mean } from "../ops/reduce.ts";
import { together } from "../origin.ts";
import { onesInit, parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
import { ConfigError } from "../errors.ts";
import { variance } from "../ops/statistics.ts";
import type { Tensor } from "../tensor.ts";

/** Parameters of a layer normalisation. */
export type LayerNormParams<A> = {
  /** Gain, `[d]`. */
  readonly weight: A;
  /** Offset, `[d]`. */
  readonly bias: A;
};

/** Parameters of a root-mean-square normalisation. */
export type RmsNormParams<A> = {
  /** Gain, `[d]`. */
  readonly weight: A;
};

/** Specifications of a layer normalisation over `d` channels: gain 1, offset 0. */
export const layerNormSpecs = (d: number): LayerNormParams<ParameterSpec> => ({
  weight: parameter([d], onesInit),
  bias: parameter([d], zerosInit),
});

/** Specifications of a root-mean-square normalisation over `d` channels: gain 1. */
export const rmsNormSpecs = (d: number): RmsNormParams<ParameterSpec> => ({
  weight: parameter([d], onesInit),
});

const last = { axes: [-1], keep: true } as const;

/** `(x - mean) / sqrt(variance + eps) * weight + bias` over the last axis; the variance divides by n. Data-last. */
export const layerNorm =
  ({ weight, bias }: LayerNormParams<Tensor>, eps = 1e-5): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
    together(() => {
      const centred = sub(x, mean(last)(x));
      const scale = pipe(mul(centred, centred), mean(last), (v) => rsqrt(add(v, eps)));
      return add(mul(mul(centred, scale), weight), bias);
    });

/** `x / sqrt(mean(x^2) + eps) * weight` over the last axis (Zhang and Sennrich 2019). Data-last. */
export const rmsNorm =
  ({ weight }: RmsNormParams<Tensor>, eps = 1e-5): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
    together(() => mul(mul(x, pipe(mul(x, x), mean(last), (v) => rsqrt(add(v, eps)))), weight));

/**
 * Normalisation of `[b, ..., c]` over all inner axes and each of several groups of channels (Wu and He 2018); with as
 * many groups as channels it is the normalisation of instances. Data-last.
 */
export const groupNorm =
  ({ weight, bias }: LayerNormParams<Tensor>, groups: number, eps = 1e-5): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor => {
    const b = x.shape[0]!, c = x.shape.at(-1)!;
    if (!Number.isInteger(groups) || groups < 1 || c % groups !== 0) {
      throw new ConfigError({
        op: "groupNorm",
        got: `${groups} groups of ${c} channels`,
        expected: "a number of groups that divides the channels",
        hint: "change one of the two",
      });
    }
    const over = { axes: [1, 3], keep: true } as const, x_bngc = reshape([b, -1, groups, c / groups])(x);
    const centred = sub(x_bngc, mean(over)(x_bngc));
    const scale = rsqrt(add(mean(over)(mul(centred, centred)), eps));
    return add(mul(reshape(x.shape)(mul(centred, scale)), weight), bias);
  };

/** Mean and variance of every channel. */
export type BatchStatistics = {
  /** `[c]`. */
  readonly mean: Tensor;
  /** `[c]`; divides by n. */
  readonly variance: Tensor;
};

/** Statistics of `[..., c]` over all axes but the last. */
export const batchStatistics = (x: Tensor): BatchStatistics => {
  const axes = x.shape.slice(1).map((_, i) => i);
  return { mean: mean({ axes })(x), variance: variance({ axes })(x) };
};

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` by channel of `[..., c]` (Ioffe and Szegedy 2015), with the
 * statistics of the batch or those gathered in training. Data-last.
 */
export const batchNorm = (
  { weight, bias }: LayerNormParams<Tensor>,
  { mean, variance }: BatchStatistics,
  eps = 1e-5,
): (x: Tensor) => Tensor =>
(x: Tensor): Tensor => add(mul(mul(sub(x, mean), rsqrt(add(variance, eps))), weight), bias);
