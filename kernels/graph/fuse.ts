/**
 * Fusion: roots that depend on each other share a kernel where the loops fit, so that what one computes the next
 * reads from registers. Groups start as single roots and merge along edges, producers first.
 */
import {
  byHeight,
  is,
  isGiven,
  isReduce,
  operandsOf,
  type ScanBody,
  sizeOf,
  type Tensor,
} from "@chain-of-sight/core";
import { type MemoryLimits, type Pack, windowsOf } from "../plan/memory.ts";
import { buildKernel } from "./build.ts";
import { foreachKernels, foreachSumKernels, packedOperands } from "./foreach.ts";
import type { Kernel } from "./kernel.ts";
import type { Inside } from "./repeat.ts";
import { inOrder } from "./order.ts";
import { chooseRoots, type Roots } from "./roots.ts";

/** What fusion may assume of a device. */
export interface FusionLimits extends MemoryLimits {
  /** Most tensors that one kernel may read and write. */
  readonly maxBindings: number;
  /** Whether it is a GPU, where memory is dearer than arithmetic. */
  readonly gpu: boolean;
  /** Whether kernels are merged at all; off gives one kernel per root, for comparison. */
  readonly fuse: boolean;
  /** Compiles the body of a scan. */
  readonly inside: (body: ScanBody) => Inside;
}

interface Group {
  readonly members: Tensor[];
  /** Roots of other groups that it reads. */
  readonly sources: Set<Tensor>;
  /** Those of them that it may not share a kernel with: what is recomputed comes later than its sources. */
  readonly apart: Set<Tensor>;
  /** The last place in the order that it, or anything it depends on through any groups, has. */
  last: number;
}

