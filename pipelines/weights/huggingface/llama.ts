/** `LlamaForCausalLM` and what has its layout, as the decoder here. */
import { type LlamaConfig, llamaSpecs, type ParameterSpec, type Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither } from "../../base/bridge.ts";
import type { NameTable, Row } from "../table.ts";
import { type Architecture, checkKind } from "./architecture.ts";
import {
  count,
  flag,
  layerCount,
  lengthCount,
  orNull,
  positive,
  readActivation,
  writeActivation,
} from "./fields.ts";
import { readRope, ropeFields, writeRope } from "./rope.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

const codec = t.intersection([
  t.type({
    vocab_size: lengthCount,
    hidden_size: lengthCount,
    intermediate_size: lengthCount,
    num_hidden_layers: layerCount,
    num_attention_heads: lengthCount,
  }),
  t.partial({
    architectures: orNull(t.array(t.string)),
    model_type: t.string,
    quantization_config: t.unknown,
    num_key_value_heads: orNull(lengthCount),
    head_dim: orNull(lengthCount),
    hidden_act: t.string,
    rms_norm_eps: positive,
    tie_word_embeddings: flag,
    attention_bias: flag,
    mlp_bias: flag,
    sliding_window: orNull(count),
    layer_types: orNull(t.array(t.string)),
    auto_map: t.unknown,
  }),
  ropeFields,
]);

type Fields = t.TypeOf<typeof codec>;

const MODEL = "a LLaMA decoder";

/** The defaults of `MistralConfig`, which differ from those of `LlamaConfig`. */
const MISTRAL = { num_key_value_heads: 8, sliding_window: 4096, max_position_embeddings: 4096 * 32 };

// transformers fills absent fields, and only those, with the defaults of the family; `null` is a value
const completed = (json: unknown): unknown => {
  const fields = json as { readonly model_type?: unknown; readonly architectures?: readonly unknown[] };
  const mistral = typeof json === "object" && json !== null && !Array.isArray(json) &&
    (fields.model_type ?? "mistral") === "mistral" &&
    (fields.model_type !== undefined || fields.architectures?.[0] === "MistralForCausalLM");
  return mistral ? { ...MISTRAL, ...fields } : json;
};

const shapeFault = (fields: Fields): UnsupportedError | undefined => {
  const { hidden_size: width, num_attention_heads: heads, num_key_value_heads, head_dim } = fields;
  const kv = num_key_value_heads ?? heads, channels = head_dim ?? width / heads;
  if (heads % kv !== 0) {
    return unsupported("num_key_value_heads", kv, `a divisor of the ${heads} attention heads`);
  }
  if (!Number.isInteger(channels) || channels % 2 !== 0) {
    return unsupported("head_dim", channels, "an even number of channels per head");
  }
  if (fields.auto_map !== undefined && fields.auto_map !== null) {
    return unsupported("auto_map", fields.auto_map, "a model without code of its own");
  }
  const other = fields.layer_types?.find((type) => type !== "full_attention");
  if (other !== undefined) return unsupported("layer_types", other, "full_attention in every layer");
  const window = fields.sliding_window;
  return window != null && window < (fields.max_position_embeddings ?? Infinity)
    ? unsupported("sliding_window", window, "attention to all positions before")
    : undefined;
};

/** How a decoder is laid out here. */
export interface LlamaOptions {
  /** Whether its blocks are stacked, for a loop over them; false by default. */
  readonly scan?: boolean;
}

const read = (scan: boolean) => (config: unknown): ReturnType<Architecture<LlamaConfig>["read"]> =>
  pipe(
    decodeEither(codec, "config.json")(completed(config)),
    E.chainW((fields) => {
      const fault = checkKind(fields, ["LlamaForCausalLM", "MistralForCausalLM"], ["llama", "mistral"]) ??
        shapeFault(fields);
      if (fault !== undefined) return E.left(fault);
      return pipe(
        readActivation(fields.hidden_act ?? "silu"),
        E.chain((activation) => pipe(readRope(fields), E.map((rope) => ({ activation, ...rope })))),
        E.map(({ activation, theta, scaling }): LlamaConfig => ({
          vocabulary: fields.vocab_size,
          width: fields.hidden_size,
          layers: fields.num_hidden_layers,
          heads: fields.num_attention_heads,
          kvHeads: fields.num_key_value_heads ?? fields.num_attention_heads,
          headWidth: fields.head_dim ?? fields.hidden_size / fields.num_attention_heads,
          ff: fields.intermediate_size,
          eps: fields.rms_norm_eps ?? 1e-6,
          theta,
          ...(scaling === undefined ? {} : { rope: scaling }),
          ...(fields.max_position_embeddings === undefined
            ? {}
            : { positions: fields.max_position_embeddings }),
          tied: fields.tie_word_embeddings ?? false,
          attentionBias: fields.attention_bias ?? false,
          mlpBias: fields.mlp_bias ?? false,
          activation,
          ...(scan ? { scan } : {}),
        })),
      );
    }),
  );

const write: Architecture<LlamaConfig>["write"] = (config) => {
  const { width, heads, kvHeads = heads, headWidth = width / heads, activation = "silu" } = config;
  return E.right({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: config.vocabulary,
    hidden_size: width,
    intermediate_size: config.ff,
    num_hidden_layers: config.layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headWidth,
    hidden_act: writeActivation(activation),
    rms_norm_eps: config.eps ?? 1e-5,
    tie_word_embeddings: config.tied ?? false,
    attention_bias: config.attentionBias ?? false,
    mlp_bias: config.mlpBias ?? false,
    attention_dropout: 0,
    ...writeRope(config.theta ?? 10000, config.rope, config.positions),
  });
};

const block = (names: readonly string[]): readonly Row[] =>
  names.map((name) => ({ ours: `model.layers.{i}.${name}`, theirs: `model.layers.{i}.${name}` }));

const same = (name: string): Row => ({ ours: name, theirs: name });

const rows: readonly Row[] = [
  same("model.embed_tokens.weight"),
  ...block([
    "input_layernorm.weight",
    ...["q_proj", "k_proj", "v_proj", "o_proj"].flatMap((
      map,
    ) => [`self_attn.${map}.weight`, `self_attn.${map}.bias`]),
    "post_attention_layernorm.weight",
    ...["gate_proj", "up_proj", "down_proj"].flatMap((map) => [`mlp.${map}.weight`, `mlp.${map}.bias`]),
  ]),
  same("model.norm.weight"),
  same("lm_head.weight"),
];

const names = (config: LlamaConfig): NameTable => ({
  model: MODEL,
  rows,
  ...(config.scan ? { stacked: { list: "model.layers", blocks: config.layers } } : {}),
  prefixes: [""],
  // tables that older versions stored, and a copy of the embeddings where they are the output map too
  ignored: (name) =>
    /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name) ||
    (config.tied === true && name === "lm_head.weight"),
});

/** The adapter of LLaMA-family decoders. */
export const llamaArchitecture = ({ scan = false }: LlamaOptions = {}): Architecture<LlamaConfig> => ({
  name: MODEL,
  read: read(scan),
  write,
  specs: (config) => llamaSpecs(config) as Tree<ParameterSpec>,
  names,
});
