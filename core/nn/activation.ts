/** Activation functions, elementwise and finite for every finite argument. */
import {
  abs,
  add,
  clamp,
  div,
  erf,
  exp,
  expm1,
  lessEqual,
  log1p,
  maximum,
  minimum,
  mul,
  neg,
  select,
  sigmoid,
  tanh,
} from "../ops/elementwise.ts";
import { together } from "../origin.ts";
import type { Tensor } from "../tensor.ts";

/** Names of the activations that models choose by configuration. */
export type ActivationName = "gelu" | "geluTanh" | "quickGelu" | "relu" | "silu";

/** `max(x, 0)`; its derivative at 0 is 0. */
export const relu = (x: Tensor): Tensor => select(lessEqual(x, 0), 0, x);

/** `x sigmoid(x)`. */
export const silu = (x: Tensor): Tensor => together(() => mul(x, sigmoid(x)));

/** `x Phi(x)` with the exact normal distribution function (Hendrycks and Gimpel 2016). */
export const gelu = (x: Tensor): Tensor =>
  together(() => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)));

/** The tanh approximation of gelu: `x (1 + tanh(u)) / 2`, which is `x sigmoid(2 u)`. */
export const geluTanh = (x: Tensor): Tensor =>
  mul(x, sigmoid(mul(mul(x, add(mul(mul(x, x), 0.044715), 1)), 2 * Math.sqrt(2 / Math.PI))));

/** `x sigmoid(1.702 x)`, the activation of CLIP. */
export const quickGelu = (x: Tensor): Tensor => mul(x, sigmoid(mul(x, 1.702)));

/** `log(1 + e^x)`, as `max(x, 0) + log(1 + e^-|x|)`. */
export const softplus = (x: Tensor): Tensor => add(maximum(x, 0), log1p(exp(neg(abs(x)))));

/** x above 0, `slope x` below. Data-last. */
export const leakyRelu = (slope = 0.01): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  select(lessEqual(x, 0), mul(x, slope), x);

/** x above 0, `alpha (e^x - 1)` below. Data-last. */
export const elu = (alpha = 1): (x: Tensor) => Tensor => (x: Tensor): Tensor =>
  // the exponent is held below 0, so that what is not chosen has no infinite gradient
  select(lessEqual(x, 0), mul(expm1(minimum(x, 0)), alpha), x);

/** `max(0, min(1, x / 6 + 1/2))`. */
export const hardSigmoid = (x: Tensor): Tensor => clamp(0, 1)(add(mul(x, 1 / 6), 0.5));

/** `x hardSigmoid(x)` (Howard et al. 2019). */
export const hardSwish = (x: Tensor): Tensor => mul(x, hardSigmoid(x));

/** `x tanh(softplus(x))` (Misra 2019). */
export const mish = (x: Tensor): Tensor => mul(x, tanh(softplus(x)));

/** `1 / x`. */
export const reciprocal = (x: Tensor): Tensor => div(1, x);

/** Activations by name. */
export const activations: { readonly [N in ActivationName]: (x: Tensor) => Tensor } = {
  gelu,
  geluTanh,
  quickGelu,
  relu,
  silu,
};
