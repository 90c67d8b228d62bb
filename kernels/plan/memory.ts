/** Memory plan: which buffer every materialised tensor lives in. Temporaries share buffers when their lives are apart. */
import { bytesOf, is, sizeOf, type Tensor } from "@chain-of-sight/core";
import { type Kernel, readsOf, walkValues } from "../graph/kernel.ts";

/** One device buffer. */
export interface Slot {
  /** Position in the plan's list. */
  readonly id: number;
  /** Size in bytes, a multiple of 16. */
  readonly bytes: number;
  /** What it is for: given from outside, kept for the caller, or scratch. */
  readonly role: "input" | "output" | "scratch";
}

/** Where tensors live, and what must be copied after the last kernel. */
export interface MemoryPlan {
  /** All buffers. */
  readonly slots: readonly Slot[];
  /** The buffer of each materialised tensor. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Donated outputs that could not be written in place. */
  readonly copies: readonly { readonly from: number; readonly to: number; readonly bytes: number }[];
  /** Most scratch bytes alive at one time: the least that any plan needs. */
  readonly peakScratch: number;
}

/** Bytes of a tensor on the device, padded for 16-byte loads. */
export const paddedBytes = (t: Tensor): number =>
  Math.max(16, Math.ceil(sizeOf(t.shape) * bytesOf(t.dtype) / 16) * 16);

/**
 * Plans memory. `donated` maps outputs to the inputs whose buffers they take over: written in place where no later
 * kernel reads the old value, copied at the end otherwise.
 */
export const planMemory = (
  kernels: readonly Kernel[],
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  donated: ReadonlyMap<Tensor, Tensor>,
): MemoryPlan => {
  const slots: Slot[] = [], slotOf = new Map<Tensor, number>();
  const open = (bytes: number, role: Slot["role"]): number =>
    slots.push({ id: slots.length, bytes, role }) - 1;
  for (const t of inputs) slotOf.set(t, open(paddedBytes(t), "input"));

  const born = new Map<Tensor, number>(), lastRead = new Map<Tensor, number>();
  kernels.forEach((k, i) => {
    for (const o of k.outputs) born.set(o.tensor, i);
    for (const r of readsOf(k)) lastRead.set(r, i);
  });
  const copies: { from: number; to: number; bytes: number }[] = [];
  for (const o of new Set(outputs)) {
    if (slotOf.has(o)) continue;
    const target = donated.get(o);
    const inPlace = target !== undefined && overwrites(kernels, o, target, born, lastRead);
    slotOf.set(o, inPlace ? slotOf.get(target)! : open(paddedBytes(o), "output"));
  }
  for (const [o, target] of donated) {
    const from = slotOf.get(o)!, to = slotOf.get(target)!;
    if (from !== to) copies.push({ from, to, bytes: paddedBytes(o) });
  }

  const scratch = [...born.keys()].filter((t) => !slotOf.has(t));
  const lives = scratch.map((t) => ({
    t,
    bytes: paddedBytes(t),
    from: born.get(t)!,
    to: lastRead.get(t) ?? born.get(t)!,
  }));
  const shared: { slot: number; lives: { from: number; to: number }[] }[] = [];
  for (const life of [...lives].sort((a, b) => b.bytes - a.bytes || a.from - b.from)) {
    let home = shared.find((s) => s.lives.every((l) => l.to < life.from || life.to < l.from));
    if (home === undefined) shared.push(home = { slot: open(life.bytes, "scratch"), lives: [] });
    home.lives.push(life);
    slotOf.set(life.t, home.slot);
  }
  const alive = kernels.map((_, i) => lives.reduce((n, l) => l.from <= i && i <= l.to ? n + l.bytes : n, 0));
  return { slots, slotOf, copies, peakScratch: Math.max(0, ...alive) };
};

/** Whether `o` may be written where `target` lies: nothing reads the old value later, or elsewhere than it writes. */
const overwrites = (
  kernels: readonly Kernel[],
  o: Tensor,
  target: Tensor,
  born: ReadonlyMap<Tensor, number>,
  lastRead: ReadonlyMap<Tensor, number>,
): boolean => {
  const at = born.get(o), last = lastRead.get(target) ?? -1;
  if (at === undefined || is("input", o)) return false;
  if (last !== at) return last < at;
  const kernel = kernels[at]!;
  if (kernel.kind !== "loop" || kernel.reductions.length > 0) return false;
  const place = kernel.outputs.find((x) => x.tensor === o)!.at;
  let same = true;
  walkValues(kernel.outputs.map((x) => x.value), (v) => {
    if (v.kind === "load" && v.from === target && v.at.key !== place.key) same = false;
  });
  return same;
};
