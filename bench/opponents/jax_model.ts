/**
 * The decoder layer and the whole training step as one writes them in jax-js: functions of parameter trees, its own
 * attention, softmax and activations, `valueAndGrad`, and one `jit` around everything. Every use of an array but the
 * last is marked by `.ref`, as its rule of ownership asks.
 * Shapes: b images, n visual tokens, t positions, w windows, q queries of a window, d channels, h heads.
 */
import { jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import type {
  BridgeBlockParams,
  BridgeScaleParams,
  ChainOfSightParams,
  LayerNormParams,
  LinearParams,
  LlamaBlockParams,
  LlamaParams,
  RmsNormParams,
} from "@chain-of-sight/core";
import { type BenchPreset, bridgeScales } from "../../pipelines/tune/presets.ts";
import { DECODER_EPS, stepOptimiser } from "../../pipelines/tune/step_work.ts";

/** An array of jax-js. */
export type JaxArray = np.Array;

/** Parameters of the decoder, block by block. */
type JaxDecoderParams = Omit<LlamaParams<JaxArray>, "model"> & {
  /** All but the output map. */
  readonly model: Omit<LlamaParams<JaxArray>["model"], "layers"> & {
    /** In order. */
    readonly layers: readonly LlamaBlockParams<JaxArray>[];
  };
};

/** Parameters of the whole model. */
export type JaxModelParams = JaxDecoderParams & { readonly bridge: ChainOfSightParams<JaxArray> };

/** State of the training: what the step takes and gives. */
interface JaxState {
  /** Parameters. */
  readonly params: JaxModelParams;
  /** First moments. */
  readonly m: JaxModelParams;
  /** Second moments. */
  readonly v: JaxModelParams;
  /** Steps done, f32 `[]`. */
  readonly step: JaxArray;
}

/** One batch. */
export interface JaxBatch {
  /** Feature levels `[b, g g, d]`. */
  readonly features: readonly JaxArray[];
  /** i32 `[b, t]`. */
  readonly ids: JaxArray;
}

/** Normalisation by mean and variance over the last axis. */
export const layerNorm = (p: LayerNormParams<JaxArray>, x: JaxArray): JaxArray => {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred.div(np.sqrt(variance.add(1e-5))).mul(p.weight).add(p.bias);
};

const rmsNorm = (p: RmsNormParams<JaxArray>, x: JaxArray): JaxArray => {
  const square = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.div(np.sqrt(square.add(DECODER_EPS))).mul(p.weight);
};

const linear = (p: LinearParams<JaxArray>, x: JaxArray): JaxArray => {
  const y = np.matmul(x, p.weight.transpose());
  return p.bias === undefined ? y : y.add(p.bias);
};

/** `[b, t, d]` to `[b, t, h, d / h]`. */
const split = (heads: number) => (x: JaxArray): JaxArray => {
  const [b, t, d] = x.shape as [number, number, number];
  return x.reshape([b, t, heads, d / heads]);
};

const merge = (x: JaxArray): JaxArray => {
  const [b, t, h, d] = x.shape as [number, number, number, number];
  return x.reshape([b, t, h * d]);
};

/** Cosines and sines of rotary positions, `[t, 1, d / 2]`. */
const ropeTables = (t: number, d: number): readonly [JaxArray, JaxArray] => {
  const rates = Float32Array.from({ length: d / 2 }, (_, i) => 10000 ** (-2 * i / d));
  const angles = np.arange(t).astype(np.float32).reshape([t, 1, 1]).mul(np.array(rates));
  return [np.cos(angles.ref), np.sin(angles)];
};

const rope = ([cos, sin]: readonly [JaxArray, JaxArray], x: JaxArray): JaxArray => {
  const [a, b] = np.split(x, 2, -1) as [JaxArray, JaxArray];
  return np.concatenate([
    a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)),
    b.mul(cos.ref).add(a.mul(sin.ref)),
  ], -1);
};

/** One block of the decoder on `[b, t, d]`. */
const decoderBlock =
  (heads: number, tables: readonly [JaxArray, JaxArray]) =>
  (x: JaxArray, p: LlamaBlockParams<JaxArray>): JaxArray => {
    const y = rmsNorm(p.input_layernorm, x.ref), parts = split(heads);
    const seen = nn.dotProductAttention(
      rope(tables, parts(linear(p.self_attn.q_proj, y.ref))),
      rope(tables, parts(linear(p.self_attn.k_proj, y.ref))),
      parts(linear(p.self_attn.v_proj, y)),
      { isCausal: true },
    );
    const x2 = x.add(linear(p.self_attn.o_proj, merge(seen)));
    const z = rmsNorm(p.post_attention_layernorm, x2.ref);
    const gated = nn.silu(linear(p.mlp.gate_proj, z.ref)).mul(linear(p.mlp.up_proj, z));
    return x2.add(linear(p.mlp.down_proj, gated));
  };

/** All blocks and the normalisation after them. */
export const decoderStates = (heads: number) => (p: JaxDecoderParams["model"], x: JaxArray): JaxArray => {
  const tables = ropeTables(x.shape[1]!, x.shape[2]! / heads);
  const last = p.layers.reduce(decoderBlock(heads, tables), x);
  tables.forEach((table) => table.dispose());
  return rmsNorm(p.norm, last);
};

