/**
 * Vision transformer (Dosovitskiy et al. 2021) in the forms of CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023):
 * normalisation before each half of a block. Parameter names are those of `transformers`, `pre_layrnorm` too.
 * Shapes: b images, h w pixels, c colours, n patches, t tokens (class token first), d channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { type ActivationName, activations } from "../nn/activation.ts";
import { attention, mergeHeads, splitHeads } from "../nn/attention.ts";
import { type EmbeddingParams, embeddingSpecs } from "../nn/embedding.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import { layerNorm, type LayerNormParams, layerNormSpecs } from "../nn/norm.ts";
import { patchEmbed, type PatchParams, patchSpecs } from "../nn/patch.ts";
import { resize } from "../nn/resize.ts";
import { add, mul } from "../ops/elementwise.ts";
import { broadcastTo, concat, reshape, sliceAxis } from "../ops/movement.ts";
import { mean } from "../ops/reduce.ts";
import { full } from "../ops/source.ts";
import { together } from "../origin.ts";
import { parameter, type ParameterSpec, truncatedNormal } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { scope } from "../transforms/remat.ts";

/** Mean and standard deviation of each colour, of pixels from 0 to 1. */
export interface ChannelStatistics {
  /** Means of red, green and blue. */
  readonly mean: readonly number[];
  /** Their standard deviations. */
  readonly std: readonly number[];
}

/** CLIP's normalisation (github.com/openai/CLIP, `clip.py`), in which images are given to every encoder. */
export const clipStatistics: ChannelStatistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

/** Configuration of a vision transformer. */
export interface VitConfig {
  /** Image side in pixels for which the position table is made. */
  readonly resolution: number;
  /** Patch side in pixels. */
  readonly patch: number;
  /** Colours of a pixel; 3 by default. */
  readonly colours?: number;
  /** Channels. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention heads. */
  readonly heads: number;
  /** Channels inside the perceptron; four times the width by default. */
  readonly ff?: number;
  /** Whether a class token is first; true by default. */
  readonly classToken?: boolean;
  /** Activation of the perceptron; `quickGelu` by default, as CLIP has it. */
  readonly activation?: ActivationName;
  /** Added to variances; 1e-5 by default. */
  readonly eps?: number;
  /** Whether a last normalisation for the pooled class token exists; false by default. */
  readonly pooled?: boolean;
  /** Whether the embeddings are normalised before the first block, as in CLIP; true by default. */
  readonly preNorm?: boolean;
  /** Whether the patch embedding has a bias, as in SigLIP; false by default. */
  readonly patchBias?: boolean;
  /**
   * Whether positions of another resolution than its own are interpolated with the corners of both grids aligned, true by
   * default; `interpolate_pos_encoding` of transformers does not align them.
   */
  readonly alignCorners?: boolean;
  /** Normalisation of the pixels that it was trained on; `clipStatistics` by default. Images always come in that. */
  readonly normalisation?: ChannelStatistics;
}

/** One block. */
export type VitBlockParams<A> = {
  /** Before the attention. */
  readonly layer_norm1: LayerNormParams<A>;
  /** Self-attention, all four maps with bias. */
  readonly self_attn: {
    /** Queries. */
    readonly q_proj: LinearParams<A>;
    /** Keys. */
    readonly k_proj: LinearParams<A>;
    /** Values. */
    readonly v_proj: LinearParams<A>;
    /** Output. */
    readonly out_proj: LinearParams<A>;
  };
  /** Before the perceptron. */
  readonly layer_norm2: LayerNormParams<A>;
  /** The perceptron. */
  readonly mlp: {
    /** d -> ff. */
    readonly fc1: LinearParams<A>;
    /** ff -> d. */
    readonly fc2: LinearParams<A>;
  };
};

