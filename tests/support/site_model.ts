/** A small model of drawn scenes with weights that were never trained, as sites are made from one: the same every time. */
import { initialise, type NdArray, type ParameterSpec, type Tree, vitSpecs } from "@chain-of-sight/core";
import { cos } from "../../pipelines/configs/entry.ts";
import { shippedTokenizer } from "../../pipelines/decoder/shipped.ts";
import { type DataConfig, defaultData } from "../../pipelines/scenes/config.ts";
import type { SiteModel } from "../../pipelines/site/export.ts";
import type { TrainingSize } from "../../pipelines/site/training.ts";
import { type ModelConfig, modelOf, partsOf, type PlacedBridge } from "../../pipelines/stages/model.ts";
import { imageCausalLM } from "../../pipelines/stages/causal_lm.ts";
import { lazyArrays } from "../../pipelines/weights/lazy.ts";
import { namedTemplates } from "../../pipelines/text/templates.ts";

const data: DataConfig = { ...defaultData, concepts: 8, objects: [2, 3] };
const model: ModelConfig = { width: 32, layers: 1, heads: 2, ff: 64, bridgeHeads: 2, init: 0.09 };

/** A training of three steps on six scenes. */
export const smallTraining: TrainingSize = { scenes: 6, held: 2, rows: 4, steps: 3, every: 2, model };

/** The model. Its bridge has 4 tokens over the whole image and 16 over its quarters. */
export const siteModel = (): SiteModel => {
  const parts = partsOf(model, shippedTokenizer.size);
  const bridge: PlacedBridge = { description: cos([8, 4], [4, 4]), resolution: 112 };
  const draw = (specs: unknown): Tree<NdArray> =>
    initialise([7, 11], specs as Tree<ParameterSpec>) as unknown as Tree<NdArray>;
  const params = draw(modelOf(parts, bridge).specs), encoder = draw(vitSpecs(parts.tower.config));
  return {
    arm: "untrained",
    parts,
    bridge,
    causalLM: imageCausalLM({ model: parts, bridge, params: lazyArrays(params) }, lazyArrays(encoder)),
    language: { tokenizer: shippedTokenizer.json, template: namedTemplates.plain },
    experiment: { world: { data, vocabulary: "shipped" } },
  } as SiteModel;
};
