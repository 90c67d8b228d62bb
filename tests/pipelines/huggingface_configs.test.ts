/** config.json of Hugging Face: what is read of it, and what is refused and why. */
import type { LlamaConfig } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { architectureOf } from "../../pipelines/weights/huggingface/architecture.ts";
import { decoderArchitecture, decoderArchitectures } from "../../pipelines/weights/huggingface/decoders.ts";
import { UnsupportedError } from "../../pipelines/weights/huggingface/unsupported.ts";
import { visionArchitecture } from "../../pipelines/weights/huggingface/vision_towers.ts";
import { savedModel } from "../support/checkpoint.ts";

const { config: clipJson } = savedModel("clip_vision");
const { config: llamaJson } = savedModel("llama");

const reading = suite("configurations of Hugging Face");

const refusedLlama = (change: Record<string, unknown>, field: string, pattern: RegExp): void => {
  const got = decoderArchitecture("llama").read({ ...llamaJson, ...change });
  assert.ok(E.isLeft(got), JSON.stringify(change));
  if (got.left instanceof UnsupportedError) assert.is(got.left.field, field);
  assert.match(got.left.message, pattern);
};

reading("refuses what it cannot express, with the reason", () => {
  refusedLlama({ architectures: ["GPT2LMHeadModel"] }, "architectures", /GPT2.*one of LlamaForCausalLM/);
  refusedLlama({ architectures: null, model_type: "gpt2" }, "model_type", /gpt2.*llama/);
  refusedLlama({ hidden_act: "gelu_10" }, "hidden_act", /gelu_10.*quick_gelu/);
  refusedLlama({ hidden_act: "constructor" }, "hidden_act", /constructor/);
  refusedLlama({ quantization_config: { bits: 4 } }, "quantization_config", /bits.*bf16/);
  refusedLlama({ rope_parameters: { rope_type: "yarn", factor: 2 } }, "rope_type", /yarn.*llama3/);
  refusedLlama({ rope_parameters: { rope_type: "linear" } }, "rope_parameters.factor", /factor nothing/);
  refusedLlama(
    { rope_parameters: { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
    "rope_parameters",
    /low factor below/,
  );
  refusedLlama({ partial_rotary_factor: 0.5 }, "partial_rotary_factor", /0\.5/);
  refusedLlama({ num_key_value_heads: 3 }, "num_key_value_heads", /divisor of the 4/);
  refusedLlama({ head_dim: 15 }, "head_dim", /even number/);
  refusedLlama({ head_dim: null, hidden_size: 65 }, "head_dim", /16\.25/);
  refusedLlama({ sliding_window: 64 }, "sliding_window", /all positions/);
  refusedLlama({ model_type: "gemma" }, "model_type", /gemma/);
  refusedLlama({ auto_map: { AutoModel: "modeling.Mine" } }, "auto_map", /code of its own/);
  refusedLlama({ layer_types: ["full_attention", "sliding_attention"] }, "layer_types", /sliding_attention/);
  refusedLlama({ num_hidden_layers: 1e9 }, "", /num_hidden_layers: 1000000000.*up to 1024/);
  refusedLlama({ vocab_size: 1e9 }, "", /vocab_size: 1000000000/);
  refusedLlama({ rms_norm_eps: 1e-60 }, "", /rms_norm_eps: 1e-60.*f32/);
  refusedLlama({ rope_theta: Infinity }, "", /rope_theta/);
  refusedLlama({ hidden_size: -1 }, "", /hidden_size: -1.*an integer above 0/);
  refusedLlama({ vocab_size: undefined }, "", /vocab_size: nothing/);
  refusedLlama({ rms_norm_eps: "1e-5" }, "", /rms_norm_eps: "1e-5"/);
  const clip = visionArchitecture("clip").read({ ...clipJson, patch_size: 57 });
  assert.ok(E.isLeft(clip) && /at least the patch/.test(clip.left.message));
});

reading(
  "fields that no adapter reads are refused by name where they change the mathematics, and only there",
  () => {
    const changing: Readonly<Record<string, unknown>> = {
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      logit_scale: 0.0625,
      logits_scaling: 8,
      embedding_multiplier: 12,
      residual_multiplier: 0.22,
      attention_multiplier: 0.0078,
      scale_emb: 12,
      scale_depth: 1.4,
      clip_qkv: 8,
      use_qk_norm: true,
      qk_layernorm: true,
      norm_type: "layernorm",
      qkv_bias: true,
      num_local_experts: 8,
      num_experts_per_tok: 2,
      alibi: true,
      attention_chunk_size: 8192,
      no_rope_layers: [1, 1, 0],
      use_parallel_residual: true,
      rotary_pct: 0.25,
      query_pre_attn_scalar: 256,
      rope_interleaved: true,
      attention_sinks: 4,
      position_embedding_type: "relative_key",
    };
    for (const [field, value] of Object.entries(changing)) refusedLlama({ [field]: value }, field, /not set/);
    const harmless: Readonly<Record<string, unknown>> = {
      attn_logit_softcapping: null,
      logit_scale: 1,
      use_qk_norm: false,
      num_experts: 0,
      chunk_size_feed_forward: 0,
      position_embedding_type: "absolute",
      norm_type: "rms_norm",
      pretraining_tp: 2,
      initializer_range: 0.02,
      attention_dropout: 0.1,
      use_cache: true,
      temperature: 0.7,
      top_p: 0.9,
      eos_token_id: [1, 2],
      _name_or_path: "somewhere/else",
      transformers_version: "4.31.0",
      torch_dtype: "float16",
      mm_projector_type: "linear",
      max_window_layers: 28,
    };
    const read = decoderArchitecture("llama").read({ ...llamaJson, ...harmless });
    assert.ok(E.isRight(read), E.isLeft(read) ? read.left.message : "");
    const tower = visionArchitecture("clip").read({ ...clipJson, use_qk_norm: true });
    assert.ok(E.isLeft(tower) && /use_qk_norm/.test(tower.left.message));
  },
);

reading("reads the configurations that published models have", () => {
  const generation = { bos_token_id: 1, eos_token_id: [2, 3], use_cache: true, torch_dtype: "bfloat16" };
  const decoder = (type: string, width: number, ff: number, layers: number, heads: number, more: object) => ({
    architectures: [`${type[0]!.toUpperCase()}${type.slice(1)}ForCausalLM`],
    model_type: type,
    hidden_size: width,
    intermediate_size: ff,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    hidden_act: "silu",
    initializer_range: 0.02,
    attention_dropout: 0,
    transformers_version: "4.37.2",
    ...generation,
    ...more,
  });
  const qwen = { max_window_layers: 28, use_sliding_window: false, use_mrope: false, rope_theta: 1e6 };
  const readIt = (json: Readonly<Record<string, unknown>>): LlamaConfig => {
    const got = pipe(architectureOf(decoderArchitectures())(json), E.chainW((of) => of.read(json)));
    if (E.isLeft(got)) throw got.left;
    return got.right;
  };
  // vicuna-7b-v1.5, Llama-3.2-1B, SmolLM2-135M, Mistral-7B-v0.1, Qwen2.5-7B-Instruct, Qwen3-0.6B
  const vicuna = readIt(decoder("llama", 4096, 11008, 32, 32, {
    _name_or_path: "vicuna-7b-v1.5",
    vocab_size: 32000,
    num_key_value_heads: 32,
    max_position_embeddings: 4096,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    pad_token_id: 0,
  }));
  const llama3 = readIt(decoder("llama", 2048, 8192, 16, 32, {
    vocab_size: 128256,
    head_dim: 64,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    rope_theta: 500000,
    rope_scaling: {
      factor: 32,
      high_freq_factor: 4,
      low_freq_factor: 1,
      original_max_position_embeddings: 8192,
      rope_type: "llama3",
    },
    tie_word_embeddings: true,
    mlp_bias: false,
  }));
  const smol = readIt(decoder("llama", 576, 1536, 30, 9, {
    vocab_size: 49152,
    num_key_value_heads: 3,
    is_llama_config: true,
    rope_interleaved: false,
    rope_theta: 100000,
    tie_word_embeddings: true,
    "transformers.js_config": { kv_cache_dtype: { q4f16: "float16" } },
  }));
  const mistral = readIt(decoder("mistral", 4096, 14336, 32, 32, {
    vocab_size: 32000,
    num_key_value_heads: 8,
    max_position_embeddings: 32768,
    sliding_window: 4096,
    rms_norm_eps: 1e-5,
  }));
  const qwen2 = readIt(decoder("qwen2", 3584, 18944, 28, 28, {
    ...qwen,
    vocab_size: 152064,
    num_key_value_heads: 4,
    sliding_window: 131072,
  }));
  const qwen3 = readIt(decoder("qwen3", 1024, 3072, 28, 16, {
    ...qwen,
    vocab_size: 151936,
    head_dim: 128,
    num_key_value_heads: 8,
    attention_bias: false,
    sliding_window: null,
    tie_word_embeddings: true,
  }));
  assert.equal([vicuna.positions, vicuna.headWidth, vicuna.tied], [4096, 128, false]);
  assert.equal(llama3.rope, { kind: "llama3", factor: 32, low: 1, high: 4, trained: 8192 });
  assert.equal([smol.theta, smol.kvHeads], [100000, 3]);
  assert.equal([mistral.window, mistral.kvHeads], [4096, 8]);
  assert.equal([qwen2.window, qwen2.attentionBias, qwen2.outputBias], [undefined, true, false]);
  assert.equal([qwen3.qkNorm, qwen3.headWidth, qwen3.heads], [true, 128, 16]);
  // siglip-so400m-patch14-384, whose sides are no whole number of patches, and clip-vit-large-patch14-336
  const so400m = visionArchitecture("siglip").read({
    architectures: ["SiglipModel"],
    model_type: "siglip",
    initializer_factor: 1,
    text_config: { hidden_size: 1152 },
    vision_config: {
      hidden_size: 1152,
      image_size: 384,
      intermediate_size: 4304,
      model_type: "siglip_vision_model",
      num_attention_heads: 16,
      num_hidden_layers: 27,
      patch_size: 14,
    },
  });
  assert.ok(E.isRight(so400m) && so400m.right.resolution === 378 && so400m.right.activation === "geluTanh");
  const large = visionArchitecture("clip", { blocks: 23 }).read({
    architectures: ["CLIPModel"],
    model_type: "clip",
    logit_scale_init_value: 2.6592,
    projection_dim: 768,
    vision_config: {
      chunk_size_feed_forward: 0,
      hidden_act: "quick_gelu",
      hidden_size: 1024,
      image_size: 336,
      intermediate_size: 4096,
      num_attention_heads: 16,
      num_hidden_layers: 24,
      patch_size: 14,
      pruned_heads: {},
      temperature: 1,
      typical_p: 1,
    },
  });
  assert.ok(E.isRight(large) && large.right.layers === 23 && large.right.resolution === 336);
});

reading("settings of rotations that are not read are refused by name", () => {
  for (const kind of ["default", "linear", "dynamic", "llama3"]) {
    refusedLlama(
      {
        rope_parameters: {
          rope_type: kind,
          factor: 2,
          low_freq_factor: 1,
          high_freq_factor: 2,
          mrope_section: [2, 1],
        },
      },
      "rope_parameters.mrope_section",
      /mrope_section \[2,1\]/,
    );
  }
  refusedLlama(
    { rope_parameters: { full_attention: { rope_theta: 1e6 } } },
    "rope_parameters.full_attention",
    /full_attention/,
  );
});

const familyJson = (type: "mistral" | "qwen2" | "qwen3", change: Record<string, unknown>) => ({
  ...llamaJson,
  architectures: null,
  model_type: type,
  ...change,
});
const readAs = (type: "mistral" | "qwen2" | "qwen3", change: Record<string, unknown> = {}): LlamaConfig => {
  const got = decoderArchitecture(type).read(familyJson(type, change));
  if (E.isLeft(got)) throw got.left;
  return got.right;
};

reading("fills absent fields with the defaults of each family", () => {
  const absent = { num_key_value_heads: undefined, max_position_embeddings: undefined, head_dim: undefined };
  const rest = (change: Record<string, unknown>) =>
    JSON.parse(JSON.stringify({ ...absent, num_attention_heads: 32, ...change })) as Record<string, unknown>;
  const bare = (type: "mistral" | "qwen2" | "qwen3") => {
    const json = JSON.parse(JSON.stringify({ ...familyJson(type, rest({})), ...absent })) as Record<
      string,
      unknown
    >;
    const got = decoderArchitecture(type).read(json);
    if (E.isLeft(got)) throw got.left;
    return got.right;
  };
  const mistral = bare("mistral"), qwen2 = bare("qwen2"), qwen3 = bare("qwen3");
  assert.equal([mistral.kvHeads, mistral.positions, mistral.window], [8, 131072, 4096]);
  assert.equal([qwen2.kvHeads, qwen2.positions, qwen2.window], [32, 32768, undefined]);
  assert.equal([qwen2.attentionBias, qwen2.outputBias, qwen2.qkNorm], [true, false, undefined]);
  assert.equal([qwen3.headWidth, qwen3.qkNorm, qwen3.attentionBias], [128, true, false]);
});

reading("windows that some blocks have are refused, those of all or none are read", () => {
  const used = { use_sliding_window: true, sliding_window: 7 };
  assert.is(readAs("mistral", { sliding_window: 7 }).window, 7);
  assert.is(readAs("mistral", { sliding_window: null }).window, undefined);
  assert.is(readAs("qwen2", { ...used, use_sliding_window: false }).window, undefined);
  assert.is(readAs("qwen2", { ...used, max_window_layers: 0 }).window, 7);
  assert.is(readAs("qwen3", { ...used, max_window_layers: 3 }).window, undefined);
  assert.is(readAs("qwen3", { ...used, layer_types: Array(3).fill("sliding_attention") }).window, 7);
  assert.throws(() => readAs("qwen2", { ...used, max_window_layers: 1 }), /max_window_layers 1/);
  assert.throws(
    () =>
      readAs("qwen3", { ...used, layer_types: ["full_attention", "sliding_attention", "full_attention"] }),
    /layer_types/,
  );
  assert.throws(
    () => readAs("qwen3", { layer_types: Array(3).fill("chunked_attention") }),
    /chunked_attention/,
  );
  assert.throws(
    () => readAs("mistral", { sliding_window: null, layer_types: Array(3).fill("sliding_attention") }),
    /layer_types/,
  );
});

reading("reads rotations in the spellings of all versions, and writes what it reads back", () => {
  const { rope_parameters: _, ...older } = llamaJson;
  const llama3 = {
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const wanted = { kind: "llama3", factor: 8, low: 1, high: 4, trained: 8192 } as const;
  const cases: readonly (readonly [Record<string, unknown>, number, LlamaConfig["rope"]])[] = [
    [{}, 10000, undefined],
    [{ rope_theta: 500000 }, 500000, undefined],
    [{ rope_scaling: null }, 10000, undefined],
    [{ rope_theta: 500000, rope_scaling: { rope_type: "llama3", ...llama3 } }, 500000, wanted],
    [{ rope_parameters: { rope_type: "llama3", rope_theta: 500000, ...llama3 } }, 500000, wanted],
    [{ rope_scaling: { type: "linear", factor: 4 } }, 10000, { kind: "linear", factor: 4 }],
    [{ max_position_embeddings: 4096 }, 10000, undefined],
    [{ rope_scaling: { type: "dynamic", factor: 2 } }, 10000, { kind: "dynamic", factor: 2, trained: 128 }],
  ];
  for (const [change, theta, rope] of cases) {
    const config = decoderArchitecture("llama").read({ ...older, ...change });
    assert.ok(E.isRight(config), JSON.stringify(change));
    assert.is(config.right.theta, theta);
    assert.equal(config.right.rope, rope);
    const written = decoderArchitecture("llama").write(config.right);
    assert.ok(E.isRight(written));
    const positions = "max_position_embeddings" in change ? 4096 : 128;
    assert.is(written.right.max_position_embeddings, positions);
    assert.equal(decoderArchitecture("llama").read(written.right), config);
  }
});

reading.run();
