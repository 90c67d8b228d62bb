/**
 * Dropping visual tokens inside of the decoder: PyramidDrop (Xing et al., arXiv 2410.17247, section 3.2, equation 2; code
 * Cooperx521/PyramidDrop, 6444f30, `pdrop_rank_drop` of `llava/model/modeling_llama_pdrop.py`). After some blocks, visual
 * tokens are ranked by the attention that the next block's own queries and keys give them from the text positions before
 * the answers, a softmax over the whole row and a mean over heads and those positions; the best are kept, in their order,
 * and every position behind them moves up. The ranking has no gradient.
 *
 * Differences: the rotary positions of a row count again within each of the questions that share its image, as everywhere
 * here; keys and values of generated tokens have the positions of the shortened rows, as in the official code.
 * Shapes: b rows, n visual tokens, q text positions and the visual one before them, s positions, d channels, h heads.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { repeatHeads, splitHeads } from "../nn/attention.ts";
import { linear } from "../nn/linear.ts";
import { rmsNorm } from "../nn/norm.ts";
import { rope, type RopeTables } from "../nn/rope.ts";
import { maskedSoftmax } from "../nn/softmax.ts";
import { topTokens } from "../nn/token_selection.ts";
import { matmul } from "../ops/contraction.ts";
import { and, cast, div, equal, maximum, mul, not } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis, transpose } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { full } from "../ops/source.ts";
import type { Tensor } from "../tensor.ts";
import { stopGradient } from "../transforms/custom_vjp.ts";
import { scope } from "../transforms/remat.ts";
import {
  llamaBlock,
  type LlamaBlockParams,
  type LlamaConfig,
  llamaTables,
  type Mix,
  seenIn,
  segmentOffsets,
} from "./llama.ts";
import { gatherRows } from "./rows.ts";

/** Where visual tokens are dropped, and how many of them stay. */
export interface PyramidStage {
  /** Blocks before it. */
  readonly after: number;
  /** Share of the first number of visual tokens that is kept, rounded down. */
  readonly keep: number;
}

/**
 * Visual tokens of `n` that every block sees, block by block.
 * @throws {ConfigError} for stages out of order, beyond the blocks, or that keep no token or more than there are.
 */
export const pyramidCounts = (
  layers: number,
  stages: readonly PyramidStage[],
  n: number,
): readonly number[] => {
  const kept = stages.map(({ keep }) => Math.floor(keep * n));
  const falls = stages.every(({ after }, i) =>
    Number.isInteger(after) && after > (stages[i - 1]?.after ?? 0) && after < layers &&
    kept[i]! >= 1 && kept[i]! <= (kept[i - 1] ?? n)
  );
  if (!falls) {
    throw new ConfigError({
      op: "pyramid",
      got: stages.map(({ after, keep }) => `${keep} of ${n} visual tokens after ${after} of ${layers} blocks`)
        .join(", "),
      expected:
        "stages between blocks, each after the one before, that keep ever fewer tokens and at least one",
      hint:
        "of a decoder of L blocks the paper has them after L/4, L/2 and 3L/4, keeping 0.5, 0.25 and 0.125",
    });
  }
  return Array.from(
    { length: layers },
    (_, i) => kept[stages.findLastIndex(({ after }) => after <= i)] ?? n,
  );
};

/** Whether an answer begins at a text position, f32 `[b, t]`, from labels of which negative ones do not count. */
export const answerStarts = (labels_bt: Tensor): Tensor => {
  const [b, t] = labels_bt.shape as [number, number];
  const counts = not(equal(labels_bt, -100)), none = full([b, 1], -100, "i32");
  const before = concat([none, sliceAxis(1, 0, t - 1)(labels_bt)], 1);
  return cast("f32")(and(counts, equal(before, -100)));
};

