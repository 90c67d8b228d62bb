/**
 * Segments of packed rows: several sequences one behind the other in a row, each of which attention keeps to itself.
 * Kernels compare the ids of positions, and walk over the positions between two bounds alone.
 * Shapes: b batch, s positions.
 */
import { ShapeError } from "../errors.ts";
import { equals, type Shape, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, and, equal, less, lessEqual, select, sub } from "./elementwise.ts";
import { expectDType } from "./make.ts";
import { concat, reshape, sliceAxis } from "./movement.ts";
import { max } from "./reduce.ts";
import { iota } from "./source.ts";

/** The segments of attention, `[b, 3, s]`, refused where they are not those of its queries and keys. */
export const checkSegments = (op: string, table: Tensor, q: Shape, k: Shape): void => {
  expectDType(op, table, ["i32"]);
  if (q[2] === k[2] && equals(table.shape, [q[0]!, 3, k[2]!])) return;
  throw new ShapeError({
    op,
    got: `queries ${show(q)}, keys ${show(k)}, segments of ${show([table.shape[0]!, table.shape.at(-1)!])}`,
    expected: "as many queries as keys, and segments [batch, positions]",
    hint: "give every position of every row its segment",
  });
};

/**
 * The segments `[b, 3, s]` of i32 ids `[b, s]`: the ids; the first position that shares a segment with this one or a
 * later one; the end of those that share one with this one or an earlier one. Ids below 1 are padding.
 */
export const segmentTable = (ids: Tensor): Tensor => {
  expectDType("segments", ids, ["i32"]);
  if (ids.shape.length !== 2) {
    throw new ShapeError({
      op: "segments",
      got: show(ids.shape),
      expected: "[batch, positions]",
      hint: "give every position of every row its segment",
    });
  }
  const [b, s] = ids.shape as [number, number];
  const mine = reshape([b, s, 1])(ids), theirs = reshape([b, 1, s])(ids);
  const here = iota([1, s, 1], 1), there = iota([1, 1, s], 2);
  const same = and(equal(mine, theirs), less(0, mine)), largest = max({ axes: [2] });
  const before = largest(select(same, sub(s, there), 0)), end = largest(select(same, add(there, 1), 0));
  const line = reshape([b, 1, s]);
  return concat([
    line(ids),
    sub(s, line(largest(select(lessEqual(here, there), line(before), 0)))),
    line(largest(select(lessEqual(there, here), line(end), 0))),
  ], 1);
};

/** The ids `[b, s]` of segments. */
export const idsOf = (table: Tensor): Tensor =>
  reshape([table.shape[0]!, table.shape[2]!])(sliceAxis(1, 0, 1)(table));

/** Positions `[b, s]` of i32 ids `[b, s]` in their own segments, from 0; those of padding mean nothing. */
export const segmentPositions = (ids: Tensor): Tensor => {
  const [b, s] = ids.shape as [number, number];
  return sub(iota([1, s], 1), reshape([b, s])(sliceAxis(1, 1, 2)(segmentTable(ids))));
};
