/**
 * Sums over ranks in an order of our own: ranks only move numbers, and each adds one part of all of them in a balanced tree.
 * The bits then depend neither on the library nor on the number of ranks that a sum of micro-batches is cut into.
 */

/** Moves numbers between ranks. */
export interface Transport {
  /** How many ranks there are. */
  readonly size: number;
  /** Part i of `from` goes to rank i; `to` gets the parts of rank 0, 1, ... for this one, each of `count` numbers. */
  readonly alltoall: (from: Float32Array, to: Float32Array, count: number) => Promise<void>;
  /** The numbers of every rank, one after the other, into `to`. */
  readonly allgather: (from: Float32Array, to: Float32Array) => Promise<void>;
}

/** Adds parts of `count` numbers in a balanced tree; the sum replaces the first. A power of two of them. */
export const addInTree = (parts: Float32Array, count: number): void => {
  const size = parts.length / count;
  for (let width = 1; width < size; width *= 2) {
    for (let left = 0; left < size; left += 2 * width) {
      const a = parts.subarray(left * count, (left + 1) * count);
      const b = parts.subarray((left + width) * count, (left + width + 1) * count);
      for (let i = 0; i < count; i++) a[i] = a[i]! + b[i]!;
    }
  }
};

/** The sum over ranks of this rank's part of numbers, which are as many equal parts as there are ranks. */
export const partSum = async (
  { size, alltoall }: Pick<Transport, "size" | "alltoall">,
  numbers: Float32Array,
): Promise<Float32Array> => {
  const count = numbers.length / size, received = new Float32Array(numbers.length);
  await alltoall(numbers, received, count);
  addInTree(received, count);
  return received.slice(0, count);
};

/** Numbers that are summed at a time, so that what is held alongside them is bounded: 64 MiB. */
const BLOCK = 2 ** 24;

/** Sums over the ranks of a transport, in place. Memory alongside the numbers is kept from call to call. */
export const treeSum = (
  { size, alltoall, allgather }: Transport,
  block: number = BLOCK,
): (numbers: Float32Array) => Promise<void> => {
  let received = new Float32Array(0), padded = new Float32Array(0);
  const sumBlock = async (x: Float32Array): Promise<void> => {
    const count = Math.ceil(x.length / size), total = count * size, fits = total === x.length;
    if (received.length < total) received = new Float32Array(total);
    if (!fits && padded.length < total) padded = new Float32Array(total);
    const whole = fits ? x : padded.subarray(0, total), parts = received.subarray(0, total);
    if (!fits) whole.set(x);
    await alltoall(whole, parts, count);
    addInTree(parts, count);
    await allgather(parts.subarray(0, count), whole);
    if (!fits) x.set(whole.subarray(0, x.length));
  };
  return async (numbers) => {
    for (let at = 0; at < numbers.length; at += block) await sumBlock(numbers.subarray(at, at + block));
  };
};
