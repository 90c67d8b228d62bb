/** A trained model as what writes: on features of images, or on images. Pure. */
import {
  input,
  type NdArray,
  type ParameterSpec,
  type Tensor,
  type Tree,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import type { CausalLM } from "../generate/programs.ts";
import type { LazyArray } from "../weights/lazy.ts";
import { cellsOf, encodedViews } from "../vision/tower.ts";
import { modelOf, type ModelParts, type PlacedBridge, viewsRead } from "./model.ts";

/** A model and its numbers. */
export interface ModelWeights {
  /** The model around the bridge. */
  readonly model: ModelParts;
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** Its parameters, without those of the encoder. */
  readonly params: Tree<LazyArray>;
}

const named = <A>(tree: Tree<A>): Readonly<Record<string, Tree<A>>> =>
  tree as Readonly<Record<string, Tree<A>>>;

/** A trained model as a writer behind the features of images, inputs `features.0` and so on. */
export const causalLMOf = (
  { model: { isolator: _, ...parts }, bridge, params: trained }: ModelWeights,
): CausalLM => {
  // answers see all tokens: the isolator is training's alone
  const { isolator: _vectors, ...params } = named(trained);
  const { tower, decoder, pyramid } = parts, model = modelOf(parts, bridge);
  const cells = cellsOf(tower, viewsRead(bridge)), { width } = tower.config;
  return {
    decoder,
    specs: model.specs,
    params,
    ...(parts.adapter === undefined ? {} : { alpha: parts.adapter.alpha }),
    ...(pyramid === undefined ? {} : { pyramid }),
    images: {
      tokens: model.visualTokens,
      describe: (held, rows) =>
        model.visual(held, {
          features: tower.levels.map((_, i) => input(`features.${i}`, [rows, cells, width])),
        }),
    },
  };
};

/** Of the features of some images, the levels that a bridge reads, as the inputs of {@link causalLMOf}. */
export const featureInputs = (
  features: readonly NdArray[],
  levels: readonly number[],
): Readonly<Record<string, NdArray>> =>
  Object.fromEntries(levels.map((i) => [`features.${i}`, features[i]!]));

/** The same model with its encoder before it, so that it reads images: the input `images`, `[rows, side, side, 3]`. */
export const imageCausalLM = (weights: ModelWeights, encoder: Tree<LazyArray>): CausalLM => {
  const { model: parts, bridge } = weights, { tower } = parts;
  const writer = causalLMOf(weights), model = modelOf(parts, bridge), views = viewsRead(bridge);
  return {
    ...writer,
    specs: { vision: vitSpecs(tower.config) as Tree<ParameterSpec>, ...named(writer.specs) },
    params: { vision: encoder, ...named(writer.params) },
    images: {
      tokens: model.visualTokens,
      describe: (held, rows) => {
        const { vision, ...rest } = named(held), images = input("images", [rows, views.side, views.side, 3]);
        const features = encodedViews(tower, views)(vision as unknown as VitParams<Tensor>, images);
        return model.visual(rest, { features });
      },
    },
  };
};
