/**
 * The rows of steps: one example each, or as many as fit, packed. A program computes a batch of one length, and padding
 * costs it as much as text; so examples of some steps are drawn together, put in order of the row that each needs, and
 * cut into batches again.
 */
import { type Draw, drawsAt, type Mixture } from "./mixture.ts";
import { rngOf } from "../base/rng.ts";
import type { RowCapacity } from "../text/rows.ts";

/** Steps whose examples are put in order, or packed, together. */
export const BUCKET_STEPS = 64;

/** A batch of one length of row. */
export interface Bucket<A> {
  /** Text tokens of its rows. */
  readonly length: number;
  /** What is in its rows: the examples of each. */
  readonly rows: readonly (readonly A[])[];
}

/** What an example takes of a row. */
export type NeedOf<A> = (example: A) => RowCapacity;

/** The batch of a step. */
export type BatchOfStep = (step: number) => Bucket<Draw>;

/** The least of some ascending lengths that holds this many tokens; nothing if none does. */
export const minLength = (lengths: readonly number[], tokens: number): number | undefined =>
  lengths.find((length) => tokens <= length);

/**
 * Cuts examples into batches of like length. Each needs a row of the smallest length that holds it; they are put in that
 * order, those of one length as they came, and cut. Where a batch holds the last of one length and the first of the
 * next, the longer serves for both: so every batch is full, and at most one for each length has rows longer than they need.
 * @param lengths - lengths of rows, ascending.
 * @throws {RangeError} for an example that no row can hold.
 */
export const bucketed = <A>(
  examples: readonly A[],
  lengths: readonly number[],
  batch: number,
  needOf: NeedOf<A>,
): readonly Bucket<A>[] => {
  const byLength = Map.groupBy(examples, (example) => {
    const { length: tokens } = needOf(example), length = minLength(lengths, tokens);
    if (length === undefined) {
      throw new RangeError(`an example of ${tokens} tokens; expected at most ${lengths.at(-1)}`);
    }
    return length;
  });
  const sorted = lengths.flatMap((length) => (byLength.get(length) ?? []).map((item) => ({ length, item })));
  return Array.from({ length: Math.ceil(sorted.length / batch) }, (_, i) => {
    const some = sorted.slice(i * batch, (i + 1) * batch);
    return { length: some.at(-1)!.length, rows: some.map(({ item }) => [item]) };
  });
};

/** Rows that an example is tried in before it opens another. */
const OPEN_ROWS = 64;

/** Examples packed into rows: each in the first of the latest rows that has room for its text and its images. */
export const packed = <A>(
  examples: readonly A[],
  { length, images }: RowCapacity,
  needOf: NeedOf<A>,
): readonly (readonly A[])[] => {
  const rows: { readonly items: A[]; tokens: number; images: number }[] = [];
  for (const example of examples) {
    const need = needOf(example);
    const open = rows.slice(-OPEN_ROWS).find((row) =>
      row.tokens + need.length <= length && row.images + need.images <= images
    );
    const row = open ?? { items: [], tokens: 0, images: 0 };
    if (open === undefined) rows.push(row);
    row.items.push(example);
    row.tokens += need.length;
    row.images += need.images;
  }
  return rows.map(({ items }) => items);
};

/** How rows are made of examples. */
export interface RowPlan {
  /** Lengths of rows, ascending; the last holds every example. */
  readonly lengths: readonly number[];
  /** Images of a row. */
  readonly images: number;
  /** Whether a row holds as many examples as fit. */
  readonly pack: boolean;
}

/**
 * Rows of one example. With several lengths, every {@link BUCKET_STEPS} steps meet exactly the examples that they would
 * meet with one, each once, in batches whose order the mixture's seed decides.
 */
const singlesAt = (
  mixture: Mixture,
  size: number,
  { lengths }: RowPlan,
  needOf: NeedOf<Draw>,
): BatchOfStep => {
  if (lengths.length === 1) {
    const at = drawsAt(mixture, size);
    return (step) => ({ length: lengths[0]!, rows: at(step).map((draw) => [draw]) });
  }
  const together = drawsAt(mixture, size * BUCKET_STEPS);
  const windowAt = (window: number) => ({
    window,
    batches: rngOf(mixture.hash, "buckets", window).shuffle(
      bucketed(together(window), lengths, size, needOf),
    ),
  });
  let kept = { window: -1, batches: [] as readonly Bucket<Draw>[] };
  return (step) => {
    const window = Math.floor(step / BUCKET_STEPS);
    if (kept.window !== window) kept = windowAt(window);
    return kept.batches[step % BUCKET_STEPS]!;
  };
};

/**
 * Packed rows: the draws of {@link BUCKET_STEPS} steps of single rows are packed together, and batches take the rows in
 * turn. Which rows a step has follows from all before it: another order of steps is counted from the start.
 */
const packedAt = (
  mixture: Mixture,
  size: number,
  { lengths, images }: RowPlan,
  needOf: NeedOf<Draw>,
): BatchOfStep => {
  const together = drawsAt(mixture, size * BUCKET_STEPS), row = { length: lengths.at(-1)!, images };
  // rows before each window, as far as they were counted
  const before = [0];
  let kept = { window: -1, rows: [] as readonly (readonly Draw[])[] };
  const rowsOf = (window: number) => {
    if (kept.window !== window) {
      const rows = packed(together(window), row, needOf);
      kept = { window, rows: rngOf(mixture.hash, "packed", window).shuffle(rows) };
      before[window + 1] = before[window]! + rows.length;
    }
    return kept.rows;
  };
  return (step) => {
    const from = step * size, rows: (readonly Draw[])[] = [];
    while (before.at(-1)! <= from) rowsOf(before.length - 1);
    for (let window = before.findLastIndex((n) => n <= from); rows.length < size; window++) {
      const at = from + rows.length - before[window]!;
      rows.push(...rowsOf(window).slice(at, at + size - rows.length));
    }
    const most = Math.max(...rows.map((items) => items.reduce((sum, draw) => sum + needOf(draw).length, 0)));
    return { length: minLength(lengths, most)!, rows };
  };
};

/** The batch of any step: a function of the step alone. It keeps the numbers of some examples and its place. */
export const bucketsAt = (
  mixture: Mixture,
  size: number,
  plan: RowPlan,
  needOf: NeedOf<Draw>,
): BatchOfStep => (plan.pack ? packedAt : singlesAt)(mixture, size, plan, needOf);
