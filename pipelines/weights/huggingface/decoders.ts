/** Decoders of the LLaMA, Mistral, Qwen2 and Qwen3 families, as the decoder here: one `Architecture` each. */
import { type LlamaConfig, llamaSpecs, type ParameterSpec, type Tree } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither } from "../../base/bridge.ts";
import type { Json } from "../../base/hash.ts";
import type { NameTable, Row } from "../table.ts";
import { type Architecture, checkKind, kindFields, type Kinds } from "./architecture.ts";
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
import { mathFault } from "./math_fields.ts";
import { readRope, ropeFields, writeRope } from "./rope.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

const required = t.type({
  vocab_size: lengthCount,
  hidden_size: lengthCount,
  intermediate_size: lengthCount,
  num_hidden_layers: layerCount,
  num_attention_heads: lengthCount,
});

const optional = t.partial({
  num_key_value_heads: orNull(lengthCount),
  head_dim: orNull(lengthCount),
  hidden_act: t.string,
  rms_norm_eps: positive,
  tie_word_embeddings: flag,
  attention_bias: flag,
  mlp_bias: flag,
  use_sliding_window: flag,
  sliding_window: orNull(count),
  max_window_layers: t.number,
  layer_types: orNull(t.array(t.string)),
  auto_map: t.unknown,
});

const codec = t.intersection([required, optional, kindFields, ropeFields]);

type Fields = t.TypeOf<typeof codec>;

const KNOWN: ReadonlySet<string> = new Set(
  [required, optional, kindFields, ropeFields].flatMap(({ props }) => Object.keys(props)),
);

/** A family of decoders: what its class in `transformers` 5.18 computes alongside what all of them do. */
interface Family {
  /** The family, as `model_type` names it. */
  readonly type: DecoderFamily;
  /** Its class with an output map. */
  readonly of: string;
  /** Fields that `transformers` fills in where they are absent. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Biases and norms of the attention, given its config.json. */
  readonly attention: (
    fields: Pick<Fields, "attention_bias">,
  ) => Required<Pick<LlamaConfig, "attentionBias" | "outputBias" | "qkNorm">>;
  /** Whether `mlp_bias` is read. */
  readonly mlpBias: boolean;
  /** The window of its blocks. */
  readonly window: (fields: Fields) => E.Either<UnsupportedError, number | undefined>;
  /** The fields that say so. */
  readonly writeWindow: (window: number | undefined, layers: number) => { readonly [field: string]: Json };
}

/** The families of decoders that are read. */
export type DecoderFamily = "llama" | "mistral" | "qwen2" | "qwen3";

const bias = (attentionBias = false, outputBias = attentionBias) => ({
  attentionBias,
  outputBias,
  qkNorm: false,
});

const layerFault = (fields: Fields, allowed: string): UnsupportedError | undefined => {
  const other = fields.layer_types?.find((type) => type !== allowed);
  return other === undefined ? undefined : unsupported("layer_types", other, `${allowed} in every layer`);
};

const withoutWindow: Family["window"] = (fields) => {
  const fault = layerFault(fields, "full_attention");
  if (fault !== undefined) return E.left(fault);
  const window = fields.sliding_window;
  return window != null && window < (fields.max_position_embeddings ?? Infinity)
    ? E.left(unsupported("sliding_window", window, "attention to all positions before"))
    : E.right(undefined);
};

const everywhere: Family["window"] = (fields) => {
  const window = fields.sliding_window ?? undefined;
  const fault = layerFault(fields, window === undefined ? "full_attention" : "sliding_attention");
  return fault === undefined ? E.right(window) : E.left(fault);
};

// layers from `max_window_layers` on have the window, unless `layer_types` says which
const ifUsed: Family["window"] = (fields) => {
  const { use_sliding_window: used = false, sliding_window, layer_types, num_hidden_layers: layers } = fields;
  if (!used || sliding_window == null) {
    const fault = layerFault(fields, "full_attention");
    return fault === undefined ? E.right(undefined) : E.left(fault);
  }
  const from = fields.max_window_layers ?? 28;
  const slides = layer_types?.map((type) => type === "sliding_attention") ??
    Array.from({ length: layers }, (_, i) => i >= from);
  if (slides.every((one) => one === slides[0])) return E.right(slides[0] ? sliding_window : undefined);
  return E.left(
    layer_types == null
      ? unsupported("max_window_layers", from, `0 or at least ${layers}: one kind of attention in all layers`)
      : unsupported("layer_types", layer_types, "one kind of attention in all layers"),
  );
};

const qwenWindow: Family["writeWindow"] = (window, layers) => ({
  use_sliding_window: window !== undefined,
  sliding_window: window ?? null,
  max_window_layers: window === undefined ? layers : 0,
});

const qwenDefaults = { num_key_value_heads: 32, max_position_embeddings: 32768 };

