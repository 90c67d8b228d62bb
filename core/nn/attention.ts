/**
 * Scaled dot product attention (Vaswani et al. 2017, section 3.2) from two contractions and a softmax.
 * Shapes: b any leading axes, h heads, k key-value heads, q queries, s keys, d channels of a head, c all channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { attend, type AttentionAttributes } from "../ops/attention.ts";
import { matmul } from "../ops/contraction.ts";
import { add, and, equal, less, lessEqual, mul } from "../ops/elementwise.ts";
import { broadcastTo, permute, reshape, transpose } from "../ops/movement.ts";
import { full, iota } from "../ops/source.ts";
import { together } from "../origin.ts";
import { broadcast, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { maskedSoftmax } from "./softmax.ts";

/** How a query may look at keys. */
export interface AttentionOptions {
  /** Query i sees keys up to `i + (keys - queries)`; false by default. */
  readonly causal?: boolean;
  /** Where true, a query may look; broadcasts to `[..., h, q, s]`. */
  readonly mask?: Tensor;
  /**
   * Of packed rows, where q is s: i32 `[..., s]`. A query sees keys of the same positive number; padding, whose number
   * is not positive, sees nothing.
   */
  readonly segments?: Tensor;
  /** Factor of the scores; `1 / sqrt(d)` by default. */
  readonly scale?: number;
}

/** `[..., t, c]` to `[..., h, t, c / h]`: heads are consecutive channel groups. Data-last. */
export const splitHeads = (heads: number): (x_btc: Tensor) => Tensor => (x_btc: Tensor): Tensor =>
  together(() => {
    const [t, c] = x_btc.shape.slice(-2) as [number, number], lead = x_btc.shape.slice(0, -2);
    if (!Number.isInteger(heads) || heads < 1 || c % heads !== 0) {
      throw new ConfigError({
        op: "splitHeads",
        got: `${heads} heads of ${c} channels`,
        expected: "a number of heads that divides the channels",
        hint: "change heads or the width",
      });
    }
    const n = lead.length;
    return pipe(
      x_btc,
      reshape([...lead, t, heads, c / heads]),
      permute([...lead.map((_, i) => i), n + 1, n, n + 2]),
    );
  });

/** `[..., h, t, d]` to `[..., t, h d]`. */
export const mergeHeads = (x_bhtd: Tensor): Tensor => {
  const [h, t, d] = x_bhtd.shape.slice(-3) as [number, number, number], n = x_bhtd.shape.length - 3;
  const lead = x_bhtd.shape.slice(0, -3);
  return together(() =>
    pipe(x_bhtd, permute([...lead.map((_, i) => i), n + 1, n, n + 2]), reshape([...lead, t, h * d]))
  );
};

/** Repeats key-value heads so that query head `h` reads head `floor(h k / heads)`. Data-last. */
export const repeatHeads = (heads: number): (x_bksd: Tensor) => Tensor => (x_bksd: Tensor): Tensor => {
  const [k, s, d] = x_bksd.shape.slice(-3) as [number, number, number], lead = x_bksd.shape.slice(0, -3);
  if (k === heads) return x_bksd;
  if (heads % k !== 0) {
    throw new ConfigError({
      op: "repeatHeads",
      got: `${heads} heads over ${k} key-value heads`,
      expected: "a whole number of heads per key-value head",
      hint: "change one of the two",
    });
  }
  return pipe(
    x_bksd,
    reshape([...lead, k, 1, s, d]),
    broadcastTo([...lead, k, heads / k, s, d]),
    reshape([...lead, heads, s, d]),
  );
};

/** True where query i may see key j, `[q, s]`: `j <= i + (s - q)`, so that the last query sees every key. */
export const causalMask = (queries: number, keys: number): Tensor => {
  // a column of row numbers and a row of column numbers broadcast to the square
  const row = iota([queries, 1], 0), column = iota([1, keys], 1);
  return lessEqual(column, queries === keys ? row : add(row, keys - queries));
};

/** True where two positions are of one segment, `[..., 1, s, s]`, from ids `[..., s]`. */
const segmentMask = (ids: Tensor): Tensor => {
  const lead = ids.shape.slice(0, -1), s = ids.shape.at(-1)!, mine = reshape([...lead, 1, s, 1])(ids);
  return and(equal(mine, reshape([...lead, 1, 1, s])(ids)), less(0, mine));
};

/** The primitive on leading axes of any number. */
const withoutScores = (
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  attributes: AttentionAttributes,
  segments: Tensor | undefined,
): Tensor => {
  const lead = broadcast("attention", q.shape.slice(0, -3), k.shape.slice(0, -3)), b = sizeOf(lead);
  const flat = (t: Tensor, axes = 3): Tensor =>
    reshape([b, ...t.shape.slice(-axes)])(broadcastTo([...lead, ...t.shape.slice(-axes)])(t));
  const ids = segments === undefined ? undefined : flat(segments, 1);
  const { values } = attend(flat(q), flat(k), flat(v), attributes, ids);
  return reshape([...lead, ...values.shape.slice(-3)])(values);
};

/**
 * `softmax(q k^T scale) v`: `[..., h, q, d]`, `[..., k, s, d]`, `[..., k, s, d]` to `[..., h, q, d]`. Leading axes
 * broadcast; fewer key-value heads are shared by groups of query heads. A query that may see no key gets zeros.
 */
export const attention = (
  q_bhqd: Tensor,
  k_bksd: Tensor,
  v_bksd: Tensor,
  { causal = false, mask, segments, scale = 1 / Math.sqrt(q_bhqd.shape.at(-1)!) }: AttentionOptions = {},
): Tensor =>
  together(() => {
    const [queries, keys] = [q_bhqd.shape.at(-2)!, k_bksd.shape.at(-2)!];
    if (keys === 0) {
      const lead = broadcast("attention", q_bhqd.shape.slice(0, -3), k_bksd.shape.slice(0, -3));
      return full([...lead, q_bhqd.shape.at(-3)!, queries, v_bksd.shape.at(-1)!], 0, q_bhqd.dtype);
    }
    if (mask === undefined) return withoutScores([q_bhqd, k_bksd, v_bksd], { causal, scale }, segments);
    const heads = q_bhqd.shape.at(-3)!;
    const k_bhsd = repeatHeads(heads)(k_bksd), v_bhsd = repeatHeads(heads)(v_bksd);
    const scores_bhqs = mul(matmul(transpose(k_bhsd))(q_bhqd), scale);
    const past = causal ? and(mask, causalMask(queries, keys)) : mask;
    const seen = segments === undefined ? past : and(past, segmentMask(segments));
    return pipe(maskedSoftmax(seen)(scores_bhqs), matmul(v_bhsd));
  });
