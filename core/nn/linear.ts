/**
 * Affine maps, with weights `[out, in]` as PyTorch stores them.
 * Shapes: ... any leading axes, i in, o out, r rank.
 */
import { pipe } from "fp-ts/lib/function.js";
import { add, mul } from "../ops/elementwise.ts";
import { matmul } from "../ops/contraction.ts";
import { transpose } from "../ops/movement.ts";
import { together } from "../origin.ts";
import { parameter, type ParameterSpec, truncatedNormal, zerosInit } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** Parameters of an affine map, with the leaves of a low-rank addition where one is attached (`core/lora.ts`). */
export type LinearParams<A> = {
  /** `[out, in]`. */
  readonly weight: A;
  /** `[out]`. */
  readonly bias?: A;
  /** `[rank, in]`. */
  readonly lora_A?: A;
  /** `[out, rank]`. */
  readonly lora_B?: A;
  /** Factor of the addition, `[]`. */
  readonly lora_scale?: A;
};

/** Configuration of a linear map. */
export interface LinearConfig {
  /** Length of the last axis of the argument. */
  readonly from: number;
  /** Length of the last axis of the result. */
  readonly to: number;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Standard deviation of the initial weights; 0.02 by default. */
  readonly std?: number;
}

/** Specifications of an affine map: weights truncated normal, bias 0. */
export const linearSpecs = (
  { from, to, bias = true, std = 0.02 }: LinearConfig,
): LinearParams<ParameterSpec> => ({
  weight: parameter([to, from], truncatedNormal(std)),
  ...(bias ? { bias: parameter([to], zerosInit) } : {}),
});

/** `x W^T + b`, and `scale (x A^T) B^T` where a low-rank addition is attached: `[..., i]` to `[..., o]`. Data-last. */
export const linear =
  ({ weight, bias, lora_A, lora_B, lora_scale }: LinearParams<Tensor>): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor =>
    together(() => {
      const straight = matmul(transpose(weight))(x);
      const bent = lora_A === undefined || lora_B === undefined || lora_scale === undefined
        ? straight
        : add(straight, mul(pipe(x, matmul(transpose(lora_A)), matmul(transpose(lora_B))), lora_scale));
      return bias === undefined ? bent : add(bent, bias);
    });
