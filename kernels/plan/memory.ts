/**
 * Memory plan: where every materialised tensor lives. Tensors are at offsets of few buffers; those of a pack are side
 * by side in a fixed order, and temporaries with disjoint live ranges share memory. The place of an input
 * holds one version after another: what is given from outside, then the result that is donated to it. A result becomes
 * the next version as it is written if no kernel reads the last one afterwards; otherwise it waits in a temporary,
 * which a copy reads after the last kernel.
 */
import { bytesOf, show, type Tensor, tensorBytes } from "@chain-of-sight/core";
import { type Kernel, readsOf, walkValues, workspaceOf } from "../graph/kernel.ts";
import { arrange, type Life, rearrange } from "./arrange.ts";

/** A piece of a buffer. */
export interface Range {
  /** Position of the buffer in the plan's list. */
  readonly buffer: number;
  /** First byte, a multiple of 256 but for the members of dense packs. */
  readonly offset: number;
  /** Number of bytes. */
  readonly bytes: number;
}

/** The memory of one tensor, or of tensors that are never alive together. */
export interface Slot {
  /** Position in the plan's list. */
  readonly id: number;
  /** Size in bytes, a multiple of 16. */
  readonly bytes: number;
  /** Its purpose: given from outside, kept for the caller, or scratch. */
  readonly role: Role;
  /** Where it is: one range, or windows (the last may be shorter) where one binding is too small. */
  readonly ranges: readonly Range[];
  /** The slot of the pack that it is a part of, and how many bytes in. */
  readonly within?: { readonly slot: number; readonly offset: number };
  /** Bytes at whose multiples it may be cut where no buffer holds it: loops alone read and write it, slice by slice. */
  readonly slice?: number;
}

/** What memory is for. */
export type Role = "input" | "output" | "scratch";

/** Tensors that are side by side: kernels may read and write them as one. */
export interface Pack {
  /** The whole: a name for the memory of all, padding included. */
  readonly whole: Tensor;
  /** The parts and where they start, in elements. A part may be a pack itself. */
  readonly parts: readonly { readonly tensor: Tensor; readonly at: number }[];
}

/** Limits of a device. */
export interface MemoryLimits {
  /** Maximum number of bytes in one binding. */
  readonly maxBindingBytes: number;
  /** Maximum number of bytes in one buffer. */
  readonly maxBufferBytes: number;
}

/** Where tensors live, and what must be copied after the last kernel. */
export interface MemoryPlan {
  /** The buffers. */
  readonly buffers: readonly { readonly bytes: number; readonly role: Role }[];
  /** All slots. */
  readonly slots: readonly Slot[];
  /** The slot of each materialised tensor. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Copies from temporaries to the places of inputs, after the last kernel: results that could not be written there. */
  readonly copies: readonly { readonly from: number; readonly to: number; readonly bytes: number }[];
  /** Numbers that must be in memory before the first run. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
  /** What it was planned for. */
  readonly limits: MemoryLimits;
  /** When tensors are written and read, those that kernels read as parts of a pack included. */
  readonly lives: Lives;
  /** Most scratch bytes alive at one time: the least that any plan needs. */
  readonly peakScratch: number;
}

