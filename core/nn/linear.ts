/**
 * Affine maps, with weights `[out, in]` as PyTorch stores them.
 * Shapes: ... any leading axes, i in, o out, r rank.
 */
import { pipe } from "fp-ts/lib/function.js";
import { add, mul } from "../ops/elementwise.ts";
import { matmul } from "../ops/contraction.ts";
import { transpose } from "../ops/movement.ts";
import { parameter, type ParameterSpec, truncatedNormal, zerosInit } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** Parameters of an affine map, with an optional low-rank addition (LoRA, Hu et al. 2021, section 4.1). */
export type LinearParams<A> = {
  /** `[out, in]`. */
  readonly weight: A;
  /** `[out]`. */
  readonly bias?: A;
  /** `[rank, in]`. */
  readonly lora_A?: A;
  /** `[out, rank]`. */
  readonly lora_B?: A;
};

/** A low-rank addition to linear maps. */
export interface Lora {
  /** Rank of the addition. */
  readonly rank: number;
  /** The addition is scaled by `alpha / rank`. */
  readonly alpha: number;
}

/** What a linear map is made of. */
export interface LinearConfig {
  /** Length of the last axis of the argument. */
  readonly from: number;
  /** Length of the last axis of the result. */
  readonly to: number;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Standard deviation of the initial weights; 0.02 by default. */
  readonly std?: number;
  /** The low-rank addition, none by default. */
  readonly lora?: Lora | undefined;
}

/** Specifications of an affine map: weights truncated normal, bias 0, LoRA's B 0 so that it starts as nothing. */
export const linearSpecs = (
  { from, to, bias = true, std = 0.02, lora }: LinearConfig,
): LinearParams<ParameterSpec> => ({
  weight: parameter([to, from], truncatedNormal(std)),
  ...(bias ? { bias: parameter([to], zerosInit) } : {}),
  ...(lora === undefined ? {} : {
    lora_A: parameter([lora.rank, from], truncatedNormal(std)),
    lora_B: parameter([to, lora.rank], zerosInit),
  }),
});

/** `x W^T + b`, and `(alpha / r) (x A^T) B^T` where the parameters have it: `[..., i]` to `[..., o]`. Data-last. */
export const linear =
  ({ weight, bias, lora_A, lora_B }: LinearParams<Tensor>, alpha = 1): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor => {
    const straight = matmul(transpose(weight))(x);
    const bent = lora_A === undefined || lora_B === undefined ? straight : add(
      straight,
      mul(pipe(x, matmul(transpose(lora_A)), matmul(transpose(lora_B))), alpha / lora_A.shape[0]!),
    );
    return bias === undefined ? bent : add(bent, bias);
  };
