/**
 * Decoder of the LLaMA family (Touvron et al. 2023): RMSNorm before each half of a block, rotary positions, gated
 * perceptron, causal attention with shared key-value heads. Parameter names are those of `transformers`.
 * Shapes: b sequences, t positions, d channels, v vocabulary.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { type ActivationName, activations } from "../nn/activation.ts";
import { attention, mergeHeads, splitHeads } from "../nn/attention.ts";
import { embedding, type EmbeddingParams, embeddingSpecs } from "../nn/embedding.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import { rmsNorm, type RmsNormParams, rmsNormSpecs } from "../nn/norm.ts";
import { rope, type RopeScaling, type RopeTables, ropeTables } from "../nn/rope.ts";
import { add, and, equal, greater, less, lessEqual, mul, or, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { segmentPositions } from "../ops/segments.ts";
import { iota } from "../ops/source.ts";
import { together } from "../origin.ts";
import type { ParameterSpec } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { layerAt, stackedSpecs } from "../stacking.ts";
import { scope } from "../transforms/remat.ts";
import { scan } from "../transforms/scan.ts";

/** Configuration of a decoder. */
export interface LlamaConfig {
  /** Rows of the embedding table. */
  readonly vocabulary: number;
  /** Channels. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** Key-value heads; as many as query heads by default. */
  readonly kvHeads?: number;
  /** Channels of a head; `width / heads` by default. */
  readonly headWidth?: number;
  /** Channels inside the perceptron. */
  readonly ff: number;
  /** Added to mean squares; 1e-5 by default. */
  readonly eps?: number;
  /** Base of the rotary wavelengths; 10000 by default. */
  readonly theta?: number;
  /** How the rotary frequencies are stretched beyond the length they were trained for; not at all by default. */
  readonly rope?: RopeScaling;
  /** Positions that it was trained for, as checkpoints tell them; unknown by default. Nothing here depends on it. */
  readonly positions?: number;
  /** Whether the embedding table is also the output map; false by default. */
  readonly tied?: boolean;
  /** Whether the maps of the attention to queries, keys and values have biases; false by default. */
  readonly attentionBias?: boolean;
  /** Whether the output map of the attention has a bias; as `attentionBias` by default. Qwen2 has none. */
  readonly outputBias?: boolean;
  /** Whether queries and keys are normalised over the channels of a head before they rotate (Qwen3); false by default. */
  readonly qkNorm?: boolean;
  /** Sliding window: a position sees itself and the `window - 1` before it (Mistral); all before it by default. */
  readonly window?: number;
  /** Whether the three maps of the perceptron have biases; false by default. */
  readonly mlpBias?: boolean;
  /** Activation of the gate; `silu` by default. */
  readonly activation?: ActivationName;
  /**
   * Whether the blocks are one loop over stacked parameters: `model.layers.mlp.up_proj.weight` is `[layers, ff, d]`.
   * The model is then described and compiled as fast as one of two blocks, and updated in as few kernels; its blocks
   * are the region `model.layers`. `stackLayers` and `unstackLayers` convert arrays. False by default.
   */
  readonly scan?: boolean;
}

/** One block. */
export type LlamaBlockParams<A> = {
  /** Before the attention. */
  readonly input_layernorm: RmsNormParams<A>;
  /** Self-attention. */
  readonly self_attn: {
    /** Queries. */
    readonly q_proj: LinearParams<A>;
    /** Keys. */
    readonly k_proj: LinearParams<A>;
    /** Values. */
    readonly v_proj: LinearParams<A>;
    /** Output. */
    readonly o_proj: LinearParams<A>;
    /** Over the channels of each query head. */
    readonly q_norm?: RmsNormParams<A>;
    /** Over the channels of each key head. */
    readonly k_norm?: RmsNormParams<A>;
  };
  /** Before the perceptron. */
  readonly post_attention_layernorm: RmsNormParams<A>;
  /** The gated perceptron. */
  readonly mlp: {
    /** d -> ff, through the activation. */
    readonly gate_proj: LinearParams<A>;
    /** d -> ff. */
    readonly up_proj: LinearParams<A>;
    /** ff -> d. */
    readonly down_proj: LinearParams<A>;
  };
};