/** Parameters of the encoder. */
export type VitParams<A> = {
  /** What tokens start from. */
  readonly embeddings: {
    /** `[d]`, if there is a class token. */
    readonly class_embedding?: A;
    /** Patches. */
    readonly patch_embedding: PatchParams<A>;
    /** `[tokens, d]`, class token first. */
    readonly position_embedding: EmbeddingParams<A>;
  };
  /** After the embeddings. */
  readonly pre_layrnorm?: LayerNormParams<A>;
  /** The blocks. */
  readonly encoder: {
    /** In order. */
    readonly layers: readonly VitBlockParams<A>[];
  };
  /** For the pooled class token. */
  readonly post_layernorm?: LayerNormParams<A>;
};

const blockSpecs = (d: number, ff: number): VitBlockParams<ParameterSpec> => {
  const square = linearSpecs({ from: d, to: d });
  return {
    layer_norm1: layerNormSpecs(d),
    self_attn: { q_proj: square, k_proj: square, v_proj: square, out_proj: square },
    layer_norm2: layerNormSpecs(d),
    mlp: { fc1: linearSpecs({ from: d, to: ff }), fc2: linearSpecs({ from: ff, to: d }) },
  };
};

/** Specifications of the encoder's parameters. */
export const vitSpecs = (config: VitConfig): VitParams<ParameterSpec> => {
  const { resolution, patch, colours = 3, width, layers, ff = 4 * width, classToken = true } = config;
  if (resolution % patch !== 0) {
    throw new ConfigError({
      op: "vit",
      got: `${resolution} px in patches of ${patch} px`,
      expected: "a whole number of patches per side",
      hint: `use a multiple of ${patch} px`,
    });
  }
  const rows = (resolution / patch) ** 2 + (classToken ? 1 : 0);
  return {
    embeddings: {
      ...(classToken ? { class_embedding: parameter([width], truncatedNormal(0.02)) } : {}),
      patch_embedding: patchSpecs(patch, colours, width, config.patchBias),
      position_embedding: embeddingSpecs(rows, width),
    },
    ...(config.preNorm === false ? {} : { pre_layrnorm: layerNormSpecs(width) }),
    encoder: { layers: Array.from({ length: layers }, () => blockSpecs(width, ff)) },
    ...(config.pooled ? { post_layernorm: layerNormSpecs(width) } : {}),
  };
};

/**
 * The position table for a grid of `to` patches per side, `[t, d]`: patch rows are interpolated, bicubic, with
 * aligned corners unless said; the row of the class token stays.
 */
export const positionTable = (
  table_td: Tensor,
  to: number,
  classToken: boolean,
  alignCorners = true,
): Tensor => {
  const lead = classToken ? 1 : 0, [rows, d] = table_td.shape as [number, number];
  const from = Math.round(Math.sqrt(rows - lead));
  if (from === to) return table_td;
  const patches = pipe(
    table_td,
    sliceAxis(0, lead, rows),
    reshape([from, from, d]),
    resize([to, to], { mode: "bicubic", alignCorners }),
    reshape([to * to, d]),
  );
  return classToken ? concat([sliceAxis(0, 0, 1)(table_td), patches], 0) : patches;
};

const ofColours = (values: readonly number[]): Tensor =>
  concat(values.map((value) => full([1, 1, 1, 1], value)), 3);

// from CLIP's normalisation, in which images come, to that of the encoder
const renormalised = ({ normalisation: to }: VitConfig, image_bhwc: Tensor): Tensor => {
  if (to === undefined) return image_bhwc;
  const { mean, std } = clipStatistics;
  const scale = std.map((s, i) => s / to.std[i]!),
    offset = mean.map((m, i) => (m - to.mean[i]!) / to.std[i]!);
  return add(mul(image_bhwc, ofColours(scale)), ofColours(offset));
};

const block = (config: VitConfig) => (x_btd: Tensor, p: VitBlockParams<Tensor>): Tensor => {
  const eps = config.eps ?? 1e-5, split = splitHeads(config.heads);
  const y_btd = layerNorm(p.layer_norm1, eps)(x_btd);
  const heads = (map: LinearParams<Tensor>) => pipe(y_btd, linear(map), split);
  const { q_proj, k_proj, v_proj, out_proj } = p.self_attn;
  const seen_btd = pipe(
    attention(heads(q_proj), heads(k_proj), heads(v_proj)),
    mergeHeads,
    linear(out_proj),
  );
  const x2_btd = add(x_btd, seen_btd);
  return add(
    x2_btd,
    pipe(
      x2_btd,
      layerNorm(p.layer_norm2, eps),
      linear(p.mlp.fc1),
      activations[config.activation ?? "quickGelu"],
      linear(p.mlp.fc2),
    ),
  );
};

