/**
 * Dynamic scaling of the loss (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2) as data: cotangents in f16
 * are kept away from 0 by a factor, which is halved when they overflow and doubled after many steps when not. The
 * factor is state of the step, so that nothing is read back to decide.
 */
import { type NdArray, ndarray } from "../array.ts";
import { ConfigError } from "../errors.ts";
import { add, and, cast, less, maximum, minimum, mul, not, select } from "../ops/elementwise.ts";
import { parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";

/** Settings of the scale. PyTorch's where nothing is said. */
export interface LossScaling {
  /** Factor of the first step; 65536 by default. */
  readonly initial?: number;
  /** Steps without overflow after which it doubles; 2000 by default. */
  readonly growEvery?: number;
  /** It does not fall below this; 1 by default. */
  readonly least?: number;
  /** It does not grow beyond this; 2^24 by default. */
  readonly most?: number;
}

/** State that the scale carries from step to step. */
export type ScaleState<A> = {
  /** Factor of the loss, f32 `[]`. */
  readonly scale: A;
  /** Steps since it last changed, i32 `[]`. */
  readonly good: A;
  /** Updates that were skipped so far, i32 `[]`. */
  readonly skipped: A;
};

/**
 * Settings with nothing left open.
 * @throws {ConfigError} for bounds in the wrong order, or a scale that is not positive.
 */
export const lossScalingOf = (given: LossScaling): Required<LossScaling> => {
  const full = { initial: 2 ** 16, growEvery: 2000, least: 1, most: 2 ** 24, ...given };
  const { initial, growEvery, least, most } = full;
  if (!(least > 0 && least <= initial && initial <= most && Number.isInteger(growEvery) && growEvery > 0)) {
    throw new ConfigError({
      op: "lossScaling",
      got: `initial ${initial} between ${least} and ${most}, growing every ${growEvery} steps`,
      expected: "0 < least <= initial <= most, and a whole number of steps",
      hint: "leave them out for the usual ones",
    });
  }
  return full;
};

/** Specifications of the state. */
export const scaleSpecs = (scaling: LossScaling): ScaleState<ParameterSpec> => ({
  scale: parameter([], { kind: "fill", value: lossScalingOf(scaling).initial }),
  good: parameter([], zerosInit, "i32"),
  skipped: parameter([], zerosInit, "i32"),
});

/** The state before the first step. */
export const startScale = (scaling: LossScaling): ScaleState<NdArray> => ({
  scale: ndarray("f32", [], Float32Array.of(lossScalingOf(scaling).initial)),
  good: ndarray("i32", [], Int32Array.of(0)),
  skipped: ndarray("i32", [], Int32Array.of(0)),
});

/** The state after a step whose gradients were finite, or were not. */
export const nextScale = (
  scaling: LossScaling,
  { scale, good, skipped }: ScaleState<Tensor>,
  finite: Tensor,
): ScaleState<Tensor> => {
  const { growEvery, least, most } = lossScalingOf(scaling), run = add(good, 1);
  const goesOn = less(run, growEvery), grown = select(goesOn, scale, minimum(mul(scale, 2), most));
  return {
    scale: select(finite, grown, maximum(mul(scale, 0.5), least)),
    good: select(and(finite, goesOn), run, 0),
    skipped: add(skipped, cast("i32")(not(finite))),
  };
};