/** Parameters of a decoder. */
export type LlamaParams<A> = {
  /** All but the output map. */
  readonly model: {
    /** `[v, d]`. */
    readonly embed_tokens: EmbeddingParams<A>;
    /** In order; of a model that scans, one block whose arrays have all blocks along axis 0. */
    readonly layers: readonly LlamaBlockParams<A>[] | LlamaBlockParams<A>;
    /** After the last block. */
    readonly norm: RmsNormParams<A>;
  };
  /** `[v, d]`, unless tied. */
  readonly lm_head?: LinearParams<A>;
};

const blockSpecs = (config: LlamaConfig): LlamaBlockParams<ParameterSpec> => {
  const { width: d, heads, kvHeads = heads, headWidth = d / heads, ff } = config;
  const { attentionBias = false, outputBias = attentionBias, mlpBias = false, qkNorm = false } = config;
  const seen = (from: number, to: number) => linearSpecs({ from, to, bias: attentionBias });
  const inner = (from: number, to: number) => linearSpecs({ from, to, bias: mlpBias });
  return {
    input_layernorm: rmsNormSpecs(d),
    self_attn: {
      q_proj: seen(d, heads * headWidth),
      k_proj: seen(d, kvHeads * headWidth),
      v_proj: seen(d, kvHeads * headWidth),
      o_proj: linearSpecs({ from: heads * headWidth, to: d, bias: outputBias }),
      ...(qkNorm ? { q_norm: rmsNormSpecs(headWidth), k_norm: rmsNormSpecs(headWidth) } : {}),
    },
    post_attention_layernorm: rmsNormSpecs(d),
    mlp: { gate_proj: inner(d, ff), up_proj: inner(d, ff), down_proj: inner(ff, d) },
  };
};

/** Specifications of a decoder's parameters. */
export const llamaSpecs = (config: LlamaConfig): LlamaParams<ParameterSpec> => {
  const { vocabulary, width, layers, heads, kvHeads = heads, headWidth = width / heads } = config;
  if (heads % kvHeads !== 0 || !Number.isInteger(headWidth) || headWidth % 2 !== 0) {
    throw new ConfigError({
      op: "llama",
      got: `width ${width}, ${heads} heads, ${kvHeads} key-value heads`,
      expected: "key-value heads that divide heads, and an even number of channels per head",
      hint: "change the width or the heads",
    });
  }
  return {
    model: {
      embed_tokens: embeddingSpecs(vocabulary, width),
      layers: config.scan
        ? stackedSpecs(blockSpecs(config), layers) as LlamaBlockParams<ParameterSpec>
        : Array.from({ length: layers }, () => blockSpecs(config)),
      norm: rmsNormSpecs(width),
    },
    ...(config.tied ? {} : { lm_head: linearSpecs({ from: width, to: vocabulary, bias: false }) }),
  };
};

/**
 * How rotated queries `[b, h, t, c]` meet rotated keys and values `[b, g, t, c]`: the values seen, `[b, h, t, c]`, and
 * what is kept of the keys and values.
 */
export type Mix<K> = (q_bhtc: Tensor, k_bgtc: Tensor, v_bgtc: Tensor) => readonly [Tensor, K];

