/** Clipping of gradients by their common norm. */
import { add, div, minimum, sqrt } from "../ops/elementwise.ts";
import { reshape, sliceAxis } from "../ops/movement.ts";
import { constant } from "../ops/source.ts";
import { together } from "../origin.ts";
import type { Tensor } from "../tensor.ts";
import { squaredNorms } from "../transforms/foreach.ts";

/** Euclidean norm of all elements of all tensors together, `[]`. */
export const globalNorm = (ts: readonly Tensor[]): Tensor =>
  together(() => ts.length === 0 ? constant(0) : sqrt(squaredNorms(ts).reduce((a, b) => add(a, b))));

/** {@link globalNorm} of tensors whose squared norms are known, one after the other in their order: the same bits. */
export const normOfSquares = (squares: Tensor): Tensor =>
  sqrt(
    Array.from({ length: squares.shape[0]! }, (_, i) => reshape([])(sliceAxis(0, i, i + 1)(squares)))
      .reduce((a, b) => add(a, b)),
  );

/** The factor that brings a norm to at most `max`: `min(1, max / (norm + 1e-6))`, as PyTorch has it. */
export const clipFactor = (norm: Tensor, max: number): Tensor => minimum(div(max, add(norm, 1e-6)), 1);
