/**
 * The bridge of Chain-of-Sight (arXiv 2407.15819, section 3.1): per scale, learnable queries that look only at
 * their own window of the feature grid; all scales, coarse to fine, become the visual tokens.
 * Shapes: b images, n tokens of a scale, w windows, q queries of a window, k cells of a window, d channels,
 * h channels of the language model.
 */
import { pipe } from "fp-ts/lib/function.js";
import { gelu } from "../nn/activation.ts";
import { attention, mergeHeads, splitHeads } from "../nn/attention.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import { layerNorm, type LayerNormParams, layerNormSpecs } from "../nn/norm.ts";
import { windows } from "../nn/patch.ts";
import { add } from "../ops/elementwise.ts";
import { broadcastTo, concat, reshape, sliceAxis } from "../ops/movement.ts";
import { fit, parameter, type ParameterSpec, truncatedNormal } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import {
  gridOf,
  type Layout,
  type Scale,
  tokenCount,
  tokensPerScale,
  windowsPerSide,
} from "../token_scaling.ts";
import type { Bridge } from "./bridge.ts";
import type { TokenOrder } from "./description.ts";
import { expectFeatures } from "./features.ts";

/** One block: windowed cross-attention and a perceptron, both residual, with normalisation before. */
export type BridgeBlockParams<A> = {
  /** Before the queries. */
  readonly ln_q: LayerNormParams<A>;
  /** Before the features. */
  readonly ln_c: LayerNormParams<A>;
  /** Queries of the attention, without bias. */
  readonly wq: LinearParams<A>;
  /** Keys (rows 0 .. d - 1) and values (rows d .. 2d - 1), without bias. */
  readonly wkv: LinearParams<A>;
  /** After the attention. */
  readonly out: LinearParams<A>;
  /** Before the perceptron. */
  readonly ln_m: LayerNormParams<A>;
  /** The perceptron, d -> 4d -> d. */
  readonly mlp: {
    /** d -> 4d. */
    readonly fc1: LinearParams<A>;
    /** 4d -> d. */
    readonly fc2: LinearParams<A>;
  };
};

/** One scale: its queries and one block per feature level. */
export type BridgeScaleParams<A> = {
  /** `[1, windows queries, d]`, window-major, windows row-major. */
  readonly queries: A;
  /** One per feature level, in the order in which they are used. */
  readonly blocks: readonly BridgeBlockParams<A>[];
};

/** Parameters of the bridge. */
export type ChainOfSightParams<A> = {
  /** Coarse to fine. */
  readonly scales: readonly BridgeScaleParams<A>[];
  /** Shared by all scales. */
  readonly ln: LayerNormParams<A>;
  /** d -> h, shared by all scales. */
  readonly proj: LinearParams<A>;
};

/** Configuration of the bridge. */
export interface ChainOfSightConfig {
  /** Scales over the grid of the input. */
  readonly layout: Layout;
  /** Channels of the features and of the queries. */
  readonly width: number;
  /** Channels of the language model. */
  readonly to: number;
  /** Attention heads; `width / 64` in the paper's module. */
  readonly heads: number;
  /** Feature levels, used one after the other; 2 by default. */
  readonly levels?: number;
  /** Order in which the tokens of the scales follow each other; coarse to fine by default. */
  readonly order?: TokenOrder;
}

const EPS = 1e-5;

const blockSpecs = (d: number): BridgeBlockParams<ParameterSpec> => ({
  ln_q: layerNormSpecs(d),
  ln_c: layerNormSpecs(d),
  wq: linearSpecs({ from: d, to: d, bias: false }),
  wkv: linearSpecs({ from: d, to: 2 * d, bias: false }),
  out: linearSpecs({ from: d, to: d }),
  ln_m: layerNormSpecs(d),
  mlp: { fc1: linearSpecs({ from: d, to: 4 * d }), fc2: linearSpecs({ from: 4 * d, to: d }) },
});

