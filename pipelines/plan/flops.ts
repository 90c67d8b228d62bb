/** FLOPs of a stage, from the description of its step: every node once (`core/cost.ts`). */
import {
  type Cost,
  costOf,
  fit,
  placeholders,
  type Tensor,
  type Tree,
  vitFeatures,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import type { NamedConfig, StageName } from "../configs/config.ts";
import { bridgeOfStage, towerOfStage } from "../configs/model.ts";
import { batchOfStage } from "../configs/training.ts";
import { plannedTraining, wholeStep } from "./step.ts";

/** FLOPs; a multiplication with an addition is two. */
export interface FlopCount {
  /** All of them. */
  readonly all: number;
  /** Those of matrix products and attention; scores under the causal mask are counted, as if they were computed. */
  readonly products: number;
}

/** Operations of one step on one device, by what they are for. */
export interface StepFlops {
  /** The encoder, forward. */
  readonly vision: FlopCount;
  /** The bridge, forward. */
  readonly bridge: FlopCount;
  /** The decoder with its loss, forward. */
  readonly decoder: FlopCount;
  /** The backward pass and the update. */
  readonly backward: FlopCount;
  /** The whole step. */
  readonly step: FlopCount;
  /** What recomputation of the blocks adds to it. */
  readonly recomputation: FlopCount;
}

const countOf = ({ flops, byFamily }: Cost): FlopCount => ({
  all: flops,
  products: byFamily.contraction + byFamily.attention,
});

const minus = (a: FlopCount, b: FlopCount): FlopCount => ({
  all: a.all - b.all,
  products: a.products - b.products,
});

const ofSource = ({ outputs }: Source): FlopCount => countOf(costOf(Object.values(outputs)));

/** The features that the bridge reads. */
const featuresOf = (config: NamedConfig, stage: StageName, params: Tree<Tensor>, images: Tensor) => {
  const { config: vit, levels } = towerOfStage(config, stage), { views } = bridgeOfStage(config, stage);
  const vision = fit("vit", vitSpecs(vit), (params as { readonly vision: Tree<Tensor> }).vision);
  return vitFeatures(vit, levels)(
    vision as VitParams<Tensor>,
    views === undefined ? images : views.of(images),
  );
};

/** Operations of a step of the configured batch on all devices, for a model in f32. */
export const stepFlops = (config: NamedConfig, stage: StageName): StepFlops => {
  const batch = batchOfStage(config, stage),
    form = { precision: "f32", images: config[stage].batch } as const;
  const { model } = plannedTraining(config, stage, { ...form, remat: [], micro: 1 });
  const [kept, again] = [[], ["vision", "decoder"] as const].map((remat) =>
    ofSource(wholeStep(config, stage, { ...form, remat }))
  );
  const params = placeholders("state.params", model.specs) as Tree<Tensor>;
  const vision = countOf(costOf(featuresOf(config, stage, params, batch.images)));
  const visual = countOf(costOf([model.visual(params, batch)]));
  const forward = countOf(costOf([model.loss(params, batch)[0]])), step = kept!;
  return {
    vision,
    bridge: minus(visual, vision),
    decoder: minus(forward, visual),
    backward: minus(step, forward),
    step,
    recomputation: minus(again!, step),
  };
};
