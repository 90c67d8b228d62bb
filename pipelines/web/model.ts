/** A trained model in a page: what it is as JSON, its numbers as safetensors. */
import type { Layout, NdArray, ParameterSpec, Tree, TreeError } from "@chain-of-sight/core";
import { arrayTrees, ConfigError, vitSpecs } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { windowsOf } from "../ask/attention_maps.ts";
import { type Speech, worldSpeech } from "../ask/speech.ts";
import { fromEither } from "../base/bridge.ts";
import type { CausalLM } from "../generate/programs.ts";
import { modelOf, type ModelParts, type PlacedBridge } from "../stages/model.ts";
import { imageCausalLM } from "../stages/causal_lm.ts";
import type { TokenizerJson } from "../text/bpe.ts";
import { tokenizerOf } from "../text/tokenizer.ts";
import type { SafetensorsError } from "../weights/fault.ts";
import { lazyArrays } from "../weights/lazy.ts";
import { paramsIn } from "./params.ts";
import { decode } from "../weights/safetensors.ts";

/** An image to try, with questions about it. */
export interface SampleImage {
  /** Its file in the site. */
  readonly file: string;
  /** Its content. */
  readonly title: string;
  /** Questions about it. */
  readonly questions: readonly string[];
}

/** `model.json` of a site. */
export interface WebModel {
  /** Version of this form. */
  readonly format: 1;
  /** The arm. */
  readonly name: string;
  /** The model around the bridge. */
  readonly parts: ModelParts;
  /** Its bridge. */
  readonly bridge: PlacedBridge;
  /** Its tokenizer. */
  readonly tokenizer: TokenizerJson;
  /** Cells per side of the grid of its boxes. */
  readonly grid: number;
  /** Side in pixels to which images are resampled before they are averaged to the model's resolution. */
  readonly master: number;
  /** Its weights. */
  readonly weights: { readonly file: string; readonly bytes: number };
  /** Files of WebAssembly modules that were assembled at export. */
  readonly modules: readonly string[];
  /** Images to try. */
  readonly samples: readonly SampleImage[];
}

/** A model that can be asked. */
export interface PageModel {
  /** Its kind. */
  readonly about: WebModel;
  /** Encoder, bridge and decoder. */
  readonly causalLM: CausalLM;
  /** Parameters of its encoder. */
  readonly encoder: Tree<NdArray>;
  /** How it is spoken to. */
  readonly speech: Speech;
  /** The windows of its bridge, coarse to fine; none for a bridge without windows. */
  readonly layout: Layout | undefined;
  /** Number of its parameters. */
  readonly parameters: number;
}

const layoutOf = ({ bridge, parts }: WebModel): Layout | undefined => {
  try {
    return windowsOf(bridge, parts.tower);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
};

/** A model from `model.json` and the bytes of its weights. */
export const pageModel = (
  about: WebModel,
  bytes: Uint8Array,
): Effect.Effect<PageModel, SafetensorsError | TreeError> =>
  Effect.gen(function* () {
    const { parts, bridge } = about, { tensors } = yield* fromEither(decode(bytes));
    const specs = { vision: vitSpecs(parts.tower.config), ...modelOf(parts, bridge).specs as object };
    const { vision, ...params } = (yield* paramsIn(tensors, specs as unknown as Tree<ParameterSpec>)) as {
      readonly vision: Tree<NdArray>;
    } & Readonly<Record<string, Tree<NdArray>>>;
    return {
      about,
      causalLM: imageCausalLM({ model: parts, bridge, params: lazyArrays(params) }, lazyArrays(vision)),
      encoder: vision,
      speech: worldSpeech(tokenizerOf(about.tokenizer), about.grid),
      layout: layoutOf(about),
      parameters: Object.values(arrayTrees.flatten({ vision, ...params } as Tree<NdArray>))
        .reduce((n, { data }) => n + data.length, 0),
    };
  });
