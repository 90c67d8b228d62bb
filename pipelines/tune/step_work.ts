/**
 * The step that is timed: features to bridge to decoder, mean cross entropy of the text, gradients of both, AdamW on
 * every parameter. The same work as the PyTorch reference: learning rate 1e-4, decay 0.01 everywhere, no clipping.
 */
import {
  adamw,
  chainOfSight,
  constantLearningRate,
  costOf,
  countParameters,
  crossEntropy,
  input,
  layoutOf,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  type Shape,
  sizeOf,
  specTrees,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  valueAndGrad,
  type VisionLanguage,
  visionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import { mixedOf, type Precision } from "../train/precision.ts";
import { BenchError } from "./bench_fault.ts";
import { type BenchPreset, bridgeScales, tokenCounts } from "./presets.ts";

/** Settings of AdamW in the step. */
export const stepOptimiser: {
  readonly rate: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
} = { rate: 1e-4, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 };

/** Added to mean squares in the decoder. */
export const DECODER_EPS = 1e-6;

/**
 * The model of a preset with a number of visual tokens.
 * @throws {BenchError} for a number of tokens without scales.
 */
export const benchModel = (preset: BenchPreset, tokens: number): VisionLanguage => {
  const scales = bridgeScales[tokens], patch = 14;
  if (scales === undefined) {
    throw new BenchError({
      op: "bench",
      got: `${tokens} visual tokens`,
      expected: tokenCounts.join(", "),
      hint: "choose among those",
    });
  }
  return visionLanguage({
    bridge: chainOfSight({
      layout: layoutOf(preset.grid * patch, patch, scales.windows, scales.queries),
      width: preset.featureWidth,
      to: preset.width,
      heads: preset.bridgeHeads,
    }),
    decoder: {
      vocabulary: preset.vocabulary,
      width: preset.width,
      layers: preset.layers,
      heads: preset.heads,
      ff: preset.ff,
      eps: DECODER_EPS,
    },
  });
};

/** Repeatable numbers, evenly spread over `[-scale, scale)`. */
export const numbers = (shape: Shape, seed: number, scale = 1): NdArray => {
  const data = new Float32Array(sizeOf(shape));
  let state = (seed * 0x9e3779b9 + 0x6a09e667) | 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state / 2 ** 31 * scale;
  }
  return ndarray("f32", shape, data);
};

/** Starting values: as the specification says, but normal numbers become even ones of the same deviation. */
export const startValue = ({ shape, init }: ParameterSpec, seed: number): NdArray => {
  switch (init.kind) {
    case "truncatedNormal":
      return numbers(shape, seed, init.std * Math.sqrt(3));
    case "uniform":
      return numbers(shape, seed, Math.max(Math.abs(init.low), Math.abs(init.high)));
    default:
      return ndarray(
        "f32",
        shape,
        new Float32Array(sizeOf(shape)).fill(init.kind === "fill" ? init.value : 0),
      );
  }
};

/** A batch of numbers by input path: two feature levels, ids, and labels that count from the second token on. */
export const batchNumbers = (preset: BenchPreset, batch: number): Readonly<Record<string, NdArray>> => {
  const { grid, featureWidth, text, vocabulary } = preset, n = batch * text;
  const ids = Int32Array.from({ length: n }, (_, i) => (i * 7919 + 13) % 104729 % vocabulary);
  // the reference predicts the second token from the first, and nothing from the last visual token
  const labels = ids.map((id, i) => i % text === 0 ? -100 : id);
  return {
    "features.0": numbers([batch, grid * grid, featureWidth], 1),
    "features.1": numbers([batch, grid * grid, featureWidth], 2),
    ids: ndarray("i32", [batch, text], ids),
    labels: ndarray("i32", [batch, text], labels),
  };
};