/** One block on states `[b, t, d]`, with what its attention keeps. */
export const llamaBlock = <K>(config: LlamaConfig, tables: RopeTables, mix: Mix<K>): (
  x_btd: Tensor,
  p: LlamaBlockParams<Tensor>,
) => readonly [Tensor, K] =>
(x_btd, p) => {
  const { heads, kvHeads = heads, eps = 1e-5, activation = "silu" } = config;
  const y_btd = rmsNorm(p.input_layernorm, eps)(x_btd);
  const { q_proj, k_proj, v_proj, o_proj, q_norm, k_norm } = p.self_attn;
  const normed = (norm: RmsNormParams<Tensor> | undefined) => (x_bhtc: Tensor): Tensor =>
    norm === undefined ? x_bhtc : rmsNorm(norm, eps)(x_bhtc);
  const [seen_bhtc, kept] = mix(
    pipe(y_btd, linear(q_proj), splitHeads(heads), normed(q_norm), rope(tables)),
    pipe(y_btd, linear(k_proj), splitHeads(kvHeads), normed(k_norm), rope(tables)),
    pipe(y_btd, linear(v_proj), splitHeads(kvHeads)),
  );
  const x2_btd = add(x_btd, pipe(seen_bhtc, mergeHeads, linear(o_proj)));
  const z_btd = rmsNorm(p.post_attention_layernorm, eps)(x2_btd);
  const { gate_proj, up_proj, down_proj } = p.mlp;
  const inner_btf = mul(
    pipe(z_btd, linear(gate_proj), activations[activation]),
    pipe(z_btd, linear(up_proj)),
  );
  return [add(x2_btd, pipe(inner_btf, linear(down_proj))), kept];
};

/** Numbers of positions `[b, t]` that count within segments `[b, t]`, behind the `prefix` first ones of a row. */
const positionsIn = (segments: Tensor, prefix: number): Tensor => {
  const here = iota([1, segments.shape[1]!], 1);
  if (prefix === 0) return segmentPositions(segments);
  return select(less(here, prefix), here, add(segmentPositions(segments), prefix));
};

/** True where a key is in the prefix or in the query's own segment, and in the window, `[b, 1, t, t]`. */
const prefixMask = (segments: Tensor, prefix: number, window: number | undefined): Tensor => {
  const [b, t] = segments.shape as [number, number];
  const query = reshape([b, 1, t, 1]), key = reshape([b, 1, 1, t]);
  const seen = or(less(iota([1, 1, 1, t], 3), prefix), equal(query(segments), key(segments)));
  if (window === undefined) return seen;
  const positions = positionsIn(segments, prefix);
  return and(seen, greater(key(positions), sub(query(positions), window)));
};

/** Where each of `t` positions may look, as {@link llamaAttention} has it, bool `[1 or b, 1, t, t]`. */
export const seenIn = (
  { window }: LlamaConfig,
  t: number,
  segments: Tensor | undefined,
  prefix: number,
): Tensor => {
  const near = window === undefined || t <= window ? undefined : window;
  const key = iota([1, 1, 1, t], 3), query = iota([1, 1, t, 1], 2), past = lessEqual(key, query);
  if (segments !== undefined) return and(past, prefixMask(segments, prefix, near));
  return near === undefined ? past : and(past, greater(key, sub(query, near)));
};

/**
 * Attention of `[b, h, t, c]` over the same positions: causal, within the window where there is a shorter one, and within
 * segments `[b, t]` where rows are packed; all of them see the `prefix` first positions.
 */
export const llamaAttention = ({ window }: LlamaConfig, segments?: Tensor, prefix = 0): (
  q_bhtc: Tensor,
  k_bgtc: Tensor,
  v_bgtc: Tensor,
) => Tensor =>
(q_bhtc, k_bgtc, v_bgtc) => {
  const t = q_bhtc.shape.at(-2)!, near = window === undefined || t <= window ? undefined : window;
  if (segments !== undefined && prefix > 0) {
    return attention(q_bhtc, k_bgtc, v_bgtc, { causal: true, mask: prefixMask(segments, prefix, near) });
  }
  return attention(q_bhtc, k_bgtc, v_bgtc, {
    causal: true,
    ...(segments === undefined ? {} : { segments }),
    ...(near === undefined ? {} : { mask: greater(iota([1, t], 1), sub(iota([t, 1], 0), near)) }),
  });
};