/** One block of the bridge: queries `[1 or b, w q, d]` look at windows `[b w, k, d]`. */
const bridgeBlock =
  (heads: number, queries: number) =>
  (x: JaxArray, features: JaxArray, p: BridgeBlockParams<JaxArray>): JaxArray => {
    const [lead, n, d] = x.shape as [number, number, number],
      rows = features.shape[0]!,
      b = rows * queries / n;
    const q = linear(p.wq, layerNorm(p.ln_q, x.ref));
    const all = lead === b ? q : np.broadcastTo(q, [b, n, d]);
    const [k, v] = np.split(linear(p.wkv, layerNorm(p.ln_c, features)), 2, -1) as [JaxArray, JaxArray];
    const parts = split(heads);
    const seen = nn.dotProductAttention(parts(all.reshape([rows, queries, d])), parts(k), parts(v));
    const x2 = x.add(linear(p.out, merge(seen).reshape([b, n, d])));
    const hidden = nn.gelu(linear(p.mlp.fc1, layerNorm(p.ln_m, x2.ref)), { approximate: false });
    return x2.add(linear(p.mlp.fc2, hidden));
  };

/** `[b, g g, d]` to windows `[b (g / w)^2, w w, d]`. */
const windows = (grid: number, side: number, f: JaxArray): JaxArray => {
  const [b, , d] = f.shape as [number, number, number], count = grid / side;
  return f.reshape([b, count, side, count, side, d]).transpose([0, 1, 3, 2, 4, 5])
    .reshape([b * count * count, side * side, d]);
};

/** Visual tokens `[b, n, d]`. */
const bridgeTokens =
  (preset: BenchPreset, tokens: number) =>
  (p: ChainOfSightParams<JaxArray>, features: readonly JaxArray[]): JaxArray => {
    const { windows: sides, queries } = bridgeScales[tokens]!, { grid, bridgeHeads } = preset;
    const scales = p.scales.map((scale: BridgeScaleParams<JaxArray>, s) =>
      scale.blocks.reduce(
        (x: JaxArray, block, level) =>
          bridgeBlock(bridgeHeads, queries[s]!)(x, windows(grid, sides[s]!, features[level]!.ref), block),
        scale.queries,
      )
    );
    features.forEach((f) => f.dispose());
    return linear(p.proj, layerNorm(p.ln, np.concatenate(scales, 1)));
  };

/** How rows of the embedding table are found. */
export type Lookup = "gather" | "oneHot";

const embedded = (lookup: Lookup, table: JaxArray, ids: JaxArray): JaxArray =>
  lookup === "gather" ? np.take(table, ids, 0) : np.matmul(nn.oneHot(ids, table.shape[0]!), table);

/** Mean cross entropy of every text token but the first. Labels are picked by its one-hot, which it fuses. */
const loss =
  (preset: BenchPreset, tokens: number, lookup: Lookup) =>
  (p: JaxModelParams, { features, ids }: JaxBatch): JaxArray => {
    const [, t] = ids.shape as [number, number];
    const visual = bridgeTokens(preset, tokens)(p.bridge, features);
    const text = embedded(lookup, p.model.embed_tokens.weight, ids.ref);
    const states = decoderStates(preset.heads)(p.model, np.concatenate([visual, text], 1));
    const counted = states.slice([], [tokens, tokens + t - 1]);
    const logits = linear(p.lm_head!, counted), labels = ids.slice([], [1, t]);
    const hit = nn.oneHot(labels, preset.vocabulary);
    const picked = np.sum(nn.logSoftmax(logits, -1).mul(hit), -1);
    return np.mean(picked).mul(-1);
  };

/** The whole step under one `jit`: new state and the loss before the update. Consumes what it is given. */
export const jaxStep = (
  preset: BenchPreset,
  tokens: number,
  lookup: Lookup,
): (state: JaxState, batch: JaxBatch) => readonly [JaxState, JaxArray] => {
  const { rate, betas: [b1, b2], eps, weightDecay } = stepOptimiser;
  const step = ({ params, m, v, step }: JaxState, batch: JaxBatch): [JaxState, JaxArray] => {
    const [value, grads] = valueAndGrad(loss(preset, tokens, lookup))(tree.ref(params), batch) as unknown as [
      JaxArray,
      JaxModelParams,
    ];
    const t = step.add(1);
    const correct1 = np.subtract(1, np.power(b1, t.ref)), correct2 = np.subtract(1, np.power(b2, t.ref));
    const m2 = tree.map(
      (a: JaxArray, g: JaxArray) => a.mul(b1).add(g.mul(1 - b1)),
      m as never,
      tree.ref(grads as never),
    );
    const v2 = tree.map(
      (a: JaxArray, g: JaxArray) => a.mul(b2).add(np.square(g).mul(1 - b2)),
      v as never,
      grads as never,
    );
    const updated = tree.map(
      (p: JaxArray, a: JaxArray, s: JaxArray) => {
        const root = np.sqrt(s.div(correct2.ref)).add(eps);
        return p.mul(1 - rate * weightDecay).sub(a.div(correct1.ref).div(root).mul(rate));
      },
      params as never,
      tree.ref(m2 as never),
      tree.ref(v2 as never),
    );
    correct1.dispose();
    correct2.dispose();
    return [{ params: updated, m: m2, v: v2, step: t } as unknown as JaxState, value];
  };
  return jit(step as never) as never;
};
