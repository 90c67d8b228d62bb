/**
 * Training steps that see fewer visual tokens than the model does when it answers: random dropping, and the fast and slow
 * steps of DualSpeed (arXiv 2602.03815, section 3; dingkun-zhang/DualSpeed, 99337cb, `llava/model/language_model/llava_llama.py`
 * and `llava/model/llava_arch.py`). A fast step sees tokens that DivPrune chooses, behind the vectors of the mode isolator where
 * the model has them, and is lost in cross entropy. A slow step sees all tokens; its loss is cross entropy and, with weight 1,
 * the divergence from the same model in fast mode, which gets no gradient.
 *
 * Differences: a step is fast or slow by a draw from its seed and number alone; the vectors of the isolator decay in slow
 * steps too, in which they have no gradient. Random dropping draws a subset of each image at each step.
 */
import {
  add,
  constant,
  distillation,
  f32,
  i32,
  input,
  mul,
  type NdArray,
  sum,
  type Tensor,
  type TokenSelection,
  type Tree,
  type VisionLanguage,
  type VisionLanguageBatch,
  type VisionLanguageMetrics,
} from "@chain-of-sight/core";
import { rngOf } from "../base/rng.ts";
import type { BatchPart, Bindings } from "../train/training.ts";
import type { LanguageConfig } from "./language_config.ts";

/** A batch of a step that may see fewer tokens. */
export type StepBatch = VisionLanguageBatch & {
  /** Of a slow step: the weight of the distillation, f32 `[b]`, 1. */
  readonly distillation?: Tensor;
};

/** One kind of step. */
export interface StepKind {
  /** The model as these steps have it. */
  readonly model: VisionLanguage;
  /** Share of all steps. */
  readonly share: number;
  /** A batch of rows with what these steps read next to it. */
  readonly batch: (plain: VisionLanguageBatch) => StepBatch;
}

/** The steps of a training: the first kind is that of the training's own batch. */
export interface StepKinds {
  /** Each kind, the most frequent first. */
  readonly kinds: readonly [StepKind, ...StepKind[]];
  /** The model as it answers. */
  readonly whole: VisionLanguage;
  /** The model that a batch's step has. */
  readonly modelOf: (batch: StepBatch) => VisionLanguage;
  /** The loss of any of them, and scalars of the same names. */
  readonly loss: (
    params: Tree<Tensor>,
    batch: StepBatch,
  ) => readonly [Tensor, VisionLanguageMetrics & { readonly distillation?: Tensor }];
  /** The arrays of a step, from those of its rows. */
  readonly arrays: (seed: number, step: number, plain: Bindings, part?: BatchPart) => Bindings;
}

/** Tokens that a share of `n` keeps: rounded down, at least one. */
const countOf = (keep: number, n: number): number => Math.max(1, Math.floor(keep * n));

const isSlow = ({ slow = 0 }: { readonly slow?: number }, seed: number, step: number): boolean =>
  slow > 0 && rngOf(seed, "slow", step).chance(slow);

/** `count` of the numbers below `n`, ascending, by words. */
const subset = (n: number, count: number, ...words: readonly (number | string)[]): readonly number[] =>
  rngOf(...words).shuffle(Array.from({ length: n }, (_, i) => i)).slice(0, count).sort((a, b) => a - b);

/** The images of a batch: rows of its features, or themselves. */
const imagesOf = (plain: VisionLanguageBatch): number =>
  "features" in plain ? plain.features[0]!.shape[0]! : plain.images.shape[0]!;

const imagesIn = (arrays: Bindings): number => (arrays["features.0"] ?? arrays.images)!.shape[0]!;

/** Rows of arrays whose text may be of any length. */
const rowsOf = (arrays: Bindings): number =>
  Object.entries(arrays).find(([path]) => path === "ids" || path.startsWith("ids."))![1].shape[0]!;

/**
 * The steps of a training. `model` is the model whose decoder sees a selection of visual tokens, or all.
 * @throws {ConfigError} for tokens that are selected of a bridge with members.
 */
export const stepKinds = (
  { tokens }: Pick<LanguageConfig, "tokens">,
  model: (keep?: TokenSelection) => VisionLanguage,
): StepKinds => {
  const whole = model();
  if (tokens === undefined) {
    return {
      kinds: [{ model: whole, share: 1, batch: (plain) => plain }],
      whole,
      modelOf: () => whole,
      loss: whole.loss,
      arrays: (_seed, _step, plain) => plain,
    };
  }
  const { keep, by, slow = 0 } = tokens, n = whole.visualTokens, count = countOf(keep, n);
  const fast = model({ count, by: by === "random" ? "given" : by });
  const marked = (plain: VisionLanguageBatch): StepBatch => ({
    ...plain,
    distillation: input("distillation", [plain.ids.shape[0]!]),
  });
  const chosen = (plain: VisionLanguageBatch): StepBatch =>
    by === "random" ? { ...plain, keep: input("keep", [imagesOf(plain), count], "i32") } : plain;
  const given = (seed: number, step: number, images: number, first: number): NdArray =>
    i32(
      [images, count],
      Array.from({ length: images }, (_, i) => subset(n, count, seed, "keep", step, first + i)).flat(),
    );
  return {
    kinds: [
      { model: fast, share: 1 - slow, batch: chosen },
      ...(slow === 0
        ? []
        : [{ model: whole, share: slow, batch: (plain: VisionLanguageBatch) => marked(chosen(plain)) }]),
    ],
    whole,
    modelOf: (batch) => batch.distillation === undefined ? fast : whole,
    loss: (params, batch) => {
      if (batch.distillation === undefined) {
        const [loss, metrics] = fast.loss(params, batch);
        return [loss, slow === 0 ? metrics : { ...metrics, distillation: constant(0) }];
      }
      const [loss, metrics] = whole.loss(params, batch), { ids, labels } = batch;
      const far = distillation(whole.logits(params, batch, ids), fast.logits(params, batch, ids), labels);
      // weights are 1: they tell the program of slow steps from that of fast ones
      const weighed = mul(far, mul(sum()(batch.distillation), 1 / ids.shape[0]!));
      return [add(loss, weighed), { ...metrics, distillation: weighed }];
    },
    arrays: (seed, step, plain, part) => {
      const rows = rowsOf(plain), images = imagesIn(plain), first = (part?.index ?? 0) * images;
      return {
        ...plain,
        ...(by === "random" ? { keep: given(seed, step, images, first) } : {}),
        ...(isSlow(tokens, seed, step)
          ? { distillation: f32([rows], Array.from({ length: rows }, () => 1)) }
          : {}),
      };
    },
  };
};
