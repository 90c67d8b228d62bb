/** Evaluators: the one seam through which the device-generic suites run the reference, the CPU and WebGPU. */
import { type Bindings, interpret, type NdArray, type Tensor } from "@chain-of-sight/core";

/** Values of the roots for bound inputs; `f32` results may be float32 or float64. */
export type Evaluate = (roots: readonly Tensor[], bindings: Bindings) => Promise<readonly NdArray[]>;

/** The reference interpreter, in float64. */
export const reference: Evaluate = (roots, bindings) => Promise.resolve(interpret(roots, bindings));
