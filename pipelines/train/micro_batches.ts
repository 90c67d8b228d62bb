/**
 * Gradient accumulation: a step as programs over one memory. One writes the gradients of a micro-batch; others store them
 * aside and add them; the last one updates. Gradients are added in a balanced tree whose shape depends on the number of
 * micro-batches alone.
 */
import {
  addGradients,
  copyGradients,
  gradientOf,
  type Gradients,
  input,
  type NdArray,
  type PathPredicate,
  stackedSquares,
  type Tensor,
  tensors,
  type Tree,
  updateOf,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels/portable";
import { SQUARES } from "./sharded.ts";
import { described, donated, PARAMS, stateSource, type StepSource } from "./step_source.ts";
import type { Bindings, Training } from "./training.ts";

/** What follows the gradient of one micro-batch. */
export interface Additions {
  /** Levels of stored gradients to add to it, in order. */
  readonly merge: readonly number[];
  /** Level at which the sum is stored; none after the last micro-batch. */
  readonly hold?: number;
}

/** Sums that each of `count` micro-batches completes: those of two halves, and of their halves in turn. */
const completedBy = (count: number): readonly number[] => {
  if (count === 1) return [0];
  const left = Math.ceil(count / 2), right = completedBy(count - left);
  return [...completedBy(left), ...right.slice(0, -1), right.at(-1)! + 1];
};

/**
 * The order of additions over `count` micro-batches: a balanced tree that halves as long as it can, so that the sums over
 * ranks of equal parts are its upper levels. At most `log2(count)` sums are stored at a time.
 */
export const additionsOf = (count: number): readonly Additions[] => {
  let stored = 0;
  return completedBy(count).map((sums, i): Additions => {
    const merge = Array.from({ length: sums }, () => --stored);
    return i === count - 1 ? { merge } : { merge, hold: stored++ };
  });
};

/** The sources of a step of several micro-batches. All read and write the inputs `grad.*` and `held.*`. */
export interface MicroSources<B> {
  /** Updates the state from the summed gradients. */
  readonly update: StepSource;
  /** Paths of the trained parameters, in the order of their gradients. */
  readonly trained: readonly string[];
  /** Writes the gradients of a micro-batch of a shape. */
  readonly gradient: (batch: B) => Source;
  /** Stores the gradients at a level. */
  readonly hold: (level: number) => Source;
  /** Adds the gradients that a level stores. */
  readonly merge: (level: number) => Source;
}

const under = (prefix: string, tree: Gradients<Tensor>): Gradients<Tensor> =>
  tensors.map(tree, (t, path): Tensor => input(`${prefix}.${path}`, t.shape, t.dtype));

const named = (prefix: string, tree: Gradients<Tensor>): Record<string, Tensor> =>
  Object.fromEntries(tensors.entries(tree as Tree<Tensor>).map(([path, t]) => [`${prefix}.${path}`, t]));

const writing = (outputs: Readonly<Record<string, Tensor>>, inputs: readonly Tensor[]): Source => ({
  outputs,
  donate: donated(outputs),
  inputs,
});

/** The update of the parameters that `isOwn` chooses alone, from the squared norms of all gradients. */
const ownUpdate = <B, E, R>(
  training: Training<B, E, R>,
  grad: Gradients<Tensor>,
  isOwn: PathPredicate,
): StepSource => {
  const all = described({ ...training, trainable: isOwn }), trained = Object.keys(grad.grad);
  const squares = input(SQUARES, [trained.length]);
  const source = stateSource(all, updateOf<B>(all.settings)(all.state, grad, squares), [
    ...tensors.leaves(grad as Tree<Tensor>),
    squares,
  ]);
  // their norms are made of sums beforehand: here they keep the gradients side by side
  const outputs = {
    ...source.source.outputs,
    [`${SQUARES} of the parts`]: stackedSquares(Object.values(grad.grad)),
  };
  // the others' parameters are handed on by their ranks
  const others = trained.filter((path) => !isOwn(path)).map((path) => `${PARAMS}${path}`);
  return {
    ...source,
    source: { ...source.source, outputs },
    changing: [...source.changing, ...others],
  };
};

/**
 * Describes the sources; with `isOwn`, the update is of the parameters that it chooses. Throws what the loss throws, and a
 * TreeError where the loss does not return the weight.
 */
export const microSources = <B, E, R>(
  training: Training<B, E, R>,
  isOwn?: PathPredicate,
): MicroSources<B> => {
  const all = described(training), { settings, state } = all;
  const gradient = gradientOf<B>(settings),
    first = gradient(state, training.batch),
    grad = under("grad", first);
  const held = (level: number): Gradients<Tensor> => under(`held.${level}`, grad);
  const inputs = tensors.leaves(grad as Tree<Tensor>);
  return {
    update: isOwn === undefined
      ? stateSource(all, updateOf<B>(settings)(state, grad), inputs)
      : ownUpdate(training, grad, isOwn),
    trained: Object.keys(grad.grad),
    gradient: (batch) =>
      writing(named("grad", batch === training.batch ? first : gradient(state, batch)), [
        ...inputs,
        ...tensors.leaves(batch as Tree<Tensor>),
      ]),
    hold: (level) =>
      writing(named(`held.${level}`, copyGradients(grad)), tensors.leaves(held(level) as Tree<Tensor>)),
    merge: (level) => writing(named("grad", addGradients(held(level), grad)), inputs),
  };
};

/**
 * The micro-batches of a batch, along the first axis of every array, without copies. Rows that `count` does not divide
 * give a shape that no program takes.
 */
export const microBatchesOf = (batch: Bindings, count: number): readonly Bindings[] => {
  const part = (i: number) => ([path, { dtype, shape, data }]: [string, NdArray]): [string, NdArray] => {
    const [rows = 1, ...others] = shape, size = data.length / count;
    return [path, { dtype, shape: [rows / count, ...others], data: data.subarray(i * size, (i + 1) * size) }];
  };
  return Array.from({ length: count }, (_, i) => Object.fromEntries(Object.entries(batch).map(part(i))));
};
