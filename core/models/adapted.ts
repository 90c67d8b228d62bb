/** A vision-language model with low-rank adapters, as one model: its parameters have them under `lora`. */
import { type Adapters, attachLora, type LoraConfig, loraSpecs } from "../lora.ts";
import type { ParameterSpec } from "../parameter.ts";
import { isTensor, type Tensor } from "../tensor.ts";
import type { Tree } from "../tree.ts";
import type { VisionLanguage } from "./vision_language.ts";

const named = <A>(tree: Tree<A>): Readonly<Record<string, Tree<A>>> =>
  tree as Readonly<Record<string, Tree<A>>>;

/** The parameters of a model with those of adapters under `lora`, attached to the linear maps that they adapt. */
export const attachAdapters =
  (alpha: number): (params: Tree<Tensor>) => Tree<Tensor> => (params: Tree<Tensor>): Tree<Tensor> => {
    if (isTensor(params)) return params;
    const { lora = {}, ...base } = named(params);
    return attachLora(base, lora as Adapters<Tensor>, alpha);
  };

/**
 * The model with adapters of its chosen linear maps (decoder, bridge and tower alike), whose parameters are
 * `lora.<path of the map>.lora_A` and `lora_B` alongside the model's own. Train `under("lora")`, with a rate of its own by
 * a `LearningRateGroup`; `mergeLora` gives a plain model again.
 */
export const withLora = (model: VisionLanguage, config: LoraConfig): VisionLanguage => {
  const adapted = attachAdapters(config.alpha);
  return {
    visualTokens: model.visualTokens,
    specs: {
      ...named<ParameterSpec>(model.specs),
      lora: loraSpecs(model.specs, config) as Tree<ParameterSpec>,
    },
    visual: (params, visionInput) => model.visual(adapted(params), visionInput),
    logits: (params, visionInput, ids) => model.logits(adapted(params), visionInput, ids),
    entropy: (params, batch) => model.entropy(adapted(params), batch),
    loss: (params, batch) => model.loss(adapted(params), batch),
  };
};
