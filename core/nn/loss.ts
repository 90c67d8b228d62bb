/**
 * Losses.
 * Shapes: ... any leading axes, v classes.
 */
import { ShapeError } from "../errors.ts";
import { and, cast, div, equal, exp, less, maximum, mul, not, select, sub } from "../ops/elementwise.ts";
import { reshape } from "../ops/movement.ts";
import { argmax, sum } from "../ops/reduce.ts";
import { constant, iota } from "../ops/source.ts";
import { together } from "../origin.ts";
import { equals, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { stopGradient } from "../transforms/custom_vjp.ts";
import { blockwiseLoss } from "./blockwise_loss.ts";
import { linear, type LinearParams } from "./linear.ts";
import { logSoftmax, logsumexp } from "./softmax.ts";

/** Result of the cross entropy of a batch. */
export interface CrossEntropy {
  /** Mean over the labels that count, `[]`; 0 where none does. */
  readonly mean: Tensor;
  /** Number of labels that count, `[]` f32. */
  readonly count: Tensor;
  /** Loss of every label, `[...]`; 0 where it does not count. */
  readonly perToken: Tensor;
  /** Whether the largest logit is the label's, `[...]` f32; 0 where it does not count. */
  readonly correct: Tensor;
}

/** The label that never counts. */
export const IGNORED: number = -100;

/**
 * Cross entropy of logits `[..., v]` against i32 labels `[...]`; a label of `ignore` (or outside the classes) does
 * not count. The label's logit is summed out of a comparison, so no one-hot array is in memory.
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
        hint: "pass one label per row of logits",
      });
    }
    const classes = iota([...lead.map(() => 1), v], lead.length);
    const hit = equal(reshape([...lead, 1])(labels), classes);
    const picked = sum({ axes: [-1] })(select(hit, logits, 0));
    return counted(sub(logsumexp()(logits), picked), argmax()(logits), labels, v, ignore);
  });

/** The cross entropy from each label's loss and the class of the largest logit. */
const counted = (
  loss: Tensor,
  best: Tensor,
  labels: Tensor,
  classes: number,
  ignore: number,
): CrossEntropy => {
  const counts = and(not(equal(labels, ignore)), and(less(-1, labels), less(labels, classes)));
  const perToken = select(counts, loss, 0), count = sum()(cast("f32")(counts));
  return {
    mean: div(sum()(perToken), maximum(count, 1)),
    count,
    perToken,
    correct: cast("f32")(and(counts, equal(best, labels))),
  };
};

/** Maximum logits that are stored at once, 256 MiB of f16: recomputing those of each block takes longer than memory. */
const MAX_LOGITS = 2 ** 27;

/** Fewer classes than this make products of few columns. */
const MIN_CLASSES = 1024;

/** Blocks of classes in which {@link linearCrossEntropy} reads an output map; 1 where all logits are few. */
const lossBlocks = (labels: number, classes: number): number =>
  Math.max(1, Math.min(Math.ceil(labels * classes / MAX_LOGITS), Math.floor(classes / MIN_CLASSES)));

/**
 * Cross entropy of the logits `linear(map)(states)`, states `[..., d]`, against labels `[...]`. Where logits are many,
 * the vocabulary is read in blocks, forward and again backward, so that neither all logits nor their gradient are in
 * memory: what is stored is one number a label, the logarithm of the sum over classes. `blocks` follows from the sizes.
 * @throws {ShapeError} if the labels do not have the leading axes of the states.
 */
export const linearCrossEntropy = (
  map: LinearParams<Tensor>,
  states: Tensor,
  labels: Tensor,
  ignore: number = IGNORED,
  blocks: number = lossBlocks(sizeOf(labels.shape), map.weight.shape[0]!),
): CrossEntropy => {
  const classes = map.weight.shape[0]!;
  if (blocks <= 1 || !equals(states.shape.slice(0, -1), labels.shape)) {
    return crossEntropy(linear(map)(states), labels, ignore);
  }
  const rows = reshape([-1, states.shape.at(-1)!])(states);
  const [loss, best] = blockwiseLoss(map, rows, reshape([-1])(labels), Math.min(blocks, classes));
  return counted(reshape(labels.shape)(loss), reshape(labels.shape)(best), labels, classes, ignore);
};

/**
 * Kullback-Leibler divergence of a student's distributions from those of a teacher, whose logits get no gradient: both
 * `[..., v]`, summed over the classes and averaged over the i32 labels `[...]` that count, `[]`.
 */
export const distillation = (student: Tensor, teacher: Tensor, labels: Tensor): Tensor => {
  const v = student.shape.at(-1)!, wanted = logSoftmax()(stopGradient(teacher));
  const each = sum({ axes: [-1] })(mul(exp(wanted), sub(wanted, logSoftmax()(student))));
  const counts = and(less(-1, labels), less(labels, v));
  return div(sum()(select(counts, each, 0)), maximum(sum()(cast("f32")(counts)), 1));
};

/** Mean of the squared differences, `[]`. */
export const meanSquaredError = (a: Tensor, b: Tensor): Tensor => {
  const d = sub(a, b), n = Math.max(1, d.shape.reduce((p, k) => p * k, 1));
  return div(sum()(mul(d, d)), constant(n));
};