/** Kernels with what they need of memory. */
export interface Fused {
  /** The kernels. */
  readonly kernels: readonly Kernel[];
  /** What must be side by side. */
  readonly packs: readonly Pack[];
  /** Constant arrays that they read. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
}

/** Kernels in an order in which each comes after those it reads from, and what they need of memory. */
export const fuse = (
  outputs: readonly Tensor[],
  limits: FusionLimits,
  donated: ReadonlyMap<Tensor, Tensor> = new Map(),
): Fused => {
  const maxBytes = Math.min(limits.maxBindingBytes, limits.maxBufferBytes);
  const bindingsOf = (t: Tensor): number => windowsOf(t, limits);
  const roots = chooseRoots(outputs, { maxReads: limits.maxBindings - 4, gpu: limits.gpu, bindingsOf });
  const { kernels: single, nodes } = fusedKernels(outputs, roots, limits, donated);
  const maps = nodes.filter((t) => is("foreach", t)).map((t) => foreachKernels(t, maxBytes));
  const held = maps.flatMap((m) => m.packs);
  const sums = nodes.filter((t) => is("foreachSum", t)).map((t) => foreachSumKernels(t, held, maxBytes));
  const packs = [...held, ...sums.flatMap((s) => s.packs)];
  const kernels = [...single, ...[...maps, ...sums].flatMap((m) => m.kernels)];
  return {
    kernels: inOrder(kernels, packs, donated, outputs),
    packs,
    tables: new Map(sums.flatMap((s) => [...s.tables])),
  };
};

/** Kernels, and nodes whose kernels need memory of a certain order. */
interface Groups {
  readonly kernels: readonly Kernel[];
  readonly nodes: readonly Tensor[];
}

/** One kernel for each group of roots, in any order. */
const fusedKernels = (
  outputs: readonly Tensor[],
  roots: Roots,
  limits: FusionLimits,
  donated: ReadonlyMap<Tensor, Tensor>,
): Groups => {
  const order = byHeight(outputs, { argsOf: operandsOf }).filter((t) => roots.has(t) && !isGiven(t));
  const placeOf = new Map(order.map((t, place) => [t, place]));
  const wanted = new Set(outputs), groupOf = new Map<Tensor, Group>(), users = new Map<Tensor, Set<Tensor>>();
  const wholes = new Map<Tensor, Group>();
  order.forEach((t, place) => {
    // the results of one node, which may be thousands, are one group from the start: the first is the reader for all
    const whole = is("result", t) ? wholes.get(t.args[0]!) : undefined;
    if (whole !== undefined) {
      whole.members.push(t);
      whole.last = place;
      groupOf.set(t, whole);
      return;
    }
    const group: Group = { members: [t], ...sourcesOf(t, roots), last: place };
    groupOf.set(t, group);
    if (is("result", t)) wholes.set(t.args[0]!, group);
    for (const s of group.sources) users.set(s, (users.get(s) ?? new Set()).add(t));
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
  for (const { members, last } of wholes.values()) raise(members, last);
  const stored = (members: readonly Tensor[]): Set<Tensor> => {
    const own = new Set(members);
    return new Set(members.filter((t) => wanted.has(t) || [...users.get(t) ?? []].some((u) => !own.has(u))));
  };
  const kernelOf = (members: readonly Tensor[], maxBindings: number): Kernel | undefined =>
    buildKernel({ members, stored: stored(members) }, roots, maxBindings, limits.inside);

  /** Whether something that needs a result of these roots reads a version that they replace: it would need a copy. */
  const replacesEarly = (members: readonly Tensor[]): boolean => {
    const late = new Set(members.flatMap((t) => {
      const last = donated.get(t);
      return last === undefined ? [] : [...users.get(last) ?? []];
    }));
    if (late.size === 0) return false;
    const own = new Set(members), seen = new Set<Tensor>(), stack = [...members];
    while (stack.length > 0) {
      for (const u of users.get(stack.pop()!) ?? []) {
        if (own.has(u) || seen.has(u)) continue;
        if (late.has(u)) return true;
        seen.add(u);
        stack.push(...is("result", u) ? wholes.get(u.args[0]!)!.members : [u]);
      }
    }
    return false;
  };

  /** Makes one group of two where they may share a kernel and no path leads from one through others to the other. */
  const merge = (first: Group | undefined, second: Group): void => {
    if (first === undefined || first === second) return;
    if (!mayShare(first, second) || !keepsUpdates(first, second, donated)) return;
    if (first.members.some((m) => second.apart.has(m)) || second.members.some((m) => first.apart.has(m))) {
      return;
    }
    if (passesThroughOthers(first, second, groupOf) || passesThroughOthers(second, first, groupOf)) return;
    const members = [...first.members, ...second.members].sort((a, b) => placeOf.get(a)! - placeOf.get(b)!);
    if (replacesEarly(members) && !replacesEarly(first.members) && !replacesEarly(second.members)) return;
    if (kernelOf(members, limits.maxBindings) === undefined) return;
    const own = new Set(members);
    const merged: Group = {
      members,
      sources: new Set([...first.sources, ...second.sources].filter((x) => !own.has(x))),
      apart: new Set([...first.apart, ...second.apart]),
      last: Math.max(first.last, second.last),
    };
    for (const x of members) groupOf.set(x, merged);
    raise(members, merged.last);
  };
  if (limits.fuse) {
    for (const t of order) {
      if (!isAlone(t)) { for (const s of groupOf.get(t)!.sources) merge(groupOf.get(s), groupOf.get(t)!); }
    }
  }
  if (limits.fuse && limits.gpu) {
    for (const [shared, readers] of users) {
      const siblings = [...readers].filter((t) => mostlyReads(groupOf.get(t)!, shared, donated))
        .sort((a, b) => placeOf.get(a)! - placeOf.get(b)!);
      siblings.forEach((t, i) =>
        siblings.slice(i + 1).filter((u) => placeOf.get(u)! - placeOf.get(t)! <= MAX_DISTANCE)
          .forEach((u) => merge(groupOf.get(t), groupOf.get(u)!))
      );
    }
    // copies of weights of one size, as many as one kernel may bind
    const copies = order.filter((t) => is("cast", t) && isGiven(t.args[0]!));
    for (const some of Object.values(Object.groupBy(copies, (t) => sizeOf(t.shape)))) {
      some!.reduce((last, t) => {
        merge(groupOf.get(last), groupOf.get(t)!);
        return t;
      });
    }
  }
  const groups = [...new Set(groupOf.values())], nodes: Tensor[] = [];
  const kernels = groups.flatMap(({ members }): Kernel[] => {
    const node = multiTensor(members[0]!);
    if (node !== undefined) {
      nodes.push(node);
      return [];
    }
    // what is alone and still binds too much is refused by the device, which can say so
    const kernel = kernelOf(
      members,
      members.length === 1 || wholes.has(members[0]!.args[0]!) ? Infinity : limits.maxBindings,
    );
    if (kernel === undefined) throw new Error(`no kernel for ${members.map((t) => t.op).join(", ")}`);
    return [kernel];
  });
  return { kernels, nodes };
};

/** The multi-tensor node that a root is of. */
const multiTensor = (t: Tensor): Tensor | undefined =>
  is("foreachSum", t) ? t : is("result", t) && is("foreach", t.args[0]!) ? t.args[0] : undefined;

/** Inputs of a node: multi-tensor nodes read through views to what is stored, be the view stored as well or not. */
const readBy = (t: Tensor): readonly Tensor[] =>
  is("foreach", t) || is("foreachSum", t) ? packedOperands(t) : operandsOf(t);

/** Roots reached from a root without passing another, and those of them that some path reaches through `after`. */
const sourcesOf = (t: Tensor, roots: Roots): Pick<Group, "sources" | "apart"> => {
  const reach = (from: readonly Tensor[], late: Set<Tensor>): Set<Tensor> => {
    const found = new Set<Tensor>(), seen = new Set<Tensor>(), stack = [...from];
    while (stack.length > 0) {
      const a = stack.pop()!;
      if (seen.has(a)) continue;
      seen.add(a);
      if (is("after", a)) late.add(a);
      if (roots.has(a)) found.add(a);
      else stack.push(...readBy(a));
    }
    return found;
  };
  const late = new Set<Tensor>(is("after", t) ? [t] : []), sources = reach(readBy(t), late);
  const below = [...late].filter((a) => a === t || !roots.has(a)).flatMap(operandsOf);
  return { sources, apart: reach(below, new Set()) };
};

const MAX_MEMBERS = 24;

/** Nodes between readers of one tensor that share a kernel: a recomputation far behind its first pass would keep its results. */
const MAX_DISTANCE = 32;

/**
 * Whether a group of loops reads nothing larger than a tensor: in one kernel with others that do, it reads that once. An
 * update of state stays alone: it is written in place if its kernel reads nothing of the state but what it replaces.
 */
const mostlyReads = (
  { members, sources }: Group,
  shared: Tensor,
  donated: ReadonlyMap<Tensor, Tensor>,
): boolean =>
  !members.some((t) => is("matmul", t) || isAlone(t) || donated.has(t)) &&
  [...sources].every((s) => sizeOf(s.shape) <= sizeOf(shared.shape));

/** Whether a kernel of a root holds no other. */
const isAlone = (t: Tensor): boolean => is("scatterAdd", t) || is("result", t) || is("foreachSum", t);

/** Cheap refusals before a kernel is tried. */
const mayShare = (producer: Group, consumer: Group): boolean => {
  const all = [...producer.members, ...consumer.members];
  const products = all.filter((t) => is("matmul", t)).length;
  return all.length <= MAX_MEMBERS &&
    !all.some(isAlone) &&
    products <= 1 &&
    !(products === 1 && (all.some((t) => isReduce(t.op)) || consumer.members.some((t) => is("matmul", t))));
};

/**
 * Whether updates of donated state stay maps of their own. Only maps write over what they read; in one kernel with a
 * product or a sum, the new state would need memory of its own, and a copy.
 */
const keepsUpdates = (
  producer: Group,
  consumer: Group,
  donated: ReadonlyMap<Tensor, Tensor>,
): boolean => {
  const all = [...producer.members, ...consumer.members];
  return !all.some((t) => donated.has(t)) || !all.some((t) => is("matmul", t) || isReduce(t.op));
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
