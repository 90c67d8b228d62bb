/** Batches of rows, and the order in which a run meets its examples: a pure function of seed and step. */
import { i32, type NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { rngOf } from "../base/rng.ts";
import { TaggedFault } from "../base/fault.ts";
import { IGNORED, type Row } from "./prompt.ts";

/** A row that cannot be learned from, or whose labels are wrong. */
export class BatchError extends TaggedFault("BatchError")<{
  /** Its place in the batch; -1 for the batch as a whole. */
  readonly row: number;
  /** The scene that it is about. */
  readonly scene: string;
}> {}

/** Token numbers and labels of B rows of length T. */
export interface Batch {
  /** i32 `[B, T]`. */
  readonly ids: NdArray;
  /** i32 `[B, T]`, -100 where nothing is learned. */
  readonly labels: NdArray;
  /** The scenes of the rows. */
  readonly scenes: readonly string[];
  /** How many labels are learned. */
  readonly learned: number;
}

const refuse = (row: number, scene: string, got: string, expected: string, hint: string): BatchError =>
  new BatchError({ op: `batch row ${row} (${scene})`, got, expected, hint, row, scene });

const faultOf = (row: Row, at: number, length: number): BatchError | undefined => {
  if (row.ids.length !== length || row.labels.length !== length) {
    return refuse(
      at,
      row.scene,
      `length ${row.ids.length}`,
      `length ${length}, as the first row`,
      "build all rows with one length",
    );
  }
  const outside = row.labels.findIndex((label, t) => label !== IGNORED && row.answers[t] !== 1);
  if (outside >= 0) {
    return refuse(
      at,
      row.scene,
      `a label at token ${outside}, outside the answers`,
      "labels on answer tokens alone",
      "build rows with `rowOf`",
    );
  }
  const differs = row.labels.findIndex((label, t) => label !== IGNORED && label !== row.ids[t]);
  if (differs >= 0) {
    return refuse(
      at,
      row.scene,
      `label ${row.labels[differs]} for token ${row.ids[differs]} at ${differs}`,
      "labels equal to their tokens, unshifted",
      "build rows with `rowOf`",
    );
  }
  if (row.labels.every((label) => label === IGNORED)) {
    return refuse(
      at,
      row.scene,
      "no label at all",
      "one answer or more",
      "raise the row length or shorten the turns",
    );
  }
  return undefined;
};

/** Rows as one batch; refuses rows without a label, labels on prompts, and rows of different lengths. */
export const batchOf = (rows: readonly Row[]): E.Either<BatchError, Batch> => {
  const length = rows[0]?.ids.length ?? 0;
  if (length === 0) {
    return E.left(refuse(-1, "none", "no rows", "one row or more", "ask for a batch size of at least 1"));
  }
  for (const [at, row] of rows.entries()) {
    const fault = faultOf(row, at, length);
    if (fault !== undefined) return E.left(fault);
  }
  const ids = new Int32Array(rows.length * length), labels = new Int32Array(rows.length * length);
  rows.forEach((row, at) => (ids.set(row.ids, at * length), labels.set(row.labels, at * length)));
  return E.right({
    ids: i32([rows.length, length], ids),
    labels: i32([rows.length, length], labels),
    scenes: rows.map((row) => row.scene),
    learned: labels.reduce((n, label) => n + (label === IGNORED ? 0 : 1), 0),
  });
};

/** The order of `n` examples in an epoch: a permutation of 0 to n - 1. */
export const epochOrder = (seed: number, epoch: number, n: number): readonly number[] =>
  rngOf(seed, "epoch", epoch).shuffle(Array.from({ length: n }, (_, i) => i));

/** One example of a step. */
export interface ExampleAt {
  /** Which example. */
  readonly index: number;
  /** How often all examples have been met before; questions may differ from pass to pass. */
  readonly epoch: number;
}

/** The examples of any step. */
export type Schedule = (step: number) => readonly ExampleAt[];

/**
 * The examples of every step: epochs follow each other without a gap, and a batch may reach into the next one.
 * A pure function of its arguments and the step, so that a resumed run meets the same examples. It keeps the orders of
 * the last two epochs, which changes nothing but its speed.
 * @throws {RangeError} if `n` or `size` is less than 1.
 */
export const batchAt = (seed: number, n: number, size: number): Schedule => {
  if (!(n >= 1 && size >= 1)) {
    throw new RangeError(`batchAt: got ${n} examples in batches of ${size}; expected at least 1 of each`);
  }
  const kept = new Map<number, readonly number[]>();
  const order = (epoch: number): readonly number[] => {
    const found = kept.get(epoch) ?? epochOrder(seed, epoch, n);
    kept.set(epoch, found);
    if (kept.size > 2) kept.delete([...kept.keys()].find((e) => e !== epoch)!);
    return found;
  };
  return (step) =>
    Array.from({ length: size }, (_, i) => {
      const at = step * size + i, epoch = Math.floor(at / n);
      return { index: order(epoch)[at % n]!, epoch };
    });
};
