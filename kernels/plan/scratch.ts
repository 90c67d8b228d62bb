/** Shares memory between temporaries with disjoint live ranges. */

/** One allocation: bytes that keep their offset while any of their parts is live. */
export interface Allocation {
  /** Number of bytes, a multiple of the alignment. */
  readonly bytes: number;
  /** What of it is taken, and during which kernels. */
  readonly parts: readonly LiveRange[];
}

/** The live range of some bytes, from one kernel to another. */
export interface LiveRange {
  /** First byte. */
  readonly offset: number;
  /** One more than the last byte. */
  readonly end: number;
  /** Position of the first kernel. */
  readonly from: number;
  /** Position of the last kernel. */
  readonly to: number;
}

/** Offset of each allocation, in input order, and the size of each buffer. */
export interface AllocationPlan {
  /** Buffer and first byte of each. */
  readonly places: readonly { readonly buffer: number; readonly offset: number }[];
  /** Bytes of each buffer. */
  readonly sizes: readonly number[];
}

const from = ({ parts }: Allocation): number => Math.min(...parts.map((p) => p.from));
const to = ({ parts }: Allocation): number => Math.max(...parts.map((p) => p.to));

/** Orders worth trying: none is the best for every program. */
const orders: readonly ((x: Allocation) => number)[] = [
  (x) => x.bytes,
  (x) => x.bytes * (to(x) - from(x) + 1),
  (x) => to(x) - from(x),
  (x) => -from(x),
  to,
];

/** Each at the lowest free place, in the order that takes the least memory; no buffer is larger than `room`. */
export const allocate = (allocations: readonly Allocation[], room: number): AllocationPlan => {
  const total = ({ sizes }: AllocationPlan): number => sizes.reduce((a, b) => a + b, 0);
  return orders.map((weight) => allocateInOrder(allocations, room, weight)).reduce((a, b) =>
    total(b) < total(a) ? b : a
  );
};

const allocateInOrder = (
  allocations: readonly Allocation[],
  room: number,
  weight: (x: Allocation) => number,
): AllocationPlan => {
  const taken: LiveRange[][] = [], sizes: number[] = [], places: { buffer: number; offset: number }[] = [];
  const weights = allocations.map(weight),
    order = allocations.map((_, i) => i).sort((a, b) => weights[b]! - weights[a]! || a - b);
  for (const i of order) {
    const x = allocations[i]!;
    let buffer = 0, offset = 0;
    for (;; buffer++) {
      if (buffer === taken.length) {
        taken.push([]);
        sizes.push(0);
      }
      offset = lowest(taken[buffer]!, x);
      if (offset === 0 || offset + x.bytes <= room) break;
    }
    places[i] = { buffer, offset };
    sizes[buffer] = Math.max(sizes[buffer]!, offset + x.bytes);
    for (const p of x.parts) taken[buffer]!.push({ ...p, offset: offset + p.offset, end: offset + p.end });
  }
  return { places, sizes };
};

/** The lowest offset that is free for all parts as long as each lives. */
const lowest = (taken: readonly LiveRange[], x: Allocation): number => {
  const first = from(x), last = to(x);
  const busy = taken.filter((t) => t.from <= last && first <= t.to).sort((a, b) => a.offset - b.offset);
  let offset = 0;
  for (const t of busy) {
    if (t.offset - offset >= x.bytes) break;
    offset = Math.max(offset, t.end);
  }
  return offset;
};
