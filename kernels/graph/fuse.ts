/**
 * Fusion: roots that depend on each other share a kernel where the loops fit, so that what one computes the next
 * reads from registers. Groups start as single roots and merge along edges, producers first.
 */
import { is, isAttention, isReduce, operandsOf, type Tensor, topological } from "@chain-of-sight/core";
import { buildKernel } from "./build.ts";
import { type Kernel, readsOf } from "./kernel.ts";
import { chooseRoots } from "./roots.ts";

/** What fusion may assume of a device. */
export interface FusionLimits {
  /** Most tensors that one kernel may read and write. */
  readonly maxBindings: number;
  /** Whether kernels are merged at all; off gives one kernel per root, for comparison. */
  readonly fuse: boolean;
}

interface Group {
  readonly members: Tensor[];
  /** Roots of other groups that it reads. */
  readonly sources: Set<Tensor>;
  /** Those of them that it may not share a kernel with: what is computed again comes later than its sources. */
  readonly apart: Set<Tensor>;
  /** The last place in the order that it, or anything it depends on through any groups, has. */
  last: number;
}

/** Kernels in an order in which each comes after those it reads from. */
export const fuse = (outputs: readonly Tensor[], limits: FusionLimits): Kernel[] => {
  const roots = chooseRoots(outputs, limits.maxBindings - 4);
  const order = topological(outputs, { argsOf: operandsOf }).filter((t) => roots.has(t) && !is("input", t));
  const wanted = new Set(outputs), groupOf = new Map<Tensor, Group>(), users = new Map<Tensor, Set<Tensor>>();
  order.forEach((t, place) => {
    const { sources, apart } = sourcesOf(t, roots);
    groupOf.set(t, { members: [t], sources, apart, last: place });
    for (const s of sources) users.set(s, (users.get(s) ?? new Set()).add(t));
  });
  // an old group that reads an old member of a group depends on its new members too
  const raise = (members: readonly Tensor[], last: number): void => {
    for (const m of members) {
      for (const u of users.get(m) ?? []) {
        const reader = groupOf.get(u)!;
        if (reader.last >= last) continue;
        reader.last = last;
        raise(reader.members, last);
      }
    }
  };
  const stored = (members: readonly Tensor[]): Set<Tensor> => {
    const own = new Set(members);
    return new Set(members.filter((t) => wanted.has(t) || [...users.get(t) ?? []].some((u) => !own.has(u))));
  };
  const kernelOf = (members: readonly Tensor[]): Kernel | undefined =>
    buildKernel({ members, stored: stored(members) }, roots, limits.maxBindings);

  if (limits.fuse) {
    for (const t of order) {
      for (const s of [...groupOf.get(t)!.sources]) {
        const producer = groupOf.get(s), consumer = groupOf.get(t)!;
        if (producer === undefined || producer === consumer || !mayShare(producer, consumer)) continue;
        if (producer.members.some((m) => consumer.apart.has(m))) continue;
        if (passesThroughOthers(producer, consumer, groupOf)) continue;
        const members = [...producer.members, ...consumer.members].sort((a, b) => a.id - b.id);
        if (kernelOf(members) === undefined) continue;
        const own = new Set(members);
        const merged: Group = {
          members,
          sources: new Set([...producer.sources, ...consumer.sources].filter((x) => !own.has(x))),
          apart: new Set([...producer.apart, ...consumer.apart]),
          last: Math.max(producer.last, consumer.last),
        };
        for (const x of members) groupOf.set(x, merged);
        raise(members, merged.last);
      }
    }
  }
  const kernels = [...new Set(groupOf.values())].map((g) => {
    const kernel = kernelOf(g.members);
    if (kernel === undefined) throw new Error(`no kernel for ${g.members.map((t) => t.op).join(", ")}`);
    return kernel;
  });
  return inOrder(kernels);
};

/** Roots reached from a root without passing another, and those of them that some path reaches through `after`. */
const sourcesOf = (t: Tensor, roots: ReadonlySet<Tensor>): Pick<Group, "sources" | "apart"> => {
  const reach = (from: readonly Tensor[], late: Set<Tensor>): Set<Tensor> => {
    const found = new Set<Tensor>(), seen = new Set<Tensor>(), stack = [...from];
    while (stack.length > 0) {
      const a = stack.pop()!;
      if (seen.has(a)) continue;
      seen.add(a);
      if (is("after", a)) late.add(a);
      if (roots.has(a)) found.add(a);
      else stack.push(...operandsOf(a));
    }
    return found;
  };
  const late = new Set<Tensor>(is("after", t) ? [t] : []), sources = reach(operandsOf(t), late);
  const below = [...late].filter((a) => a === t || !roots.has(a)).flatMap(operandsOf);
  return { sources, apart: reach(below, new Set()) };
};

const MOST_MEMBERS = 24;

/** Cheap refusals before a kernel is tried. */
const mayShare = (producer: Group, consumer: Group): boolean => {
  const all = [...producer.members, ...consumer.members];
  const products = all.filter((t) => is("matmul", t)).length;
  return all.length <= MOST_MEMBERS && !all.some((t) => is("scatterAdd", t) || isAttention(t.op)) &&
    products <= 1 &&
    !(products === 1 && (all.some((t) => isReduce(t.op)) || consumer.members.some((t) => is("matmul", t))));
};

/** Whether the consumer also depends on the producer through a third group: merging would close a cycle. */
const passesThroughOthers = (
  producer: Group,
  consumer: Group,
  groupOf: ReadonlyMap<Tensor, Group>,
): boolean => {
  const seen = new Set<Group>();
  const stack: Group[] = [];
  const push = (g: Group): void => {
    for (const s of g.sources) {
      const next = groupOf.get(s);
      if (next === undefined || seen.has(next) || next === consumer) continue;
      if (next === producer) {
        if (g !== consumer) stack.push(producer);
        continue;
      }
      // what depends on the producer comes as late as it does
      if (next.last < producer.last) continue;
      seen.add(next);
      stack.push(next);
    }
  };
  push(consumer);
  while (stack.length > 0) {
    const g = stack.pop()!;
    if (g === producer) return true;
    push(g);
  }
  return false;
};

/** Kernels after those they read from, otherwise in the order of the descriptions. */
const inOrder = (kernels: readonly Kernel[]): Kernel[] => {
  const writer = new Map<Tensor, Kernel>(), begun = new Set<Kernel>(), done = new Set<Kernel>();
  const out: Kernel[] = [];
  for (const k of kernels) for (const o of k.outputs) writer.set(o.tensor, k);
  const newest = (k: Kernel) => Math.max(...k.outputs.map((o) => o.tensor.id));
  const visit = (k: Kernel): void => {
    if (done.has(k)) return;
    if (begun.has(k)) {
      throw new Error(`kernels in a circle at ${k.outputs.map((o) => o.tensor.op).join(", ")}`);
    }
    begun.add(k);
    for (const r of readsOf(k)) {
      const w = writer.get(r);
      if (w !== undefined && w !== k) visit(w);
    }
    done.add(k);
    out.push(k);
  };
  [...kernels].sort((a, b) => newest(a) - newest(b)).forEach(visit);
  return out;
};
