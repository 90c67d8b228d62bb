/**
 * Decoding with a cache of keys and values: a prefix is computed once, then every step costs one position.
 * Two caches of fixed size: one of the prefix, which steps only read, and one of the tokens written since, so that a
 * step writes little. Positions are data: one description serves every step, and rows of a batch may have prefixes of
 * different lengths.
 * Shapes: b rows, t positions of the prefix, s positions of a cache, d channels, g key-value heads, r query heads of
 * each, c channels of a head, v vocabulary.
 */
import { ConfigError } from "../errors.ts";
import { rmsNorm } from "../nn/norm.ts";
import { softmax } from "../nn/softmax.ts";
import { matmul } from "../ops/contraction.ts";
import { add, and, cast, equal, greater, lessEqual, mul, select, sub } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis, transpose } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { full, iota } from "../ops/source.ts";
import { parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import {
  llamaAttention,
  llamaBlock,
  type LlamaBlockParams,
  llamaBlocks,
  type LlamaConfig,
  llamaLogits,
  type LlamaParams,
  llamaTables,
  type Mix,
} from "./llama.ts";
import { pyramidBlocks, pyramidCounts, type PyramidRows } from "./pyramid.ts";

/** Keys and values of one block, rotated already, each `[b, g, s, c]`. */
export type LayerCache<A> = {
  /** Keys. */
  readonly key: A;
  /** Values. */
  readonly value: A;
};

/** Keys and values of all blocks, in order. */
export type DecodeCache<A> = readonly LayerCache<A>[];

/** What a step may look at. */
export interface PastKeyValues {
  /** Of the prefix, of which row b has `start[b]` positions. */
  readonly prefix: DecodeCache<Tensor>;
  /** Of the tokens since. */
  readonly tail: DecodeCache<Tensor>;
  /** Length of every row's prefix, i32 `[b]`. */
  readonly start: Tensor;
  /** Positions of the prefix that blocks have dropped, block by block; none by default. */
  readonly dropped?: readonly number[];
}

/** A cache of `capacity` positions for `rows` rows, empty. */
export const cacheSpecs = (
  config: LlamaConfig,
  rows: number,
  capacity: number,
): DecodeCache<ParameterSpec> => {
  const { width, heads, kvHeads = heads, headWidth = width / heads, layers } = config;
  const spec = parameter([rows, kvHeads, capacity, headWidth], zerosInit);
  return Array.from({ length: layers }, () => ({ key: spec, value: spec }));
};

/** Positions that every block of a pyramid has dropped of a prefix. */
export const droppedBy = ({ layers }: LlamaConfig, { visual, stages }: PrefixPyramid): readonly number[] =>
  pyramidCounts(layers, stages, visual).map((count) => visual - count);

/** Logits of the next token of every row, and the cache that now holds what led there. */
export interface DecodeOutput {
  /** `[b, v]`. */
  readonly logits_bv: Tensor;
  /** Of the prefix after a prefix, of the tokens since after a step. */
  readonly cache: DecodeCache<Tensor>;
}

const throughBlocks = (
  x_btd: Tensor,
  blocks: readonly LlamaBlockParams<Tensor>[],
  step: (x_btd: Tensor, p: LlamaBlockParams<Tensor>, i: number) => readonly [Tensor, LayerCache<Tensor>],
): readonly [Tensor, DecodeCache<Tensor>] =>
  blocks.reduce<readonly [Tensor, DecodeCache<Tensor>]>(
    ([x, cache], p, i) => {
      const [y, kept] = step(x, p, i);
      return [y, [...cache, kept]];
    },
    [x_btd, []],
  );

const logitsOf = (config: LlamaConfig, params: LlamaParams<Tensor>, x_bd: Tensor): Tensor =>
  llamaLogits(params, rmsNorm(params.model.norm, config.eps)(x_bd));

/** Visual tokens at the start of every prefix, which are dropped between blocks. */
export type PrefixPyramid = Pick<PyramidRows, "visual" | "stages">;

/** What an attention over a prefix keeps. */
const keeping = (config: LlamaConfig): Mix<LayerCache<Tensor>> => (q, key, value) => [
  llamaAttention(config)(q, key, value),
  { key, value },
];

/** The prefix through a pyramid, every cache as long as the first; and what is left of its positions. */
const prefillPyramid = (
  config: LlamaConfig,
  params: LlamaParams<Tensor>,
  x_btd: Tensor,
  lengths_b: Tensor,
  { visual, stages }: PrefixPyramid,
): { readonly last_btd: Tensor; readonly cache: DecodeCache<Tensor>; readonly lengths_b: Tensor } => {
  const t = x_btd.shape[1]!, b = x_btd.shape[0]!, last_b1 = reshape([b, 1])(sub(lengths_b, visual));
  const asked_bq = cast("f32")(equal(iota([1, t - visual + 1], 1), last_b1));
  const end = pyramidBlocks(
    config,
    llamaBlocks(config, params),
    { x_bsd: x_btd, visual, stages, asked_bq },
    () => keeping(config),
  );
  const longest = (x: Tensor): Tensor => {
    const [rows, g, s, c] = x.shape as [number, number, number, number];
    return s === t ? x : concat([x, full([rows, g, t - s, c], 0)], 2);
  };
  return {
    last_btd: end.x_bsd,
    cache: end.kept.map(({ key, value }) => ({ key: longest(key), value: longest(value) })),
    lengths_b: sub(lengths_b, visual - end.visual),
  };
};

/**
 * The prefix: embeddings `[b, t, d]` at positions 0 .. t - 1, of which row b has `lengths[b]` (i32, at least 1); what
 * comes after them is never seen. The cache has t positions. With a pyramid, the last position of a row ranks its visual
 * tokens, and what blocks have dropped is left out of their caches ({@link droppedBy}).
 * @throws {ConfigError} for embeddings or lengths of another shape.
 */
export const prefill = (
  config: LlamaConfig,
): (params: LlamaParams<Tensor>, x_btd: Tensor, lengths_b: Tensor, pyramid?: PrefixPyramid) => DecodeOutput =>
(params, x_btd, lengths_b, pyramid) => {
  const [b, t] = x_btd.shape as [number, number, number];
  if (x_btd.shape.length !== 3 || lengths_b.shape.length !== 1 || lengths_b.shape[0] !== b) {
    throw new ConfigError({
      op: "prefill",
      got: `embeddings ${show(x_btd.shape)}, lengths ${show(lengths_b.shape)}`,
      expected: "embeddings [b, t, d], lengths [b]",
      hint: "give every row its length",
    });
  }
  const plain = (): ReturnType<typeof prefillPyramid> => {
    const block = llamaBlock(config, llamaTables(config, t), keeping(config));
    const [last_btd, cache] = throughBlocks(x_btd, llamaBlocks(config, params), block);
    return { last_btd, cache, lengths_b };
  };
  const { last_btd, cache, lengths_b: left_b } = pyramid === undefined
    ? plain()
    : prefillPyramid(config, params, x_btd, lengths_b, pyramid);
  const end_bt1 = equal(iota([1, last_btd.shape[1]!, 1], 1), reshape([b, 1, 1])(sub(left_b, 1)));
  const last_bd = sum({ axes: [1] })(select(end_bt1, last_btd, 0));
  return { logits_bv: logitsOf(config, params, last_bd), cache };
};

/**
 * Queries of one position `[b, g r, 1, c]` over both caches, up to the last position of each that a row has, and no further
 * back than the window.
 */
const attendPast = (
  q_bh1c: Tensor,
  prefix: LayerCache<Tensor>,
  tail: LayerCache<Tensor>,
  last: { readonly prefix_b111: Tensor; readonly tail_b111: Tensor },
  window: number | undefined,
): Tensor => {
  const [b, g, t, c] = prefix.key.shape as [number, number, number, number], h = q_bh1c.shape[1]!;
  const q_bgrc = reshape([b, g, h / g, c])(q_bh1c);
  // the tail begins right after the prefix
  const position_b111 = add(add(last.prefix_b111, last.tail_b111), 1);
  const scores = (key: Tensor, last_b111: Tensor, query_b111: Tensor): Tensor => {
    const at = iota([1, 1, 1, key.shape[2]!], 3), past = lessEqual(at, last_b111);
    const seen = window === undefined ? past : and(past, greater(at, sub(query_b111, window)));
    return select(seen, mul(matmul(transpose(key))(q_bgrc), 1 / Math.sqrt(c)), -1e30);
  };
  const weights = softmax()(
    concat([
      scores(prefix.key, last.prefix_b111, position_b111),
      scores(tail.key, last.tail_b111, last.tail_b111),
    ], 3),
  );
  const seen = add(
    matmul(prefix.value)(sliceAxis(3, 0, t)(weights)),
    matmul(tail.value)(sliceAxis(3, t, weights.shape[3]!)(weights)),
  );
  return reshape([b, h, 1, c])(seen);
};

/**
 * One step: embeddings `[b, d]` of the tokens at positions `at_b` (i32), and the caches of all before. A row at or
 * beyond the end of its tail leaves the cache as it is, and its logits mean nothing.
 */
export const decodeStep = (
  config: LlamaConfig,
): (params: LlamaParams<Tensor>, x_bd: Tensor, at_b: Tensor, past: PastKeyValues) => DecodeOutput =>
(params, x_bd, at_b, { prefix, tail, start, dropped = [] }) => {
  const [b, d] = x_bd.shape as [number, number], column = reshape([b, 1, 1, 1]);
  const tail_b111 = column(sub(at_b, start));
  const here = equal(iota([1, 1, tail[0]?.key.shape[2] ?? 0, 1], 2), tail_b111);
  const fewer = (position_b: Tensor, i: number): Tensor =>
    (dropped[i] ?? 0) === 0 ? position_b : sub(position_b, dropped[i]!);
  const blocks = llamaBlocks(config, params);
  const [last_b1d, after] = throughBlocks(reshape([b, 1, d])(x_bd), blocks, (x, p, i) => {
    const before = tail[i]!, prefix_b111 = column(sub(fewer(start, i), 1));
    const tables = llamaTables(config, 1, column(fewer(at_b, i)));
    const block = llamaBlock(config, tables, (q, k, v) => {
      const now = { key: select(here, k, before.key), value: select(here, v, before.value) };
      return [attendPast(q, prefix[i]!, now, { prefix_b111, tail_b111 }, config.window), now];
    });
    return block(x, p);
  });
  return { logits_bv: logitsOf(config, params, reshape([b, d])(last_b1d)), cache: after };
};
