/** Normalisations over the last axis. */
import { pipe } from "fp-ts/lib/function.js";
import { add, mul, rsqrt, sub } from "../ops/elementwise.ts";
import { mean } from "../ops/reduce.ts";
import { onesInit, parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
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
  ({ weight, bias }: LayerNormParams<Tensor>, eps = 1e-5): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
    const centred = sub(x, mean(last)(x));
    const scale = pipe(mul(centred, centred), mean(last), (v) => rsqrt(add(v, eps)));
    return add(mul(mul(centred, scale), weight), bias);
  };

/** `x / sqrt(mean(x^2) + eps) * weight` over the last axis (Zhang and Sennrich 2019). Data-last. */
export const rmsNorm =
  ({ weight }: RmsNormParams<Tensor>, eps = 1e-5): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
    mul(mul(x, pipe(mul(x, x), mean(last), (v) => rsqrt(add(v, eps)))), weight);
