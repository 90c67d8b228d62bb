/** Picking along an axis by indices that differ from row to row. */
import { ShapeError } from "../errors.ts";
import { axisOf, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { fromLast, toLast } from "./along.ts";
import { equal, select } from "./elementwise.ts";
import { expectDType } from "./make.ts";
import { broadcastTo, reshape, slice } from "./movement.ts";
import { sum } from "./reduce.ts";
import { iota } from "./source.ts";

/**
 * `y[..., i, ...] = x[..., index[..., i, ...], ...]` along an axis (the last by default); an index outside the axis
 * reads 0. Other axes of `index` may be shorter than those of x, whose rest is then not read. The element is summed
 * out of a comparison, so that the gradient, where repeated indices add up, needs no scatter. Data-last.
 * @throws {ShapeError} for another rank or a longer other axis; {DTypeError} for indices that are not i32.
 */
export const takeAlong = (index: Tensor, axis = -1): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  const a = axisOf("takeAlong", axis, x.shape.length);
  expectDType("takeAlong", index, ["i32"]);
  if (index.shape.length !== x.shape.length || index.shape.some((n, d) => d !== a && n > x.shape[d]!)) {
    throw new ShapeError({
      op: "takeAlong",
      got: `indices ${show(index.shape)} into ${show(x.shape)} along axis ${a}`,
      expected: "as many axes, none but that one longer",
      hint: "broadcast or cut the indices",
    });
  }
  const read = slice(x.shape.map(() => 0), x.shape.map((n, d) => d === a ? n : index.shape[d]!))(x);
  const from = toLast(a)(read), at = toLast(a)(index);
  const n = from.shape.at(-1)!, m = at.shape.at(-1)!, lead = from.shape.slice(0, -1), wide = [...lead, m, n];
  const hit = equal(broadcastTo(wide)(reshape([...lead, m, 1])(at)), iota([1, n], 1));
  return fromLast(a)(sum({ axes: [-1] })(select(hit, reshape([...lead, 1, n])(from), 0)));
};
