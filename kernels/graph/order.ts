/**
 * The order of kernels. Dependences leave many orders open, and the choice decides how many temporaries are alive at one
 * time. Two are tried, both functions of the graph alone: the one with fewer copies, then the lower peak, is kept.
 */
import { heightOf, type Tensor, tensorBytes } from "@chain-of-sight/core";
import { membersOf, type Pack } from "../plan/memory.ts";
import { type Kernel, readsOf, workspaceOf } from "./kernel.ts";

/** What kernels read, write and replace, in terms of kernels. */
interface KernelGraph {
  readonly kernels: readonly Kernel[];
  /** The kernels whose results each reads. */
  readonly sources: ReadonlyMap<Kernel, ReadonlySet<Kernel>>;
  /** The kernels that read each result. */
  readonly users: ReadonlyMap<Kernel, ReadonlySet<Kernel>>;
  /** For each kernel, those that read the last version of what it writes the next version of. */
  readonly readersBefore: ReadonlyMap<Kernel, ReadonlySet<Kernel>>;
  /** Whether a kernel computes a batch of maps, whose results nobody reads. */
  readonly isBatch: (k: Kernel) => boolean;
  /** The temporaries that a tensor consists of: none for the next version of an input, its parts for a pack. */
  readonly temporariesOf: (t: Tensor) => readonly Tensor[];
}

const graphOf = (
  kernels: readonly Kernel[],
  packs: readonly Pack[],
  donated: ReadonlyMap<Tensor, Tensor>,
): KernelGraph => {
  const byWhole = new Map(packs.map((p) => [p.whole, p]));
  const members = (t: Tensor): readonly Tensor[] => membersOf(t, byWhole).map(({ tensor }) => tensor);
  const writers = new Map<Tensor, Set<Kernel>>(), readers = new Map<Tensor, Set<Kernel>>();
  const put = (map: Map<Tensor, Set<Kernel>>, t: Tensor, k: Kernel): void => {
    map.set(t, (map.get(t) ?? new Set()).add(k));
  };
  for (const k of kernels) {
    for (const o of k.outputs) for (const t of members(o.tensor)) put(writers, t, k);
    for (const r of readsOf(k)) for (const t of members(r)) put(readers, t, k);
  }
  const users = new Map<Kernel, Set<Kernel>>(kernels.map((k) => [k, new Set()]));
  const sources = new Map(kernels.map((k) => {
    const found = readsOf(k).flatMap(members).flatMap((t) => [...writers.get(t) ?? []]).filter((w) =>
      w !== k
    );
    for (const w of found) users.get(w)!.add(k);
    return [k, new Set(found)];
  }));
  const replaced = (k: Kernel): readonly Tensor[] =>
    k.outputs.flatMap((o) => members(o.tensor).flatMap((t) => donated.get(t) ?? []));
  return {
    kernels,
    sources,
    users,
    readersBefore: new Map(
      kernels.map((k) => [k, new Set(replaced(k).flatMap((t) => [...readers.get(t) ?? []]))]),
    ),
    isBatch: (k) => k.outputs.some((o) => byWhole.has(o.tensor)),
    temporariesOf: (t) => members(t).filter((m) => !byWhole.has(m) && !donated.has(m)),
  };
};

/**
 * A legal order near to a wished one: sources first and, where no circle forbids it, readers of a version before the kernel that
 * writes the next one.
 */
const legal = (wished: readonly Kernel[], { sources, readersBefore, isBatch }: KernelGraph): Kernel[] => {
  const begun = new Set<Kernel>(), done = new Set<Kernel>(), out: Kernel[] = [];
  /** Whether a kernel can run before all that has begun. */
  const free = (k: Kernel): boolean => {
    const seen = new Set<Kernel>(), stack = [k];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (done.has(next) || seen.has(next)) continue;
      if (begun.has(next)) return false;
      seen.add(next);
      stack.push(...sources.get(next)!);
    }
    return true;
  };
  /** Whether of two kernels that read what the other replaces, the batch shall be the one in place. */
  const yields = (k: Kernel, reader: Kernel): boolean =>
    isBatch(reader) && !isBatch(k) && readersBefore.get(reader)!.has(k);
  const visit = (k: Kernel): void => {
    if (done.has(k)) return;
    if (begun.has(k)) {
      throw new Error(`kernels in a circle at ${k.outputs.map((o) => o.tensor.op).join(", ")}`);
    }
    begun.add(k);
    sources.get(k)!.forEach(visit);
    for (const r of readersBefore.get(k)!) if (free(r) && !yields(k, r)) visit(r);
    done.add(k);
    out.push(k);
  };
  wished.forEach(visit);
  return out;
};