/** The timed work. */
export interface StepWork {
  /** The step for the compiler: new state in place of the old, and `loss`. */
  readonly source: Source;
  /** Specifications of the parameters; their inputs are `state.params.` and the path. */
  readonly specs: Tree<ParameterSpec>;
  /** Number of parameters, all of them trained. */
  readonly parameters: number;
  /**
   * FLOPs of the model's products, forward and backward: what the mathematics needs, whatever is
   * computed twice. Causal attention counts its whole square.
   */
  readonly modelFlops: number;
}

/** Input path of a parameter. */
export const PARAMS = "state.params";

/** The batch of a step as inputs. */
export const batchInputs = ({ grid, featureWidth, text }: BenchPreset, b: number): VisionLanguageBatch => ({
  features: [0, 1].map((level) => input(`features.${level}`, [b, grid * grid, featureWidth])),
  ids: input("ids", [b, text], "i32"),
  labels: input("labels", [b, text], "i32"),
});

/** Products of a step. The products of attention take twice their forward work in the backward pass. */
const productFlops = (
  loss: (params: Tree<Tensor>) => Tensor,
  params: Readonly<Record<string, Tensor>>,
): number => {
  const { value, grad } = valueAndGrad((p: Readonly<Record<string, Tensor>>) => loss(p))(params);
  const whole = costOf([value, ...Object.values(grad)]), forward = costOf([value]);
  return whole.byFamily.contraction + 3 * forward.byFamily.attention;
};

/** What a timed step may differ in. */
interface StepWorkOptions {
  /** Sequences; the preset's by default. */
  readonly batch?: number;
  /** Whether the backward pass recomputes decoder blocks; false by default. */
  readonly remat?: boolean;
  /** Element types; f32 by default. */
  readonly precision?: Precision;
}

/** The step of a preset. Throws BenchError for a number of tokens without scales. */
export const stepWork = (
  preset: BenchPreset,
  tokens: number,
  { batch = preset.batch, remat = false, precision }: StepWorkOptions = {},
): StepWork => {
  const { specs, loss, logits } = benchModel(preset, tokens), given = batchInputs(preset, batch);
  const { rate, ...settings } = stepOptimiser;
  const optimiser = adamw({ ...settings, decay: () => true }), half = mixedOf(precision);
  const state = placeholders("state", trainStateSpecs(optimiser, specs, undefined, half.mixed)) as TrainState<
    Tensor
  >;
  const step = trainStep<VisionLanguageBatch>({
    loss,
    optimiser,
    schedule: constantLearningRate(rate),
    ...half,
    ...(remat ? { remat: (region: string) => region.startsWith("model.layers.") } : {}),
  });
  const after = step(state, given);
  const next = tensors.flatten({ state: after.state } as Tree<Tensor>);
  const { treeOf: rebuild, flat } = parameterTree(state.params);
  return {
    source: {
      outputs: { ...next, loss: after.metrics.loss },
      donate: Object.fromEntries(Object.keys(next).map((path) => [path, path])),
      inputs: [...tensors.leaves({ state } as Tree<Tensor>), ...tensors.leaves(given as Tree<Tensor>)],
    },
    specs,
    parameters: countParameters(specs),
    modelFlops: productFlops(
      // every logit once, where the loss reads the vocabulary in blocks and again in its backward pass
      (p) =>
        crossEntropy(logits(rebuild(p as Readonly<Record<string, Tensor>>), given, given.ids), given.labels)
          .mean,
      flat,
    ),
  };
};

const parameterTree = (params: Tree<Tensor>) => ({
  flat: Object.fromEntries(tensors.entries(params)),
  treeOf: (flat: Readonly<Record<string, Tensor>>): Tree<Tensor> =>
    tensors.map(params, (_, path): Tensor => flat[path]!),
});

/** Starting values of every parameter by path, one at a time, so that a large model is never there twice. */
export function* startValues(specs: Tree<ParameterSpec>): Generator<readonly [path: string, NdArray]> {
  let seed = 10;
  for (const [path, spec] of specTrees.entries(specs)) yield [path, startValue(spec, seed++)];
}