/** Scores `[b, n]` of the visual tokens at the first positions, by the next block. */
const scoresOf = (
  config: LlamaConfig,
  tables: RopeTables,
  p: LlamaBlockParams<Tensor>,
  x_bsd: Tensor,
  n: number,
  asked_bq: Tensor,
  segments: Tensor | undefined,
): Tensor => {
  const { heads, width, kvHeads = heads, headWidth = width / heads, eps } = config;
  const [b, s] = x_bsd.shape as [number, number], { q_proj, k_proj, q_norm, k_norm } = p.self_attn;
  const y_bsd = rmsNorm(p.input_layernorm, eps)(x_bsd), behind = sliceAxis(-2, n - 1, s);
  const of = ({ cos_te, sin_te }: RopeTables): RopeTables => ({
    cos_te: behind(cos_te),
    sin_te: behind(sin_te),
  });
  const q_bhqc = pipe(
    behind(y_bsd),
    linear(q_proj),
    splitHeads(heads),
    (x) => q_norm === undefined ? x : rmsNorm(q_norm, eps)(x),
    rope(of(tables)),
  );
  const k_bhsc = pipe(
    y_bsd,
    linear(k_proj),
    splitHeads(kvHeads),
    (x) => k_norm === undefined ? x : rmsNorm(k_norm, eps)(x),
    rope(tables),
    repeatHeads(heads),
  );
  const scores_bhqs = mul(matmul(transpose(k_bhsc))(q_bhqc), 1 / Math.sqrt(headWidth));
  const weights_bhqs = maskedSoftmax(behind(seenIn(config, s, segments, n + 1)))(scores_bhqs);
  const asked = div(asked_bq, maximum(sum({ axes: [1], keep: true })(asked_bq), 1));
  const mean_bhqs = mul(reshape([b, 1, s - n + 1, 1])(asked), weights_bhqs);
  return pipe(mean_bhqs, sum({ axes: [1, 2] }), sliceAxis(1, 0, n));
};

/** Rows whose visual tokens come first. */
export interface PyramidRows {
  /** Embeddings `[b, s, d]`. */
  readonly x_bsd: Tensor;
  /** Visual tokens of a row. */
  readonly visual: number;
  /** Where stages are, and what they keep. */
  readonly stages: readonly PyramidStage[];
  /** 1 at positions from the last visual token on whose attention ranks tokens, else 0: f32 `[b, s - n + 1]`. */
  readonly asked_bq: Tensor;
  /** Segments of positions, i32 `[b, s]`, behind the visual tokens and one token that all of them see. */
  readonly segments?: Tensor;
}

/** States after the last block, and what each block's attention kept. */
export interface PyramidStates<K> {
  /** `[b, s, d]`, fewer positions than before. */
  readonly x_bsd: Tensor;
  /** Visual tokens that are left. */
  readonly visual: number;
  /** In the order of the blocks. */
  readonly kept: readonly K[];
}

/**
 * States of rows through the blocks of a decoder, visual tokens being dropped between them. `mix` is the attention within
 * segments behind a prefix.
 * @throws {ConfigError} for stages that do not fit the decoder.
 */
export const pyramidBlocks = <K>(
  config: LlamaConfig,
  blocks: readonly LlamaBlockParams<Tensor>[],
  { x_bsd, visual, stages, asked_bq, segments }: PyramidRows,
  mix: (segments: Tensor | undefined, prefix: number) => Mix<K>,
): PyramidStates<K> => {
  const counts = pyramidCounts(blocks.length, stages, visual);
  const tablesOf = (x: Tensor, count: number, own: Tensor | undefined): RopeTables => {
    const s = x.shape[1]!;
    return llamaTables(config, s, own === undefined ? 0 : segmentOffsets(own, s, count + 1));
  };
  type Rows = {
    readonly x: Tensor;
    readonly own: Tensor | undefined;
    readonly count: number;
    readonly kept: readonly K[];
  };
  const start: Rows = { x: x_bsd, own: segments, count: visual, kept: [] };
  const end = blocks.reduce<Rows>((before, p, i) => {
    const next = counts[i]!, s = before.x.shape[1]!;
    const rows = next === before.count ? before : ((): Rows => {
      const { x, own, count, kept } = before, tables = tablesOf(x, count, own);
      const score_bn = scoresOf(config, tables, p, stopGradient(x), count, asked_bq, own);
      const first_bn = sliceAxis(1, 0, count),
        rest = sliceAxis(1, count, s),
        ids = topTokens(next)(score_bn);
      const chosen = (of: Tensor): Tensor => concat([gatherRows(first_bn(of), ids), rest(of)], 1);
      // all visual tokens are of one segment
      const segments = own === undefined ? undefined : sliceAxis(1, count - next, s)(own);
      return { x: chosen(x), own: segments, count: next, kept };
    })();
    const step = llamaBlock(config, tablesOf(rows.x, rows.count, rows.own), mix(rows.own, rows.count + 1));
    const [x, kept] = scope(`model.layers.${i}`)(step)(rows.x, p);
    return { ...rows, x, kept: [...rows.kept, kept] };
  }, start);
  return { x_bsd: end.x, visual: end.count, kept: end.kept };
};