/** By distance from what is given, gates included; kernels that read inputs alone wait for the first that reads them. */
const byHeight = ({ kernels, sources, isBatch }: KernelGraph): Kernel[] => {
  const height = new Map(
    kernels.map((k) => [
      k,
      isBatch(k) || sources.get(k)!.size === 0
        ? Infinity
        : Math.max(...k.outputs.map((o) => heightOf(o.tensor))),
    ]),
  );
  return kernels.toSorted((a, b) => height.get(a)! - height.get(b)! || 0);
};

/** Of the kernels that can run, always the one that leaves least memory taken; of equal ones, the lowest. */
const greedily = (graph: KernelGraph): Kernel[] => {
  const { sources, users, temporariesOf, isBatch } = graph, wished = byHeight(graph);
  const place = new Map(wished.map((k, i) => [k, i])),
    waits = new Map(wished.map((k) => [k, sources.get(k)!.size]));
  const left = new Map<Tensor, number>();
  const read = new Map(wished.map((k) => [k, [...new Set(readsOf(k).flatMap(temporariesOf))]]));
  const written = new Map(
    wished.map((k) => [k, [...new Set(k.outputs.flatMap((o) => temporariesOf(o.tensor)))]]),
  );
  const made = new Set([...written.values()].flat());
  for (const ts of read.values()) for (const t of ts) left.set(t, (left.get(t) ?? 0) + 1);
  const growth = (k: Kernel): number =>
    written.get(k)!.reduce((n, t) => n + tensorBytes(t), 0) -
    read.get(k)!.reduce((n, t) => n + (left.get(t) === 1 && made.has(t) ? tensorBytes(t) : 0), 0);
  const ready = new Set(wished.filter((k) => waits.get(k) === 0)), out: Kernel[] = [];
  while (ready.size > 0) {
    let best: Kernel | undefined, least = Infinity;
    for (const k of ready) {
      const g = isBatch(k) ? Number.MAX_VALUE : growth(k);
      if (g < least || (g === least && place.get(k)! < place.get(best!)!)) [best, least] = [k, g];
    }
    ready.delete(best!);
    out.push(best!);
    for (const t of read.get(best!)!) left.set(t, left.get(t)! - 1);
    for (const u of users.get(best!)!) {
      waits.set(u, waits.get(u)! - 1);
      if (waits.get(u) === 0) ready.add(u);
    }
  }
  return out;
};

/** Maximum number of bytes of temporaries alive at one time. */
const peakOf = (
  order: readonly Kernel[],
  { temporariesOf }: KernelGraph,
  outputs: readonly Tensor[],
): number => {
  const born = new Map<Tensor, number>(), last = new Map<Tensor, number>();
  order.forEach((k, at) => {
    for (const t of [...k.outputs.flatMap((o) => temporariesOf(o.tensor)), ...workspaceOf(k)]) {
      if (!born.has(t)) born.set(t, at);
      last.set(t, at);
    }
    for (const t of readsOf(k).flatMap(temporariesOf)) last.set(t, at);
  });
  for (const t of outputs) last.set(t, order.length);
  const change = new Array<number>(order.length + 2).fill(0);
  for (const [t, at] of born) {
    change[at]! += tensorBytes(t);
    change[last.get(t)! + 1]! -= tensorBytes(t);
  }
  let now = 0, peak = 0;
  for (const c of change) peak = Math.max(peak, now += c);
  return peak;
};

/** Number of kernels that some reader of the version that they replace comes after: each costs a temporary and a copy. */
const lateReaders = (order: readonly Kernel[], { readersBefore }: KernelGraph): number => {
  const at = new Map(order.map((k, i) => [k, i]));
  return order.filter((k, i) => [...readersBefore.get(k)!].some((r) => at.get(r)! > i)).length;
};

/** Kernels in the order that costs fewest copies, then least memory for temporaries, among those that are tried. */
export const inOrder = (
  kernels: readonly Kernel[],
  packs: readonly Pack[],
  donated: ReadonlyMap<Tensor, Tensor>,
  outputs: readonly Tensor[],
): Kernel[] => {
  const graph = graphOf(kernels, packs, donated);
  return [byHeight, greedily]
    .map((wish) => legal(wish(graph), graph))
    .map((order) => ({ order, late: lateReaders(order, graph), peak: peakOf(order, graph, outputs) }))
    .reduce((a, b) => b.late < a.late || (b.late === a.late && b.peak < a.peak) ? b : a).order;
};
