/** The perceptron of two layers behind many bridges (LLaVA-1.5, arXiv 2310.03744, section 3.2: `mlp2x_gelu`). */
import { pipe } from "fp-ts/lib/function.js";
import { gelu } from "../nn/activation.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import type { ParameterSpec } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** Two affine maps with an activation between them. */
export type MlpParams<A> = {
  /** d -> h. */
  readonly fc1: LinearParams<A>;
  /** h -> h. */
  readonly fc2: LinearParams<A>;
};

/** Specifications of a perceptron from d to h channels, h inside. */
export const mlpSpecs = (d: number, h: number): MlpParams<ParameterSpec> => ({
  fc1: linearSpecs({ from: d, to: h }),
  fc2: linearSpecs({ from: h, to: h }),
});

/** `[..., d]` to `[..., h]`. Data-last. */
export const mlp =
  (p: MlpParams<Tensor>, activation: (x: Tensor) => Tensor = gelu): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor => pipe(x, linear(p.fc1), activation, linear(p.fc2));
