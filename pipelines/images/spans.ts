/** Area resampling along one side, in whole numbers. */

/** The cells of a source that are under every cell of a target: scaling along one side. */
export interface Spans {
  /** By target cell: the first source cell. */
  readonly first: Int32Array;
  /** By target cell: how many source cells. */
  readonly counts: Int32Array;
  /** `most` weights for every target cell; those in use add up to the number of source cells. */
  readonly weights: Int32Array;
  /** Room for the weights of a target cell. */
  readonly most: number;
}

const spansOf = (from: number, to: number): Spans => {
  const most = Math.ceil(from / to) + 1;
  const first = new Int32Array(to), counts = new Int32Array(to), weights = new Int32Array(to * most);
  for (let i = 0; i < to; i++) {
    const low = i * from, high = low + from, start = Math.floor(low / to), end = Math.ceil(high / to);
    first[i] = start, counts[i] = end - start;
    for (let k = 0; k < end - start; k++) {
      weights[i * most + k] = Math.min(high, (start + k + 1) * to) - Math.max(low, (start + k) * to);
    }
  }
  return { first, counts, weights, most };
};

const known = new Map<number, Spans>();

/** The spans between two numbers of cells; kept, since few sizes occur. */
export const spansBetween = (from: number, to: number): Spans => {
  const key = from * 8192 + to, found = known.get(key);
  if (found !== undefined) return found;
  const made = spansOf(from, to);
  if (known.size >= 8192) known.clear();
  known.set(key, made);
  return made;
};