const families: Readonly<Record<DecoderFamily, Family>> = {
  llama: {
    type: "llama",
    of: "LlamaForCausalLM",
    defaults: {},
    attention: ({ attention_bias }) => bias(attention_bias),
    mlpBias: true,
    window: withoutWindow,
    writeWindow: () => ({}),
  },
  mistral: {
    type: "mistral",
    of: "MistralForCausalLM",
    defaults: { num_key_value_heads: 8, sliding_window: 4096, max_position_embeddings: 4096 * 32 },
    attention: () => bias(),
    mlpBias: false,
    window: everywhere,
    writeWindow: (window) => ({ sliding_window: window ?? null }),
  },
  qwen2: {
    type: "qwen2",
    of: "Qwen2ForCausalLM",
    defaults: { ...qwenDefaults, sliding_window: 4096 },
    attention: () => bias(true, false),
    mlpBias: false,
    window: ifUsed,
    writeWindow: qwenWindow,
  },
  qwen3: {
    type: "qwen3",
    of: "Qwen3ForCausalLM",
    defaults: { ...qwenDefaults, sliding_window: 4096, head_dim: 128 },
    attention: ({ attention_bias }) => ({ ...bias(attention_bias), qkNorm: true }),
    mlpBias: false,
    window: ifUsed,
    writeWindow: qwenWindow,
  },
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
  return fields.auto_map !== undefined && fields.auto_map !== null
    ? unsupported("auto_map", fields.auto_map, "a model without code of its own")
    : mathFault(fields, KNOWN);
};

/** How a decoder is laid out here. */
export interface DecoderOptions {
  /** Whether its blocks are stacked, for a loop over them; false by default. */
  readonly scan?: boolean;
}

const kindsOf = ({ of, type }: Family): Kinds => ({ classes: [of], families: [type] });

const nameOf = ({ type }: Family): string => `a ${type === "llama" ? "LLaMA" : type} decoder`;

const read =
  (family: Family, scan: boolean) => (json: unknown): ReturnType<Architecture<LlamaConfig>["read"]> =>
    pipe(
      // transformers fills absent fields, and only those, with the defaults of the family; `null` is a value
      typeof json === "object" && json !== null && !Array.isArray(json)
        ? { ...family.defaults, ...json }
        : json,
      decodeEither(codec, "config.json"),
      E.chainW((fields) => {
        const fault = checkKind(fields, kindsOf(family)) ?? shapeFault(fields);
        if (fault !== undefined) return E.left(fault);
        const { attentionBias, outputBias, qkNorm } = family.attention(fields);
        return pipe(
          E.Do,
          E.bindW("activation", () => readActivation(fields.hidden_act ?? "silu")),
          E.bindW("rope", () => readRope(fields)),
          E.bindW("window", () => family.window(fields)),
          E.map(({ activation, rope: { theta, scaling }, window }): LlamaConfig => ({
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
            attentionBias,
            ...(outputBias === attentionBias ? {} : { outputBias }),
            ...(qkNorm ? { qkNorm } : {}),
            ...(window === undefined ? {} : { window }),
            mlpBias: family.mlpBias && (fields.mlp_bias ?? false),
            activation,
            ...(scan ? { scan } : {}),
          })),
        );
      }),
    );

// the first property of a configuration that the family's class cannot have
const beyond = (family: Family, config: LlamaConfig): UnsupportedError | undefined => {
  const { attentionBias = false, outputBias = attentionBias, qkNorm = false, mlpBias = false } = config;
  const can = family.attention({ attention_bias: attentionBias });
  const refused = (field: string, value: unknown) => unsupported(field, value, `what ${family.of} computes`);
  if (can.attentionBias !== attentionBias) return refused("attention_bias", attentionBias);
  if (can.outputBias !== outputBias) return refused("a bias of o_proj", outputBias);
  if (can.qkNorm !== qkNorm) return refused("q_norm and k_norm", qkNorm);
  if (mlpBias && !family.mlpBias) return refused("mlp_bias", mlpBias);
  return config.window !== undefined && family.window === withoutWindow
    ? refused("sliding_window", config.window)
    : undefined;
};

const write = (family: Family): Architecture<LlamaConfig>["write"] => (config) => {
  const { width, heads, kvHeads = heads, headWidth = width / heads, activation = "silu" } = config;
  const fault = beyond(family, config);
  return fault !== undefined ? E.left(fault) : E.right({
    architectures: [family.of],
    model_type: family.type,
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
    ...family.writeWindow(config.window, config.layers),
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
    "self_attn.q_norm.weight",
    "self_attn.k_norm.weight",
    "post_attention_layernorm.weight",
    ...["gate_proj", "up_proj", "down_proj"].flatMap((map) => [`mlp.${map}.weight`, `mlp.${map}.bias`]),
  ]),
  same("model.norm.weight"),
  same("lm_head.weight"),
];

const names = (family: Family) => (config: LlamaConfig): NameTable => ({
  model: nameOf(family),
  rows,
  ...(config.scan ? { stacked: { list: "model.layers", blocks: config.layers } } : {}),
  prefixes: [""],
  // tables that older versions stored, and a copy of the embeddings where they are the output map too
  ignored: (name) =>
    /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name) ||
    (config.tied === true && name === "lm_head.weight"),
});

/** The adapter of one family of decoders. */
export const decoderArchitecture = (
  type: DecoderFamily,
  { scan = false }: DecoderOptions = {},
): Architecture<LlamaConfig> => {
  const family = families[type];
  return {
    name: nameOf(family),
    kinds: kindsOf(family),
    read: read(family, scan),
    write: write(family),
    specs: (config) => llamaSpecs(config) as Tree<ParameterSpec>,
    names: names(family),
  };
};

/** The adapters of all families of decoders, LLaMA first. */
export const decoderArchitectures = (options: DecoderOptions = {}): readonly Architecture<LlamaConfig>[] =>
  (Object.keys(families) as DecoderFamily[]).map((type) => decoderArchitecture(type, options));
