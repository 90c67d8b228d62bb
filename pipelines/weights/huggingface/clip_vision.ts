/** `CLIPVisionModel`, alone or inside a `CLIPModel`, as the vision transformer here. */
import { type ParameterSpec, type Tree, type VitConfig, vitSpecs } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither } from "../../base/bridge.ts";
import type { NameTable, Row } from "../table.ts";
import { type Architecture, checkKind } from "./architecture.ts";
import { layerCount, lengthCount, orNull, positive, readActivation, writeActivation } from "./fields.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

const kind = t.partial({
  architectures: orNull(t.array(t.string)),
  model_type: t.string,
  quantization_config: t.unknown,
});

// absent fields have the defaults of `transformers`, which leaves them out where a config is nested
const tower = t.partial({
  hidden_size: lengthCount,
  intermediate_size: lengthCount,
  num_hidden_layers: layerCount,
  num_attention_heads: lengthCount,
  num_channels: lengthCount,
  image_size: lengthCount,
  patch_size: lengthCount,
  hidden_act: t.string,
  layer_norm_eps: positive,
});

const codec = t.intersection([kind, tower, t.partial({ vision_config: tower })]);

const CLASSES = ["CLIPVisionModel", "CLIPVisionModelWithProjection", "CLIPModel"];
const FAMILIES = ["clip_vision_model", "clip"];
const MODEL = "a CLIP vision encoder";

/** How much of an encoder is loaded. */
export interface ClipVisionOptions {
  /**
   * Blocks from the first on, for features of inner blocks (the paper keeps 23 of 24). The normalisation after the last
   * block is then left out as well. All by default.
   */
  readonly blocks?: number;
}

const shapeFault = (config: VitConfig, blocks: number | undefined): UnsupportedError | undefined => {
  const { width, heads, resolution, patch, layers } = config;
  if (width % heads !== 0) {
    return unsupported("num_attention_heads", heads, `a divisor of the width ${width}`);
  }
  if (resolution % patch !== 0) {
    return unsupported("image_size", resolution, `a multiple of the patch, ${patch} px`);
  }
  return blocks !== undefined && !(Number.isInteger(blocks) && blocks >= 1 && blocks <= layers)
    ? unsupported("num_hidden_layers", layers, `at least the ${blocks} blocks that were asked for`)
    : undefined;
};

const read = (blocks: number | undefined) => (config: unknown): ReturnType<Architecture<VitConfig>["read"]> =>
  pipe(
    decodeEither(codec, "config.json")(config),
    E.chainW((fields) => {
      const fault = checkKind(fields, CLASSES, FAMILIES);
      if (fault !== undefined) return E.left(fault);
      const given = fields.vision_config ?? fields, width = given.hidden_size ?? 768;
      return pipe(
        readActivation(given.hidden_act ?? "quick_gelu"),
        E.map((activation): VitConfig => ({
          resolution: given.image_size ?? 224,
          patch: given.patch_size ?? 32,
          colours: given.num_channels ?? 3,
          width,
          layers: given.num_hidden_layers ?? 12,
          heads: given.num_attention_heads ?? 12,
          ff: given.intermediate_size ?? 3072,
          activation,
          eps: given.layer_norm_eps ?? 1e-5,
          pooled: true,
        })),
        E.chain((whole) => {
          const wrong = shapeFault(whole, blocks);
          return wrong !== undefined
            ? E.left(wrong)
            : E.right(blocks === undefined ? whole : { ...whole, layers: blocks, pooled: false });
        }),
      );
    }),
  );

const write: Architecture<VitConfig>["write"] = (config) => {
  const { width, ff = 4 * width, colours = 3, activation = "quickGelu", eps = 1e-5, classToken = true } =
    config;
  if (!classToken) {
    return E.left(unsupported("hidden_size", "an encoder without class token", "the class token of CLIP"));
  }
  return E.right({
    architectures: ["CLIPVisionModel"],
    model_type: "clip_vision_model",
    hidden_size: width,
    intermediate_size: ff,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_channels: colours,
    image_size: config.resolution,
    patch_size: config.patch,
    hidden_act: writeActivation(activation),
    layer_norm_eps: eps,
    attention_dropout: 0,
  });
};

const both = (...owners: readonly string[]): readonly string[] =>
  owners.flatMap((owner) => [`${owner}.weight`, `${owner}.bias`]);

const same = (name: string): Row => ({ ours: name, theirs: name });

const rows: readonly Row[] = [
  "embeddings.class_embedding",
  "embeddings.patch_embedding.weight",
  "embeddings.position_embedding.weight",
  ...both(
    "pre_layrnorm",
    "encoder.layers.{i}.layer_norm1",
    "encoder.layers.{i}.self_attn.q_proj",
    "encoder.layers.{i}.self_attn.k_proj",
    "encoder.layers.{i}.self_attn.v_proj",
    "encoder.layers.{i}.self_attn.out_proj",
    "encoder.layers.{i}.layer_norm2",
    "encoder.layers.{i}.mlp.fc1",
    "encoder.layers.{i}.mlp.fc2",
    "post_layernorm",
  ),
].map(same);

const OTHER_HALF = /^(text_model\.|text_projection\.|visual_projection\.|logit_scale$)/;
// a range of integers that older versions stored
const POSITION_IDS = /(^|\.)embeddings\.position_ids$/;
const LAST_NORM = /^(vision_model\.)?post_layernorm\./;
const BLOCK = /^(?:vision_model\.)?encoder\.layers\.(\d+)\./;

const names = (blocks: number | undefined) => ({ pooled }: VitConfig): NameTable => ({
  model: MODEL,
  rows,
  prefixes: ["", "vision_model."],
  ignored: (name) =>
    OTHER_HALF.test(name) || POSITION_IDS.test(name) || (!pooled && LAST_NORM.test(name)) ||
    (blocks !== undefined && Number(BLOCK.exec(name)?.[1] ?? -1) >= blocks),
});

/** The adapter of CLIP's vision encoders. */
export const clipVisionArchitecture = ({ blocks }: ClipVisionOptions = {}): Architecture<VitConfig> => ({
  name: MODEL,
  read: read(blocks),
  write,
  specs: (config) => vitSpecs(config) as Tree<ParameterSpec>,
  names: names(blocks),
});
