/**
 * The vision-language model: visual tokens of a bridge and text embeddings through one causal decoder.
 * Shapes: b images, n visual tokens, t text tokens, s = n + t positions, d channels of the decoder, v vocabulary.
 */
import { pipe } from "fp-ts/lib/function.js";
import type { Bridge } from "../bridges/bridge.ts";
import { ConfigError } from "../errors.ts";
import { type CrossEntropy, linearCrossEntropy } from "../nn/loss.ts";
import { diverseTokens } from "../nn/token_selection.ts";
import { add, div, maximum, mul } from "../ops/elementwise.ts";
import { broadcastTo, concat, reshape, sliceAxis } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { full } from "../ops/source.ts";
import { fit, parameter, type ParameterSpec, truncatedNormal } from "../parameter.ts";
import { show } from "../shape.ts";
import { isTensor, type Tensor } from "../tensor.ts";
import type { Tree } from "../tree.ts";
import { rmsNorm } from "../nn/norm.ts";
import {
  llamaAttention,
  llamaBlocks,
  type LlamaConfig,
  llamaEmbed,
  llamaHead,
  llamaLogits,
  llamaSpecs,
  llamaStates,
} from "./llama.ts";
import { answerStarts, pyramidBlocks, type PyramidStage } from "./pyramid.ts";
import { gatherRows, mixRows, type RowArrangement, rowSegments } from "./rows.ts";
import { type VitConfig, vitFeatures, vitSpecs } from "./vit.ts";

/** A vision encoder inside the model, and the blocks whose features the bridge reads. */
export interface VisionTower {
  /** The encoder. */
  readonly config: VitConfig;
  /** Block indices counted from 0, shallow first. */
  readonly levels: readonly number[];
}

/** Configuration of a vision-language model. */
export interface VisionLanguageConfig {
  /** From features to visual tokens. */
  readonly bridge: Bridge;
  /** The language model. */
  readonly decoder: LlamaConfig;
  /** The encoder, where the model is to read images; without one it reads stored features. */
  readonly vision?: VisionTower;
  /** Where the decoder drops visual tokens (PyramidDrop); nowhere by default. */
  readonly pyramid?: readonly PyramidStage[];
  /** Vectors before visual tokens that are a selection of all, parameters under `isolator`; none by default. */
  readonly isolator?: number;
  /** Which visual tokens of an image the decoder is given; all by default. */
  readonly keep?: TokenSelection;
}

/** Some visual tokens of an image, in their order. */
export interface TokenSelection {
  /** How many. */
  readonly count: number;
  /** By indices of the batch (`given`), or those that are far from each other. */
  readonly by: "given" | "diversity";
}

/**
 * Where the visual tokens come from: stored feature levels `[i, g g, c]`, or images `[i, h, w, 3]`; and where they are in
 * the rows. Without an arrangement every row is its image and then its text; with one, rows have as many places for images.
 * Several samples may share an image: `turns` `[b, t]`, i32, then numbers the sample of each text token from 1, the first
 * token of a row being 0. Every sample sees the image, the first token and itself, at the positions that it has alone.
 */
export type VisionInput =
  & ({ readonly features: readonly Tensor[] } | { readonly images: Tensor })
  & {
    readonly rows?: RowArrangement;
    readonly turns?: Tensor;
    /** Indices of the visual tokens that are kept of each image, i32 `[i, k]`, for a model that is given them. */
    readonly keep?: Tensor;
    /** Labels as in a {@link VisionLanguageBatch}: the positions before answers rank the tokens of a pyramid. */
    readonly labels?: Tensor;
  };

/** One batch for training. */
export type VisionLanguageBatch = VisionInput & {
  /** i32 ids of the text, `[b, t]`. */
  readonly ids: Tensor;
  /** i32 labels in line with `ids`, `[b, t]`: label t is the token to be predicted at text position t, or -100. */
  readonly labels: Tensor;
};

/** Scalars alongside the loss. */
export type VisionLanguageMetrics = {
  /** Fraction of counted tokens whose largest logit is right. */
  readonly accuracy: Tensor;
  /** Number of counted tokens. */
  readonly tokens: Tensor;
};