const block = (config: LlamaConfig, tables: RopeTables, segments: Tensor | undefined, prefix: number) => {
  const step = llamaBlock(
    config,
    tables,
    (q, k, v) => [llamaAttention(config, segments, prefix)(q, k, v), undefined],
  );
  return (x_btd: Tensor, p: LlamaBlockParams<Tensor>): Tensor => step(x_btd, p)[0];
};

/** Rotations of `t` positions from `offset` on, a number or an i32 tensor that broadcasts against `[t, 1]`. */
export const llamaTables = (config: LlamaConfig, t: number, offset: number | Tensor = 0): RopeTables => {
  const { heads, width, headWidth = width / heads, theta, rope: scaling } = config;
  return ropeTables(t, headWidth, {
    offset,
    ...(theta === undefined ? {} : { theta }),
    ...(scaling === undefined ? {} : { scaling }),
  });
};

/** What to add to the numbers of positions, `[b, 1, t, 1]`, so that they count within their segments, behind a prefix. */
export const segmentOffsets = (segments: Tensor, t: number, prefix: number): Tensor =>
  reshape([segments.shape[0]!, 1, t, 1])(sub(positionsIn(segments, prefix), iota([1, t], 1)));

/** Embeddings `[b, t, d]` of i32 ids `[b, t]`. */
export const llamaEmbed = (params: LlamaParams<Tensor>, ids_bt: Tensor): Tensor =>
  embedding(params.model.embed_tokens)(ids_bt);

const isStacked = <A>(layers: LlamaParams<A>["model"]["layers"]): layers is LlamaBlockParams<A> =>
  !Array.isArray(layers);

/** The blocks one by one; those of a stack are views of it. */
export const llamaBlocks = (
  config: LlamaConfig,
  { model: { layers } }: LlamaParams<Tensor>,
): readonly LlamaBlockParams<Tensor>[] =>
  isStacked(layers)
    ? Array.from({ length: config.layers }, (_, i) => layerAt(layers, i) as LlamaBlockParams<Tensor>)
    : layers;

/**
 * States `[b, t, d]` after the last normalisation, from embeddings `[b, t, d]` at positions 0 .. t - 1. Of packed rows,
 * i32 `segments` `[b, t]` keep sequences apart: each begins at position 0, or behind the `prefix` first positions of its
 * row, which all of them see. Block i is the region `model.layers.i`; blocks of a stack are a loop, each iteration of which
 * is the region `model.layers`.
 */
export const llamaStates = (
  config: LlamaConfig,
): (params: LlamaParams<Tensor>, x_btd: Tensor, segments?: Tensor, prefix?: number) => Tensor =>
(params: LlamaParams<Tensor>, x_btd: Tensor, segments?: Tensor, prefix = 0): Tensor =>
  together(() => {
    const t = x_btd.shape.at(-2)!;
    const tables = llamaTables(config, t, segments === undefined ? 0 : segmentOffsets(segments, t, prefix));
    const { layers } = params.model, step = block(config, tables, segments, prefix);
    const last_btd = isStacked(layers)
      ? scan((x: Tensor, p: LlamaBlockParams<Tensor>) => [scope("model.layers")(step)(x, p)], {
        carry: x_btd,
        xs: layers,
      })[0]
      : layers.reduce((x, p, i) => scope(`model.layers.${i}`)(step)(x, p), x_btd);
    return rmsNorm(params.model.norm, config.eps)(last_btd);
  });

/** The output map: the table of embeddings where it is tied. */
export const llamaHead = (params: LlamaParams<Tensor>): LinearParams<Tensor> =>
  params.lm_head ?? params.model.embed_tokens;

/** Logits `[b, t, v]` of states `[b, t, d]`. */
export const llamaLogits = (params: LlamaParams<Tensor>, states_btd: Tensor): Tensor =>
  linear(llamaHead(params))(states_btd);
