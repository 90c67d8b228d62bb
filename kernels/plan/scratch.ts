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

const span = (x: Allocation): number => to(x) - from(x) + 1;

/** The kernel during which most bytes are alive, and how many. */
const busiest = (allocations: readonly Allocation[]): { readonly peak: number; readonly least: number } => {
  const changes = new Map<number, number>();
  const change = (at: number, bytes: number) => changes.set(at, (changes.get(at) ?? 0) + bytes);
  for (const p of allocations.flatMap(({ parts }) => parts)) {
    change(p.from, p.end - p.offset);
    change(p.to + 1, p.offset - p.end);
  }
  let alive = 0, least = 0, peak = 0;
  for (const [at, bytes] of [...changes].sort(([a], [b]) => a - b)) {
    alive += bytes;
    if (alive > least) [least, peak] = [alive, at];
  }
  return { peak, least };
};

/** Orders worth trying, as weights: none is the best for every program. */
const ordersOf = (
  allocations: readonly Allocation[],
): { readonly orders: readonly ((x: Allocation) => number)[]; readonly least: number } => {
  const { peak, least } = busiest(allocations),
    largest = Math.max(0, ...allocations.map(({ bytes }) => bytes));
  const atPeak = (x: Allocation): boolean => from(x) <= peak && peak <= to(x);
  const orders = [
    (x: Allocation) => x.bytes,
    (x: Allocation) => x.bytes * span(x),
    span,
    (x: Allocation) => -from(x),
    to,
    // those alive at the peak first, without gaps between them: the longest-lived, or the last to come, at the bottom
    (x: Allocation) => atPeak(x) ? largest + span(x) : x.bytes,
    (x: Allocation) => atPeak(x) ? largest + to(x) : x.bytes,
    (x: Allocation) => atPeak(x) ? largest + x.bytes : x.bytes,
  ];
  return { orders, least };
};

/** Rounds of moving what is on top to the front; of few allocations more, since each round takes the square of their number. */
const roundsFor = (allocations: readonly Allocation[]): number => allocations.length < 1000 ? 32 : 4;

/**
 * Each in a free place, the lowest or the tightest, in the order that takes the least memory; then again and again with
 * what was on top placed first, as long as memory may become less. No buffer is larger than `room`.
 */
export const allocate = (allocations: readonly Allocation[], room: number): AllocationPlan => {
  const total = ({ sizes }: AllocationPlan): number => sizes.reduce((a, b) => a + b, 0);
  const { orders, least } = ordersOf(allocations);
  let best: AllocationPlan | undefined, order: readonly number[] = [], tight = false;
  for (const tightest of [false, true]) {
    for (const weight of orders) {
      const weights = allocations.map(weight);
      const next = allocations.map((_, i) => i).sort((a, b) => weights[b]! - weights[a]! || a - b);
      const plan = allocateInOrder(allocations, room, next, tightest);
      if (best === undefined || total(plan) < total(best)) [best, order, tight] = [plan, next, tightest];
      if (total(best) <= least) return best;
    }
  }
  let last = best!;
  for (let round = 0; round < roundsFor(allocations) && total(best!) > least; round++) {
    const { places, sizes } = last;
    const onTop = (i: number): boolean =>
      places[i]!.offset + allocations[i]!.bytes === sizes[places[i]!.buffer];
    order = [...order.filter(onTop), ...order.filter((i) => !onTop(i))];
    last = allocateInOrder(allocations, room, order, tight);
    if (total(last) < total(best!)) best = last;
  }
  return best!;
};

const allocateInOrder = (
  allocations: readonly Allocation[],
  room: number,
  order: readonly number[],
  tightest: boolean,
): AllocationPlan => {
  const taken: LiveRange[][] = [], sizes: number[] = [], places: { buffer: number; offset: number }[] = [];
  for (const i of order) {
    const x = allocations[i]!;
    let buffer = 0, offset = 0;
    for (;; buffer++) {
      if (buffer === taken.length) {
        taken.push([]);
        sizes.push(0);
      }
      offset = placeFor(x, taken[buffer]!, tightest);
      if (offset === 0 || offset + x.bytes <= room) break;
    }
    places[i] = { buffer, offset };
    sizes[buffer] = Math.max(sizes[buffer]!, offset + x.bytes);
    for (const p of x.parts) taken[buffer]!.push({ ...p, offset: offset + p.offset, end: offset + p.end });
  }
  return { places, sizes };
};

/** An offset that is free for all parts as long as each lives: the lowest, or that with the least room around it. */
const placeFor = (x: Allocation, taken: readonly LiveRange[], tightest: boolean): number => {
  const first = from(x), last = to(x);
  const busy = taken.filter((t) => t.from <= last && first <= t.to).sort((a, b) => a.offset - b.offset);
  let end = 0, found = -1, room = Infinity;
  for (const t of busy) {
    const gap = t.offset - end;
    if (gap >= x.bytes && gap < room) {
      if (!tightest) return end;
      [found, room] = [end, gap];
    }
    end = Math.max(end, t.end);
  }
  return found < 0 ? end : found;
};