/** Specifications of the bridge's parameters. */
export const chainOfSightSpecs = (
  { layout, width, to, levels = 2 }: ChainOfSightConfig,
): ChainOfSightParams<ParameterSpec> => ({
  scales: tokensPerScale(layout).map((n) => ({
    queries: parameter([1, n, width], truncatedNormal(0.02)),
    blocks: Array.from({ length: levels }, () => blockSpecs(width)),
  })),
  ln: layerNormSpecs(width),
  proj: linearSpecs({ from: width, to }),
});

/** One block: queries `[b or 1, w, q, d]` look at windows `[b, w, k, d]`. */
const block = (p: BridgeBlockParams<Tensor>, heads: number) => (q_bwqd: Tensor, f_bwkd: Tensor): Tensor => {
  const d = q_bwqd.shape.at(-1)!;
  const kv = pipe(f_bwkd, layerNorm(p.ln_c, EPS), linear(p.wkv));
  const split = splitHeads(heads);
  const seen_bwqd = pipe(
    attention(
      pipe(q_bwqd, layerNorm(p.ln_q, EPS), linear(p.wq), split),
      pipe(kv, sliceAxis(-1, 0, d), split),
      pipe(kv, sliceAxis(-1, d, 2 * d), split),
    ),
    mergeHeads,
    linear(p.out),
  );
  const q2_bwqd = add(q_bwqd, seen_bwqd);
  return add(
    q2_bwqd,
    pipe(q2_bwqd, layerNorm(p.ln_m, EPS), linear(p.mlp.fc1), gelu, linear(p.mlp.fc2)),
  );
};

/** Tokens `[b, n, d]` of one scale. The first block's queries are the same for all images: computed once. */
const scaleTokens =
  (layout: Layout, scale: Scale, heads: number) =>
  (p: BridgeScaleParams<Tensor>, features_bkd: readonly Tensor[]): Tensor => {
    const count = windowsPerSide(layout, scale) ** 2, d = p.queries.shape.at(-1)!;
    const first = reshape([1, count, scale.queries, d])(p.queries);
    const q_bwqd = features_bkd.reduce(
      (q, f, level) => block(p.blocks[level]!, heads)(q, windows(scale.window)(f)),
      first,
    );
    const b = features_bkd[0]!.shape[0]!;
    return pipe(
      q_bwqd,
      broadcastTo([b, count, scale.queries, d]),
      reshape([b, count * scale.queries, d]),
    );
  };

/** The bridge on typed parameters: feature levels `[b, g g, d]` to visual tokens `[b, n, h]`. */
export const chainOfSightTokens = (config: ChainOfSightConfig): (
  params: ChainOfSightParams<Tensor>,
  features: readonly Tensor[],
) => Tensor =>
(
  params: ChainOfSightParams<Tensor>,
  features: readonly Tensor[],
): Tensor => {
  const { layout, width, heads, levels = 2, order = "coarse-to-fine" } = config;
  const seen = expectFeatures("chainOfSight", { levels, grid: gridOf(layout), width })(features);
  const tokens = layout.scales.map((scale, s) => scaleTokens(layout, scale, heads)(params.scales[s]!, seen));
  const ordered = order === "coarse-to-fine" ? tokens : tokens.toReversed();
  return pipe(concat(ordered, 1), layerNorm(params.ln, EPS), linear(params.proj));
};

/** Chain-of-Sight as a bridge, named by its token count. */
export const chainOfSight = (config: ChainOfSightConfig): Bridge => {
  const specs = chainOfSightSpecs(config), tokens = tokenCount(config.layout);
  return {
    name: `chain-of-sight-${tokens}`,
    tokens,
    grid: gridOf(config.layout),
    levels: config.levels ?? 2,
    specs,
    apply: (params, features) => chainOfSightTokens(config)(fit("chainOfSight", specs, params), features),
  };
};