/** A vision-language model: its parameters and the functions of them. Parameters of another model are a TreeError. */
export interface VisionLanguage {
  /** Number of visual tokens before the text. */
  readonly visualTokens: number;
  /** `vision.*` (if there is a tower), `bridge.*`, then the decoder's own names. */
  readonly specs: Tree<ParameterSpec>;
  /** Visual tokens `[b, n, d]`. */
  readonly visual: (params: Tree<Tensor>, visionInput: VisionInput) => Tensor;
  /** Logits `[b, t, v]`: entry t predicts text token t, from the visual tokens and the text before it. */
  readonly logits: (params: Tree<Tensor>, visionInput: VisionInput, ids: Tensor) => Tensor;
  /** Cross entropy of every label of a batch. */
  readonly entropy: (params: Tree<Tensor>, batch: VisionLanguageBatch) => CrossEntropy;
  /**
   * Mean cross entropy over the labels of the batch that count, with accuracy and token count; where the bridge has
   * members, the mean of that over bridge and members (M3, arXiv 2405.17430, equation 2).
   */
  readonly loss: (
    params: Tree<Tensor>,
    batch: VisionLanguageBatch,
  ) => readonly [Tensor, VisionLanguageMetrics];
}

const part = (params: Tree<Tensor>, name: string): Tree<Tensor> =>
  isTensor(params) || Array.isArray(params)
    ? {}
    : (params as { readonly [name: string]: Tree<Tensor> })[name] ?? {};

const refuse = (got: string, expected: string, hint: string): never => {
  throw new ConfigError({ op: "visionLanguage", got, expected, hint });
};

/** The kept ones of visual tokens `[i, n, d]`, behind the isolator's vectors where there are any. */
const selected = (
  { count, by }: TokenSelection,
  isolator: Tree<Tensor> | undefined,
  { keep }: VisionInput,
  visual_bnd: Tensor,
): Tensor => {
  const ids = by === "diversity"
    ? diverseTokens(count)(visual_bnd)
    : keep ?? refuse("a batch without keep", "indices of the tokens that are kept", "bind keep, i32 [i, k]");
  const kept_bkd = gatherRows(visual_bnd, ids), [b, , d] = kept_bkd.shape as [number, number, number];
  if (!isTensor(isolator)) return kept_bkd;
  const [vectors] = isolator.shape as [number];
  return concat([broadcastTo([b, vectors, d])(reshape([1, vectors, d])(isolator)), kept_bkd], 1);
};

/**
 * A model from a bridge, a decoder and, if it is to read images, an encoder.
 * @throws {ConfigError} where the tower does not fit the bridge.
 */
