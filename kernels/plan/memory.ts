/**
 * Memory plan: where every materialised tensor lives. Tensors lie at offsets of few buffers; those of a pack lie side
 * by side in a fixed order, and temporaries lie over each other where their lives are apart.
 */
import { bytesOf, sizeOf, type Tensor } from "@chain-of-sight/core";
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
  /** What it is for: given from outside, kept for the caller, or scratch. */
  readonly role: Role;
  /** Where it lies: one range, or windows (the last may be shorter) where one binding is too small. */
  readonly ranges: readonly Range[];
  /** The slot of the pack that it is a part of, and how many bytes in. */
  readonly within?: { readonly slot: number; readonly offset: number };
}

/** What memory is for. */
export type Role = "input" | "output" | "scratch";

/** Tensors that lie side by side: kernels may read and write them as one. */
export interface Pack {
  /** The whole: a name for the memory of all, padding included. */
  readonly whole: Tensor;
  /** The parts and where they start, in elements. A part may be a pack itself. */
  readonly parts: readonly { readonly tensor: Tensor; readonly at: number }[];
}

/** What a device allows. */
export interface MemoryLimits {
  /** Most bytes in one binding. */
  readonly maxBindingBytes: number;
  /** Most bytes in one buffer. */
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
  /** Copies from slot to slot, in order: donated outputs that could not be written in place. */
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
  /** What the caller keeps. */
  readonly outputs: readonly Tensor[];
  /** Outputs and the inputs whose memory they take over. */
  readonly donated: ReadonlyMap<Tensor, Tensor>;
  /** What lies side by side. */
  readonly packs: readonly Pack[];
  /** Constant arrays that kernels read. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
}

/** Ranges start at multiples of this, as WebGPU's bindings must. */
export const ALIGNMENT = 256;

/** Bytes of a tensor on the device, padded for 16-byte loads. */
export const paddedBytes = (t: Tensor): number =>
  Math.max(16, Math.ceil(sizeOf(t.shape) * bytesOf(t.dtype) / 16) * 16);

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

/** Lives of the tensors of some kernels. */
export const livesOf = (kernels: readonly Kernel[], packs: ReadonlyMap<Tensor, Pack>): Lives => {
  const born = new Map<Tensor, number>(), lastRead = new Map<Tensor, number>();
  const holders = new Map<Tensor, Tensor[]>();
  for (const whole of packs.keys()) {
    for (const { tensor } of membersOf(whole, packs)) {
      if (tensor !== whole) holders.set(tensor, [...holders.get(tensor) ?? [], whole]);
    }
  }
  const family = (t: Tensor): Tensor[] => [
    ...membersOf(t, packs).map((m) => m.tensor),
    ...holders.get(t) ?? [],
  ];
  kernels.forEach((k, i) => {
    for (const o of k.outputs) for (const t of family(o.tensor)) born.set(t, born.get(t) ?? i);
    for (const r of readsOf(k)) for (const t of family(r)) lastRead.set(t, i);
    for (const t of workspaceOf(k)) born.set(t, i);
  });
  return { born, lastRead };
};

/** Whether `o` may be written where `target` lies: nothing reads the old value later, or elsewhere than it writes. */
export const overwrites = (kernels: readonly Kernel[], o: Tensor, target: Tensor, lives: Lives): boolean => {
  const at = lives.born.get(o), last = lives.lastRead.get(target) ?? -1;
  if (at === undefined) return false;
  if (last !== at) return last < at;
  const kernel = kernels[at]!;
  if (kernel.kind !== "loop" || kernel.reductions.length > 0) return false;
  const place = kernel.outputs.find((x) => x.tensor === o)?.at;
  let same = place !== undefined;
  walkValues(kernel.outputs.map((x) => x.value), (v) => {
    if (v.kind === "load" && v.from === target && v.at.key !== place?.key) same = false;
  });
  return same;
};

/**
 * Plans memory. Donated outputs are written in place where no later kernel reads the old value, and copied at the end
 * otherwise.
 */
export const planMemory = (needs: MemoryNeeds, limits: MemoryLimits): MemoryPlan => {
  const { kernels, inputs, outputs, donated, tables } = needs;
  const packs = new Map(needs.packs.map((p) => [p.whole, p])), lives = livesOf(kernels, packs);
  const slots: Omit<Slot, "ranges">[] = [], slotOf = new Map<Tensor, number>();
  const open = (bytes: number, role: Role, within?: Slot["within"]): number =>
    slots.push({ id: slots.length, bytes, role, ...(within === undefined ? {} : { within }) }) - 1;
  /** Opens a slot for a tensor; for a pack, also slots inside it for all that it holds. */
  const settle = (t: Tensor, role: Role): void => {
    const slot = open(paddedBytes(t), role);
    slotOf.set(t, slot);
    for (const { tensor, at } of membersOf(t, packs).slice(1)) {
      slotOf.set(tensor, open(paddedBytes(tensor), role, { slot, offset: at * bytesOf(t.dtype) }));
    }
  };
  const inner = new Set(needs.packs.flatMap((p) => p.parts.map((x) => x.tensor)));
  const wholes = needs.packs.map((p) => p.whole).filter((w) => !inner.has(w));
  const holds = (whole: Tensor, some: ReadonlySet<Tensor>): boolean =>
    membersOf(whole, packs).some((m) => some.has(m.tensor));

  const given = new Set([...inputs, ...tables.keys()]), kept = new Set(outputs);
  for (const w of wholes) if (holds(w, given)) settle(w, "input");
  for (const t of given) if (!slotOf.has(t)) settle(t, "input");

  const takesOver = (o: Tensor, target: Tensor): boolean => overwrites(kernels, o, target, lives);
  for (const w of wholes) {
    if (slotOf.has(w) || !holds(w, kept)) continue;
    const target = targetOf(w, packs, donated);
    if (target === undefined) settle(w, "output");
    else {
      const from = membersOf(target, packs);
      membersOf(w, packs).forEach((m, i) => slotOf.set(m.tensor, slotOf.get(from[i]!.tensor)!));
    }
  }
  for (const o of kept) {
    if (slotOf.has(o)) continue;
    const target = donated.get(o);
    if (target !== undefined && takesOver(o, target)) slotOf.set(o, slotOf.get(target)!);
    else settle(o, "output");
  }
  const copies = copiesOf(donated, slotOf, slots, open);

  const temporaries = [...wholes, ...[...lives.born.keys()].filter((t) => !inner.has(t) && !packs.has(t))]
    .filter((t) => !slotOf.has(t));
  for (const t of temporaries) settle(t, "scratch");
  const alive: Life[] = [...slotOf].filter(([t, s]) => slots[s]!.role === "scratch" && !packs.has(t)).map((
    [t, slot],
  ) => ({
    slot,
    from: lives.born.get(t)!,
    to: Math.max(lives.lastRead.get(t) ?? -1, lives.born.get(t)!),
  }));
  const busy = kernels.map((_, i) =>
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

/** The pack whose memory a pack of donated outputs takes over. */
const targetOf = (
  whole: Tensor,
  packs: ReadonlyMap<Tensor, Pack>,
  donated: ReadonlyMap<Tensor, Tensor>,
): Tensor | undefined => {
  const first = donated.get(packs.get(whole)!.parts[0]!.tensor);
  if (first === undefined) return undefined;
  return [...packs.values()].find((p) => p.parts[0]!.tensor === first)?.whole;
};

/** Copies of donated outputs into the inputs that they replace. Inputs that change places go through a slot between. */
const copiesOf = (
  donated: ReadonlyMap<Tensor, Tensor>,
  slotOf: ReadonlyMap<Tensor, number>,
  slots: readonly Omit<Slot, "ranges">[],
  open: (bytes: number, role: Role) => number,
): MemoryPlan["copies"] => {
  const first: { from: number; to: number; bytes: number }[] = [], then: typeof first = [];
  for (const [o, target] of donated) {
    const from = slotOf.get(o)!, to = slotOf.get(target)!, bytes = paddedBytes(o);
    if (from === to) continue;
    if (slots[from]!.role !== "input") then.push({ from, to, bytes });
    else {
      const between = open(bytes, "output");
      first.push({ from, to: between, bytes });
      then.push({ from: between, to, bytes });
    }
  }
  return [...first, ...then];
};

/** The same plan with room for neither the slots that lie elsewhere nor what they are parts of. */
export const without = (memory: MemoryPlan, elsewhere: ReadonlySet<number>): MemoryPlan =>
  elsewhere.size === 0 ? memory : { ...memory, ...rearrange(memory.slots, memory.limits, elsewhere) };
