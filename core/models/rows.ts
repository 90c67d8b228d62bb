/**
 * Rows as conversations are: text and images in any order, several conversations in one row. Where each token is
 * is data, so that one compiled step serves every arrangement of a length.
 * Shapes: b rows, t text tokens, m images of a row, n visual tokens of an image, s = t + m n positions, d channels.
 */
import { ConfigError } from "../errors.ts";
import { add, cast, less, lessEqual, mul, select, sub } from "../ops/elementwise.ts";
import { gather } from "../ops/index.ts";
import { broadcastTo, concat, reshape } from "../ops/movement.ts";
import { max, sum } from "../ops/reduce.ts";
import { iota } from "../ops/source.ts";
import { equals, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Where the images of rows stand, and which conversation each token belongs to. All i32. */
export type RowArrangement = {
  /** Number of text tokens of the row before each image, ascending, `[b, m]`; t for places without an image. */
  readonly after: Tensor;
  /** The conversations of packed rows; absent where a row is one conversation, behind which padding comes. */
  readonly segments?: RowSegments;
};

/** Tokens of a segment are next to each other; segments are numbered from 1, and 0 is padding. */
export type RowSegments = {
  /** Segment of every text token, `[b, t]`. */
  readonly text: Tensor;
  /** Segment of every image, `[b, m]`; 0 for places without one. */
  readonly images: Tensor;
};

/** Rows `[b, r, ...]` at ids `[b, ...]` of their own `r`; ids outside give zeros. */
export const gatherRows = (table: Tensor, ids: Tensor): Tensor => {
  const [b, r, ...rest] = table.shape as [number, number, ...number[]];
  const row = mul(iota([b, ...ids.shape.slice(1).map(() => 1)], 0), r);
  const own = select(lessEqual(0, ids), add(ids, row), -1);
  return gather(reshape([b * r, ...rest])(table))(own);
};

/** Text and visual tokens of rows in one sequence. */
export interface MixedRows {
  /** Embeddings `[b, s, d]`. */
  readonly x_bsd: Tensor;
  /** Which token each position holds, `[b, s]`: text by number from 0, then visual tokens from t on, image by image. */
  readonly source_bs: Tensor;
  /** Position before each text token, `[b, t]`, whose state predicts it; -1 for the first of a row. */
  readonly before_bt: Tensor;
}

/**
 * Text `[b, t, d]` and the visual tokens of the images `[b m, n, d]` of its rows in one sequence: `after` `[b, m]`, i32,
 * says how many text tokens of the row stand before each image, ascending.
 * @throws {ConfigError} for images of another number of rows.
 */
export const mixRows = (text_btd: Tensor, visual: Tensor, after: Tensor): MixedRows => {
  const [b, t, d] = text_btd.shape as [number, number, number], [, m] = after.shape as [number, number];
  const n = visual.shape[1]!;
  if (!equals(after.shape, [b, m]) || !equals(visual.shape, [b * m, n, d])) {
    throw new ConfigError({
      op: "mixRows",
      got: `text ${show(text_btd.shape)}, visual tokens ${show(visual.shape)}, images after ${
        show(after.shape)
      }`,
      expected: "text [b, t, d], images after [b, m], visual tokens [b m, n, d]",
      hint: "give every row as many places for images",
    });
  }
  const s = t + m * n, at = iota([1, s, 1], 1), here = iota([1, s], 1);
  const start = reshape([b, 1, m])(add(after, mul(iota([1, m], 1), n))), begun = lessEqual(start, at);
  const count_bs = sum({ axes: [2] })(cast("i32")(begun));
  const offset_bs = sub(here, max({ axes: [2] })(select(begun, start, -s)));
  const image_bs = add(mul(sub(count_bs, 1), n), offset_bs);
  const source_bs = select(less(offset_bs, n), add(image_bs, t), sub(here, mul(count_bs, n)));
  const earlier_bt = sum({ axes: [2] })(
    cast("i32")(lessEqual(reshape([b, 1, m])(after), iota([1, t, 1], 1))),
  );
  return {
    x_bsd: gatherRows(concat([text_btd, reshape([b, m * n, d])(visual)], 1), source_bs),
    source_bs,
    before_bt: sub(add(iota([1, t], 1), mul(earlier_bt, n)), 1),
  };
};

/** The segments of positions `[b, s]` from those of text tokens and of images, each of which has `n` visual tokens. */
export const rowSegments = ({ text, images }: RowSegments, n: number, source_bs: Tensor): Tensor => {
  const [b, m] = images.shape as [number, number];
  const each = reshape([b, m * n])(broadcastTo([b, m, n])(reshape([b, m, 1])(images)));
  return gatherRows(concat([text, each], 1), source_bs);
};
