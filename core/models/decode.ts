/**
 * Decoding with a cache of keys and values: a prefix is computed once, then every step costs one position.
 * The cache has a fixed capacity and the position is data, so that one description serves every step and rows of a
 * batch may have prefixes of different lengths: row b writes at its own position and sees what lies before.
 * Shapes: b rows, t positions, s capacity, d channels, g key-value heads, r query heads of each, c channels of a head,
 * v vocabulary.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { attention } from "../nn/attention.ts";
import { rmsNorm } from "../nn/norm.ts";
import { softmax } from "../nn/softmax.ts";
import { matmul } from "../ops/contraction.ts";
import { equal, lessEqual, mul, select, sub } from "../ops/elementwise.ts";
import { pad, reshape, transpose } from "../ops/movement.ts";
import { sum } from "../ops/reduce.ts";
import { iota } from "../ops/source.ts";
import { parameter, type ParameterSpec, zerosInit } from "../parameter.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import {
  llamaBlock,
  type LlamaBlockParams,
  llamaBlocks,
  type LlamaConfig,
  llamaLogits,
  type LlamaParams,
  llamaTables,
} from "./llama.ts";

/** Keys and values of one block, rotated already, each `[b, g, s, c]`. */
export type LayerCache<A> = {
  /** Keys. */
  readonly key: A;
  /** Values. */
  readonly value: A;
};

/** Keys and values of all blocks, in order. */
export type DecodeCache<A> = readonly LayerCache<A>[];

/** A cache of `capacity` positions for `rows` sequences, empty. */
export const cacheSpecs = (
  config: LlamaConfig,
  rows: number,
  capacity: number,
): DecodeCache<ParameterSpec> => {
  const { width, heads, kvHeads = heads, headWidth = width / heads, layers } = config;
  const spec = parameter([rows, kvHeads, capacity, headWidth], zerosInit);
  return Array.from({ length: layers }, () => ({ key: spec, value: spec }));
};

/** Logits of the next token of every row, and the cache that now holds what led there. */
export interface Decoded {
  /** `[b, v]`. */
  readonly logits_bv: Tensor;
  /** The new cache. */
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

/**
 * The prefix: embeddings `[b, t, d]` at positions 0 .. t - 1, of which row b has `lengths[b]` (i32, at least 1); what
 * comes after them is never seen. The cache is filled up to t.
 * @throws {ConfigError} where the prefix is longer than the cache.
 */
export const prefill = (
  config: LlamaConfig,
  capacity: number,
): (params: LlamaParams<Tensor>, x_btd: Tensor, lengths_b: Tensor) => Decoded =>
(params, x_btd, lengths_b) => {
  const [b, t] = x_btd.shape as [number, number, number];
  if (x_btd.shape.length !== 3 || t > capacity || lengths_b.shape[0] !== b) {
    throw new ConfigError({
      op: "prefill",
      got: `embeddings ${show(x_btd.shape)}, lengths ${show(lengths_b.shape)}, a cache of ${capacity}`,
      expected: "embeddings [b, t, d] with t within the cache, lengths [b]",
      mend: "shorten the prefix or enlarge the cache",
    });
  }
  const tables = llamaTables(config, t);
  const filled = pad([0, 0, 0, 0], [0, 0, capacity - t, 0]);
  const block = llamaBlock(config, tables, (q, k, v) => [
    attention(q, k, v, { causal: true }),
    { key: filled(k), value: filled(v) },
  ]);
  const [last_btd, cache] = throughBlocks(x_btd, llamaBlocks(config, params), block);
  const end_bt1 = equal(iota([1, t, 1], 1), reshape([b, 1, 1])(sub(lengths_b, 1)));
  const last_bd = sum({ axes: [1] })(select(end_bt1, last_btd, 0));
  return { logits_bv: logitsOf(config, params, last_bd), cache };
};

/** Queries of one position `[b, g r, 1, c]` over a cache, up to and with position `at_b`. */
const attendCache = (q_bh1c: Tensor, { key, value }: LayerCache<Tensor>, at_b: Tensor): Tensor => {
  const [b, g, s, c] = key.shape as [number, number, number, number], h = q_bh1c.shape[1]!;
  const q_bgrc = reshape([b, g, h / g, c])(q_bh1c);
  const scores_bgrs = mul(matmul(transpose(key))(q_bgrc), 1 / Math.sqrt(c));
  const past = lessEqual(iota([1, 1, 1, s], 3), reshape([b, 1, 1, 1])(at_b));
  return pipe(select(past, scores_bgrs, -1e30), softmax(), matmul(value), reshape([b, h, 1, c]));
};

/**
 * One step: embeddings `[b, d]` of the tokens at positions `at_b` (i32), and the cache of all before. A row at or
 * beyond the capacity leaves its cache as it is, and its logits mean nothing.
 */
export const decodeStep = (
  config: LlamaConfig,
): (params: LlamaParams<Tensor>, x_bd: Tensor, at_b: Tensor, cache: DecodeCache<Tensor>) => Decoded =>
(params, x_bd, at_b, cache) => {
  const [b, d] = x_bd.shape as [number, number], s = cache[0]?.key.shape[2] ?? 0;
  const at_b111 = reshape([b, 1, 1, 1])(at_b), here = equal(iota([1, 1, s, 1], 2), at_b111);
  const tables = llamaTables(config, 1, at_b111);
  const blocks = llamaBlocks(config, params);
  const [last_b1d, after] = throughBlocks(reshape([b, 1, d])(x_bd), blocks, (x, p, i) => {
    const before = cache[i]!;
    const block = llamaBlock(config, tables, (q, k, v) => {
      const now = { key: select(here, k, before.key), value: select(here, v, before.value) };
      return [attendCache(q, now, at_b), now];
    });
    return block(x, p);
  });
  return { logits_bv: logitsOf(config, params, reshape([b, d])(last_b1d)), cache: after };
};