export const visionLanguage = (
  { bridge, decoder, vision, pyramid, isolator = 0, keep }: VisionLanguageConfig,
): VisionLanguage => {
  if (keep !== undefined && bridge.members !== undefined) {
    refuse(
      `a selection of the tokens of ${bridge.name}`,
      "all of them, as every count is trained",
      "leave it out",
    );
  }
  if (vision !== undefined && vision.levels.length !== bridge.levels) {
    throw new ConfigError({
      op: "visionLanguage",
      got: `${vision.levels.length} feature levels for ${bridge.name}`,
      expected: String(bridge.levels),
      hint: "name as many blocks as the bridge has levels",
    });
  }
  const decoderSpecs = llamaSpecs(decoder);
  const towerSpecs = vision === undefined ? undefined : vitSpecs(vision.config);
  const features = (params: Tree<Tensor>, visionInput: VisionInput): readonly Tensor[] => {
    if ("features" in visionInput) return visionInput.features;
    if (vision === undefined || towerSpecs === undefined) {
      throw new ConfigError({
        op: "visionLanguage",
        got: "images",
        expected: "features, as the model has no vision tower",
        hint: "give the model a tower, or encode the images first",
      });
    }
    const { views } = bridge, encode = vitFeatures(vision.config, vision.levels);
    const vit = fit("vit", towerSpecs, part(params, "vision"));
    if (views === undefined) return encode(vit, visionInput.images);
    const b = visionInput.images.shape[0]!;
    return encode(vit, views.of(visionInput.images)).map((f) => reshape([b, -1, f.shape[2]!])(f));
  };
  const visualOf = (bridge: Bridge) => (params: Tree<Tensor>, visionInput: VisionInput): Tensor => {
    const all_bnd = bridge.apply(part(params, "bridge"), features(params, visionInput));
    return keep === undefined
      ? all_bnd
      : selected(keep, isolator === 0 ? undefined : part(params, "isolator"), visionInput, all_bnd);
  };
  const tokensOf = ({ tokens }: Bridge): number => keep === undefined ? tokens : keep.count + isolator;
  const llamaOf = (params: Tree<Tensor>) => fit("llama", decoderSpecs, params);
  const statesOf =
    (bridge: Bridge) => (params: Tree<Tensor>, visionInput: VisionInput, ids_bt: Tensor): Tensor => {
      const llama = llamaOf(params), n = tokensOf(bridge);
      const visual_bnd = visualOf(bridge)(params, visionInput), text_btd = llamaEmbed(llama, ids_bt);
      if (visionInput.rows !== undefined) {
        if (pyramid !== undefined) {
          refuse(
            "a pyramid, and images anywhere in rows",
            "rows of an image and then text",
            "leave the pyramid out",
          );
        }
        const { after, segments } = visionInput.rows;
        const { x_bsd, source_bs, before_bt } = mixRows(text_btd, visual_bnd, after);
        const segments_bs = segments === undefined ? undefined : rowSegments(segments, n, source_bs);
        const states_bsd = llamaStates(decoder)(llama, x_bsd, segments_bs);
        return gatherRows(states_bsd, before_bt);
      }
      if (ids_bt.shape.length !== 2 || ids_bt.shape[0] !== visual_bnd.shape[0]) {
        throw new ConfigError({
          op: "visionLanguage",
          got: `ids ${show(ids_bt.shape)} alongside visual tokens ${show(visual_bnd.shape)}`,
          expected: "ids [b, t] with one row per image",
          hint: "give every image its text",
        });
      }
      const [b] = ids_bt.shape as [number, number], { turns } = visionInput;
      const segments_bs = turns === undefined ? undefined : concat([full([b, n], 0, "i32"), turns], 1);
      if (pyramid !== undefined) {
        const t = ids_bt.shape[1]!, { labels } = visionInput;
        // without labels, as at inference, the last position of the text ranks
        const asked_bt = labels === undefined ? full([b, t], 0) : answerStarts(labels);
        const { x_bsd, visual } = pyramidBlocks(
          decoder,
          llamaBlocks(decoder, llama),
          {
            x_bsd: concat([visual_bnd, text_btd], 1),
            visual: n,
            stages: pyramid,
            asked_bq: concat([asked_bt, full([b, 1], labels === undefined ? 1 : 0)], 1),
            ...(segments_bs === undefined ? {} : { segments: segments_bs }),
          },
          (segments, prefix) => (q, k, v) => [llamaAttention(decoder, segments, prefix)(q, k, v), {}],
        );
        return sliceAxis(1, visual - 1, visual - 1 + t)(rmsNorm(llama.model.norm, decoder.eps)(x_bsd));
      }
      // The last visual token predicts text token 0, so states n - 1 .. n + t - 2 are all that the output map sees.
      return pipe(
        concat([visual_bnd, text_btd], 1),
        (x_bsd) => llamaStates(decoder)(llama, x_bsd, segments_bs, n + 1),
        sliceAxis(1, n - 1, n - 1 + ids_bt.shape[1]!),
      );
    };
  const entropyOf = (bridge: Bridge) => (params: Tree<Tensor>, batch: VisionLanguageBatch): CrossEntropy =>
    linearCrossEntropy(
      llamaHead(llamaOf(params)),
      statesOf(bridge)(params, batch, batch.ids),
      batch.labels,
    );
  return {
    visualTokens: tokensOf(bridge),
    specs: {
      ...(towerSpecs === undefined ? {} : { vision: towerSpecs }),
      bridge: bridge.specs,
      ...(isolator === 0 ? {} : { isolator: parameter([isolator, decoder.width], truncatedNormal(0.02)) }),
      ...decoderSpecs,
    },
    visual: visualOf(bridge),
    logits: (params, visionInput, ids) =>
      llamaLogits(llamaOf(params), statesOf(bridge)(params, visionInput, ids)),
    entropy: entropyOf(bridge),
    loss: (params, batch) => {
      const { mean, count, correct } = entropyOf(bridge)(params, batch);
      const others = (bridge.members ?? []).map((m) => entropyOf(m)(params, batch).mean);
      const loss = others.length === 0
        ? mean
        : mul(others.reduce((a, b) => add(a, b), mean), 1 / (1 + others.length));
      return [loss, { accuracy: div(sum()(correct), maximum(count, 1)), tokens: count }];
    },
  };
};