/** What memory is planned for. */
export interface MemoryNeeds {
  /** The kernels, in order. */
  readonly kernels: readonly Kernel[];
  /** What is given from outside. */
  readonly inputs: readonly Tensor[];
  /** What the caller keeps; each is written by a kernel, or the unchanged version of an input. */
  readonly outputs: readonly Tensor[];
  /** Outputs that are the next version of an input's place, and that input. */
  readonly donated: ReadonlyMap<Tensor, Tensor>;
  /** What is side by side. */
  readonly packs: readonly Pack[];
  /** Constant arrays that kernels read. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
}

/** Ranges start at multiples of this, as WebGPU's bindings must. */
export const ALIGNMENT = 256;

/** Bytes of a tensor on the device, padded for 16-byte loads. */
export const paddedBytes = (t: Tensor): number => Math.max(16, Math.ceil(tensorBytes(t) / 16) * 16);

/** Bytes of the windows of what one binding cannot hold. */
export const windowBytesOf = ({ maxBindingBytes, maxBufferBytes }: MemoryLimits): number =>
  2 ** Math.floor(Math.log2(Math.min(maxBindingBytes, maxBufferBytes)));

/** Number of bindings that a tensor takes. */
export const windowsOf = (t: Tensor, limits: MemoryLimits): number => {
  const bytes = paddedBytes(t);
  return bytes <= Math.min(limits.maxBindingBytes, limits.maxBufferBytes)
    ? 1
    : Math.ceil(bytes / windowBytesOf(limits));
};

/** Every tensor of a pack, parts of parts included, with its offset in elements; the whole comes first. */
export const membersOf = (
  whole: Tensor,
  packs: ReadonlyMap<Tensor, Pack>,
): readonly { readonly tensor: Tensor; readonly at: number }[] => [
  { tensor: whole, at: 0 },
  ...(packs.get(whole)?.parts ?? []).flatMap(({ tensor, at }) =>
    membersOf(tensor, packs).map((m) => ({ tensor: m.tensor, at: at + m.at }))
  ),
];

/** When tensors are written first and read last, by position of the kernel; packs count for all that they hold. */
export interface Lives {
  /** The first kernel that writes it. */
  readonly born: ReadonlyMap<Tensor, number>;
  /** The last kernel that reads it. */
  readonly lastRead: ReadonlyMap<Tensor, number>;
}

/** Everything whose memory a tensor shares: itself, what it holds as a pack, and the packs that hold it. */
const familiesOf = (packs: ReadonlyMap<Tensor, Pack>): (t: Tensor) => readonly Tensor[] => {
  const holders = new Map<Tensor, Tensor[]>();
  for (const whole of packs.keys()) {
    for (const { tensor } of membersOf(whole, packs)) {
      if (tensor !== whole) holders.set(tensor, [...holders.get(tensor) ?? [], whole]);
    }
  }
  return (t) => [...membersOf(t, packs).map((m) => m.tensor), ...holders.get(t) ?? []];
};

/**
 * Whether `next` may be written where `last` is, as the next version of that place: no kernel reads the last version
 * later, and the kernel that writes reads nothing but the element that it replaces.
 */
const replaces = (
  kernels: readonly Kernel[],
  next: Tensor,
  last: Tensor,
  lives: Lives,
  family: (t: Tensor) => readonly Tensor[],
): boolean => {
  const at = lives.born.get(next), read = lives.lastRead.get(last) ?? -1;
  if (at === undefined) return false;
  if (read !== at) return read < at;
  const kernel = kernels[at]!;
  if (kernel.kind !== "loop" || kernel.reductions.length > 0) return false;
  const place = kernel.outputs.find((x) => x.tensor === next)?.at, shared = new Set(family(last));
  let same = place !== undefined;
  walkValues(kernel.outputs.map((x) => x.value), (v) => {
    if (v.kind === "load" && shared.has(v.from)) same &&= v.from === last && v.at.key === place?.key;
  });
  return same;
};

/** Plans memory. */
export const planMemory = (needs: MemoryNeeds, limits: MemoryLimits): MemoryPlan => {
  const { kernels, inputs, outputs, donated, tables } = needs;
  const packs = new Map(needs.packs.map((p) => [p.whole, p])), family = familiesOf(packs);
  const born = new Map<Tensor, number>(), lastRead = new Map<Tensor, number>(), lives = { born, lastRead };
  kernels.forEach((k, i) => {
    for (const o of k.outputs) for (const t of family(o.tensor)) born.set(t, born.get(t) ?? i);
    for (const r of readsOf(k)) for (const t of family(r)) lastRead.set(t, i);
    for (const t of workspaceOf(k)) born.set(t, i);
  });
  const slots: Omit<Slot, "ranges">[] = [], slotOf = new Map<Tensor, number>();
  const open = (bytes: number, role: Role, more: Pick<Slot, "within" | "slice"> = {}): number =>
    slots.push({ id: slots.length, bytes, role, ...more }) - 1;
  const whole = new Set(
    kernels.filter(({ kind }) => kind !== "repeat").flatMap((k) =>
      [...readsOf(k), ...k.outputs.map((o) => o.tensor)].flatMap(family)
    ),
  );
  const sliceOf = (t: Tensor): Pick<Slot, "slice"> => {
    const bytes = tensorBytes(t), slice = bytes / (t.shape[0] ?? 1);
    return whole.has(t) || slice % ALIGNMENT !== 0 || bytes !== paddedBytes(t) ? {} : { slice };
  };
  /** Opens a slot for a tensor; for a pack, also slots inside it for all that it holds. */
  const settle = (t: Tensor, role: Role): void => {
    const slot = open(paddedBytes(t), role, sliceOf(t));
    slotOf.set(t, slot);
    for (const { tensor, at } of membersOf(t, packs).slice(1)) {
      slotOf.set(
        tensor,
        open(paddedBytes(tensor), role, { within: { slot, offset: at * bytesOf(t.dtype) } }),
      );
    }
  };
  const inner = new Set(needs.packs.flatMap((p) => p.parts.map((x) => x.tensor)));
  const wholes = needs.packs.map((p) => p.whole).filter((w) => !inner.has(w));
  const holds = (whole: Tensor, some: (t: Tensor) => boolean): boolean =>
    membersOf(whole, packs).some((m) => some(m.tensor));

  const given = new Set([...inputs, ...tables.keys()]), kept = new Set(outputs);
  for (const w of wholes) if (holds(w, (t) => given.has(t))) settle(w, "input");
  // results of one kernel are side by side where they are donated to, if nobody reads what is there
  for (const w of wholes) {
    const { parts } = packs.get(w)!, places = parts.map(({ tensor }) => donated.get(tensor));
    if (slotOf.has(w) || !places.every((t) => t !== undefined && !slotOf.has(t) && !lastRead.has(t))) {
      continue;
    }
    settle(w, "input");
    parts.forEach(({ tensor }, i) => slotOf.set(places[i]!, slotOf.get(tensor)!));
  }
  for (const t of given) if (!slotOf.has(t)) settle(t, "input");

  for (const t of [...wholes.filter((w) => holds(w, (m) => kept.has(m))), ...kept]) {
    if (slotOf.has(t)) continue;
    const last = lastVersion(t, packs, donated);
    if (last === undefined || !replaces(kernels, t, last, lives, family)) {
      settle(t, holds(t, (m) => kept.has(m) && !donated.has(m)) ? "output" : "scratch");
      continue;
    }
    const from = membersOf(last, packs);
    membersOf(t, packs).forEach((m, i) => slotOf.set(m.tensor, slotOf.get(from[i]!.tensor)!));
  }
  const copies = [...donated].filter(([next, last]) => slotOf.get(next) !== slotOf.get(last)).map((
    [next, last],
  ) => {
    for (const t of family(next)) lastRead.set(t, kernels.length);
    return { from: slotOf.get(next)!, to: slotOf.get(last)!, bytes: paddedBytes(next) };
  });

  const temporaries = [...wholes, ...[...born.keys()].filter((t) => !inner.has(t) && !packs.has(t))]
    .filter((t) => !slotOf.has(t));
  for (const t of temporaries) settle(t, "scratch");
  const alive: Life[] = [...slotOf].filter(([t, s]) => slots[s]!.role === "scratch" && !packs.has(t)).map(
    ([t, slot]) => {
      const from = born.get(t);
      if (from === undefined) throw new Error(`no kernel writes ${t.op} ${show(t.shape)}, which others read`);
      return { slot, from, to: Math.max(lastRead.get(t) ?? -1, from) };
    },
  );
  const busy = [...kernels.keys(), kernels.length].map((i) =>
    alive.reduce((n, l) => l.from <= i && i <= l.to ? n + slots[l.slot]!.bytes : n, 0)
  );
  return {
    ...arrange(slots, alive, limits),
    slotOf,
    copies,
    tables,
    limits,
    lives,
    peakScratch: Math.max(0, ...busy),
  };
};

/** The input, or the pack of inputs in the same order, that a result is the next version of. */
const lastVersion = (
  next: Tensor,
  packs: ReadonlyMap<Tensor, Pack>,
  donated: ReadonlyMap<Tensor, Tensor>,
): Tensor | undefined => {
  const pack = packs.get(next);
  if (pack === undefined) return donated.get(next);
  const fits = ({ parts }: Pack): boolean =>
    parts.length === pack.parts.length &&
    parts.every(({ tensor, at }, i) =>
      at === pack.parts[i]!.at && tensor === donated.get(pack.parts[i]!.tensor)
    );
  return [...packs.values()].find(fits)?.whole;
};

/** The same plan with room for neither the slots that are elsewhere nor what they are parts of. */
export const without = (memory: MemoryPlan, elsewhere: ReadonlySet<number>): MemoryPlan =>
  elsewhere.size === 0 ? memory : { ...memory, ...rearrange(memory.slots, memory.limits, elsewhere) };
