/**
 * Long sums and maxima with few results, such as the norm of a large table, in two steps: many pieces side by side,
 * then the pieces. One workgroup alone would leave a device idle, and add small numbers to a large one for long.
 */
import { cast, is, max, pad, permute, reshape, sizeOf, sum, type Tensor } from "@chain-of-sight/core";
import { rewrite } from "./rewrite.ts";

/** Most results: with more of them, there is work for all lanes. */
const RESULTS = 64;

/** Most pieces of one sum. */
const PIECES = 1024;

/** The number of values behind one result of a reduction. */
const lengthOf = (t: Tensor): number => sizeOf(t.args[0]!.shape) / Math.max(1, sizeOf(t.shape));

/** Whether a node is a sum or a maximum that is better done in two steps. */
const isLong = (t: Tensor, longest: number): boolean =>
  (is("sum", t) || is("max", t)) && sizeOf(t.shape) <= RESULTS && lengthOf(t) > longest;

/** What a reduction of nothing would be. */
const least = (t: Tensor): number => {
  if (is("sum", t) || t.dtype === "u32") return 0;
  return t.dtype === "i32" ? -2147483648 : -Infinity;
};

const inPieces = (t: Tensor<"sum" | "max">, longest: number): Tensor => {
  const [x] = t.args as [Tensor], { axes } = t.attributes, results = sizeOf(t.shape), length = lengthOf(t);
  const is16 = t.dtype === "f16";
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  // pieces of f16 numbers are not rounded before they are joined
  const rows = reshape([results, length])(permute([...kept, ...axes])(is16 ? cast("f32")(x) : x));
  const pieces = Math.min(PIECES, Math.ceil(length / Math.sqrt(longest)));
  const each = Math.ceil(length / pieces), reduce = is("sum", t) ? sum : max;
  const full = pad([0, 0], [0, pieces * each - length], least(t))(rows);
  const parts = reduce({ axes: [-1] })(reshape([results, pieces, each])(full));
  return cast(t.dtype)(reshape(t.shape)(reduce({ axes: [-1] })(parts)));
};

/** The roots with reductions of more than `longest` values in two steps. */
export const shortened = (longest: number) => (roots: readonly Tensor[]): readonly Tensor[] =>
  longest === Infinity
    ? roots
    : rewrite((node) => isLong(node, longest) ? inPieces(node as Tensor<"sum" | "max">, longest) : node)(
      roots,
    );