/**
 * States of the encoder for images `[b, h, w, c]`: `[b, t, d]` after the embeddings and after each of the first
 * `depth` blocks (all by default). Images of another side than the table's get an interpolated table. Block i is the
 * region `encoder.layers.i`.
 */
export const vitStates =
  (config: VitConfig): (params: VitParams<Tensor>, image_bhwc: Tensor, depth?: number) => readonly Tensor[] =>
  (params: VitParams<Tensor>, image_bhwc: Tensor, depth: number = config.layers): readonly Tensor[] =>
    together(() => {
      const { class_embedding, patch_embedding, position_embedding } = params.embeddings;
      const patches_bnd = patchEmbed(patch_embedding)(renormalised(config, image_bhwc));
      const [b, , d] = patches_bnd.shape as [number, number, number];
      if (image_bhwc.shape[1] !== image_bhwc.shape[2]) {
        throw new ConfigError({
          op: "vit",
          got: `images of ${image_bhwc.shape[1]} x ${image_bhwc.shape[2]} px`,
          expected: "square images",
          hint: "resize them to squares, as the paper does",
        });
      }
      const tokens_btd = class_embedding === undefined
        ? patches_bnd
        : concat([broadcastTo([b, 1, d])(class_embedding), patches_bnd], 1);
      const table_td = positionTable(
        position_embedding.weight,
        image_bhwc.shape[1]! / config.patch,
        class_embedding !== undefined,
        config.alignCorners,
      );
      const embedded = add(tokens_btd, table_td), norm = params.pre_layrnorm;
      const first = norm === undefined ? embedded : layerNorm(norm, config.eps)(embedded);
      return params.encoder.layers.slice(0, depth).reduce<readonly Tensor[]>(
        (states, p, i) => [...states, scope(`encoder.layers.${i}`)(block(config))(states.at(-1)!, p)],
        [first],
      );
    });

/**
 * Patch features `[b, n, d]` after the named blocks (counted from 0), class token dropped: what a bridge reads.
 * Later blocks are not built.
 */
export const vitFeatures = (
  config: VitConfig,
  levels: readonly number[],
): (params: VitParams<Tensor>, image_bhwc: Tensor) => readonly Tensor[] =>
(params: VitParams<Tensor>, image_bhwc: Tensor): readonly Tensor[] => {
  if (levels.length === 0 || !levels.every((l) => Number.isInteger(l) && l >= 0 && l < config.layers)) {
    throw new ConfigError({
      op: "vitFeatures",
      got: `levels [${levels}] of ${config.layers} blocks`,
      expected: `block indices from 0 to ${config.layers - 1}`,
      hint: "count blocks from 0",
    });
  }
  const states = vitStates(config)(params, image_bhwc, Math.max(...levels) + 1);
  const lead = params.embeddings.class_embedding === undefined ? 0 : 1;
  return levels.map((l) => {
    const x_btd = states[l + 1]!;
    return sliceAxis(1, lead, x_btd.shape[1]!)(x_btd);
  });
};

/** The image as one vector `[b, d]`: the class token after `post_layernorm`, or the mean of patches without one. */
export const vitPooled =
  (config: VitConfig): (params: VitParams<Tensor>, image_bhwc: Tensor) => Tensor =>
  (params: VitParams<Tensor>, image_bhwc: Tensor): Tensor => {
    const x_btd = vitStates(config)(params, image_bhwc).at(-1)!;
    const [b, , d] = x_btd.shape as [number, number, number];
    const one_bd = params.embeddings.class_embedding === undefined
      ? mean({ axes: [1] })(x_btd)
      : reshape([b, d])(sliceAxis(1, 0, 1)(x_btd));
    return params.post_layernorm === undefined
      ? one_bd
      : layerNorm(params.post_layernorm, config.eps)(one_bd);
  };
