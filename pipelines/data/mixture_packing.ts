/**
 * Rows of tokens made of examples of many lengths: packed end to end, or put with others of like length.
 *
 * The decoder's mask is causal and knows no segments, so that examples packed into one row would see those before them,
 * and a row has one picture before its text. Stages therefore do neither: their rows have one length and hold questions
 * about one picture as turns of a conversation, as many as fit (`mixture_prepare.ts`). These functions are for models
 * that mask segments, and for trainings with a program for each length.
 */

/** Something with a length in tokens. */
export interface Sized<A> {
  /** What it is. */
  readonly item: A;
  /** Tokens. */
  readonly length: number;
}

/** A row. */
export interface PackedRow<A> {
  /** What stands in it, in order of arrival. */
  readonly items: readonly Sized<A>[];
  /** Tokens that are used. */
  readonly used: number;
}

const refuseLong = (length: number, most: number): never => {
  throw new RangeError(`an example of ${length} tokens; expected 1 to ${most}`);
};

/**
 * Packs a stream into rows of at most `length` tokens: an example goes into the open row with least room that has enough
 * (best fit); of more than `open` rows the fullest is closed. Nothing is cut and nothing left out. The rows depend on
 * the order of the examples only.
 * @throws {RangeError} for an example that no row can hold.
 */
export function* packed<A>(
  examples: Iterable<Sized<A>>,
  length: number,
  open = 16,
): Generator<PackedRow<A>> {
  let rows: PackedRow<A>[] = [];
  for (const example of examples) {
    if (!(example.length >= 1 && example.length <= length)) refuseLong(example.length, length);
    const fitting = rows.filter((row) => row.used + example.length <= length);
    const best = fitting.reduce<PackedRow<A> | undefined>(
      (a, b) => a === undefined || b.used > a.used ? b : a,
      undefined,
    );
    const grown = { items: [...best?.items ?? [], example], used: (best?.used ?? 0) + example.length };
    rows = best === undefined ? [...rows, grown] : rows.map((row) => row === best ? grown : row);
    const full = rows.filter((row) => row.used === length);
    yield* full;
    rows = rows.filter((row) => row.used < length);
    if (rows.length > open) {
      const fullest = rows.reduce((a, b) => b.used > a.used ? b : a);
      yield fullest;
      rows = rows.filter((row) => row !== fullest);
    }
  }
  yield* rows;
}

/**
 * Batches of examples that need like lengths of row: an example waits in the bucket of the least edge that holds it,
 * and a bucket with `batch` examples is given. What is left in the end comes in smaller batches.
 * @param edges - lengths of rows, ascending.
 * @throws {RangeError} for an example that is longer than the last edge.
 */
export function* bucketed<A>(
  examples: Iterable<Sized<A>>,
  edges: readonly number[],
  batch: number,
): Generator<{ readonly edge: number; readonly items: readonly Sized<A>[] }> {
  const buckets = new Map<number, Sized<A>[]>();
  for (const example of examples) {
    const edge = edges.find((e) => example.length <= e) ?? refuseLong(example.length, edges.at(-1) ?? 0);
    const items = [...buckets.get(edge) ?? [], example];
    if (items.length < batch) buckets.set(edge, items);
    else {
      buckets.delete(edge);
      yield { edge, items };
    }
  }
  for (const edge of edges) {
    const items = buckets.get(edge);
    if (items !== undefined) yield { edge, items };
  }
}
