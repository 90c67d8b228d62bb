/** The steps of a plan: every kernel in the order of a run, those of a scan once for each iteration, and where each reads. */
import type { Tensor } from "@chain-of-sight/core";
import type { Kernel, PlainKernel, RepeatKernel } from "../graph/kernel.ts";
import type { Place } from "../graph/repeat.ts";
import type { MemoryPlan } from "./memory.ts";

/** A piece of a slot of the plan's memory. */
export interface SlotPart {
  /** The slot. */
  readonly slot: number;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly bytes: number;
}

/** The memory of one iteration of a scan, or of what is outside of scans. */
export interface Frame {
  /** The scan of which it is an iteration. */
  readonly scan: RepeatKernel | undefined;
  /** The place of every tensor, by number: a slot of the plan outside of scans. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** The memory of a place: one part for each window. */
  readonly partsOf: (slot: number) => readonly SlotPart[];
}

/** One kernel of a run. */
export interface Step {
  /** The kernel. */
  readonly kernel: PlainKernel;
  /** Where its tensors are. */
  readonly frame: Frame;
}

/** The part of some memory that a place is. */
const within = (parts: readonly SlotPart[], { offset, bytes }: Place): readonly SlotPart[] => {
  if (bytes === undefined) return parts;
  let start = 0;
  for (const [i, part] of parts.entries()) {
    if (offset < start + part.bytes) {
      // windows of a slot follow each other
      const joined = parts.slice(i).filter((p) => p.slot === part.slot).reduce((n, p) => n + p.bytes, 0);
      if (offset + bytes <= start + joined) {
        return [{ slot: part.slot, offset: part.offset + offset - start, bytes }];
      }
    }
    start += part.bytes;
  }
  throw new Error(`no room for ${bytes} bytes from ${offset} on`);
};

const expand = (kernels: readonly Kernel[], frame: Frame): Step[] =>
  kernels.flatMap((kernel): Step[] => {
    if (kernel.kind !== "repeat") return [{ kernel, frame }];
    return Array.from({ length: kernel.length }, (_, iteration) => {
      const known = new Map<number, readonly SlotPart[]>();
      const partsOf = (slot: number): readonly SlotPart[] => {
        const before = known.get(slot);
        if (before !== undefined) return before;
        const parts = kernel.placesAt(slot, iteration).flatMap((place) =>
          within(frame.partsOf(frame.slotOf.get(place.tensor)!), place)
        );
        known.set(slot, parts);
        return parts;
      };
      const run = iteration === 0 ? kernel.inside : kernel.inside.filter((k) => !kernel.once.has(k));
      return expand(run, { scan: kernel, slotOf: kernel.slotOf, partsOf });
    }).flat();
  });

/** All steps of a plan, in order. */
export const stepsOf = (
  { kernels, memory }: { readonly kernels: readonly Kernel[]; readonly memory: MemoryPlan },
): Step[] => {
  const partsOf = (slot: number): SlotPart[] => {
    let offset = 0;
    return memory.slots[slot]!.ranges.map(({ bytes }) => {
      const part = { slot, offset, bytes };
      offset += bytes;
      return part;
    });
  };
  return expand(kernels, { scan: undefined, slotOf: memory.slotOf, partsOf });
};
