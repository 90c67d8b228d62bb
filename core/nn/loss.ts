/**
 * Losses.
 * Shapes: ... any leading axes, v classes.
 */
import { ShapeError } from "../errors.ts";
import { and, cast, div, equal, less, maximum, mul, not, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { argmax, sum } from "../ops/reduce.ts";
import { constant, iota } from "../ops/source.ts";
import { together } from "../origin.ts";
import { equals, show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { logsumexp } from "./softmax.ts";

/** What the cross entropy of a batch gives. */
export interface CrossEntropy {
  /** Mean over the labels that count, `[]`; 0 where none does. */
  readonly mean: Tensor;
  /** Number of labels that count, `[]` f32. */
  readonly count: Tensor;
  /** Loss of every label, `[...]`; 0 where it does not count. */
  readonly perToken: Tensor;
  /** Whether the greatest logit is the label's, `[...]` f32; 0 where it does not count. */
  readonly correct: Tensor;
}

/** The label that never counts. */
export const IGNORED: number = -100;

/**
 * Cross entropy of logits `[..., v]` against i32 labels `[...]`; a label of `ignore` (or outside the classes) does
 * not count. The label's logit is summed out of a comparison, so no one-hot array stands in memory.
 * @throws {ShapeError} if the labels do not have the leading axes of the logits.
 */
export const crossEntropy = (logits: Tensor, labels: Tensor, ignore: number = IGNORED): CrossEntropy =>
  together(() => {
    const lead = logits.shape.slice(0, -1), v = logits.shape.at(-1)!;
    if (!equals(lead, labels.shape)) {
      throw new ShapeError({
        op: "crossEntropy",
        got: `logits ${show(logits.shape)} with labels ${show(labels.shape)}`,
        expected: "labels with the leading axes of the logits",
        mend: "pass one label per row of logits",
      });
    }
    const counts = and(
      not(equal(labels, ignore)),
      and(less(-1, labels), less(labels, v)),
    );
    const classes = iota([...lead.map(() => 1), v], lead.length);
    const hit = equal(reshape([...lead, 1])(labels), classes);
    const picked = sum({ axes: [-1] })(select(hit, logits, 0));
    const perToken = select(counts, sub(logsumexp()(logits), picked), 0);
    const count = sum()(cast("f32")(counts));
    const right = and(counts, equal(argmax()(logits), labels));
    return {
      mean: div(sum()(perToken), maximum(count, 1)),
      count,
      perToken,
      correct: cast("f32")(right),
    };
  });

/** Mean of the squared differences, `[]`. */
export const meanSquaredError = (a: Tensor, b: Tensor): Tensor => {
  const d = sub(a, b), n = Math.max(1, d.shape.reduce((p, k) => p * k, 1));
  return div(sum()(mul(d, d)), constant(n));
};
