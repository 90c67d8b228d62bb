/** Arranges slots in buffers: one after the other; temporaries with disjoint live ranges share memory. */
import {
  ALIGNMENT,
  type MemoryLimits,
  type MemoryPlan,
  type Range,
  type Role,
  type Slot,
  windowBytesOf,
} from "./memory.ts";
import { allocate, type LiveRange } from "./scratch.ts";

/** The kernels during which a slot holds something. */
export interface Life {
  /** The slot. */
  readonly slot: number;
  /** Position of the first kernel. */
  readonly from: number;
  /** Position of the last kernel. */
  readonly to: number;
}

/** A slot that has no place yet. */
export type Unplaced = Omit<Slot, "ranges">;

/** What is in one buffer, one window behind the other: a slot where a buffer can hold it, else one of its windows. */
interface Piece {
  readonly slot: Unplaced;
  readonly windows: readonly number[];
}

type Buffers = { bytes: number; readonly role: Role }[];

const up = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Maximum number of bytes of a buffer, in whole steps. */
const roomOf = (limits: MemoryLimits): number => Math.floor(limits.maxBufferBytes / ALIGNMENT) * ALIGNMENT;

/** No device binds so many windows: what takes more is refused when it is loaded. */
const MAX_WINDOWS = 64;

const bytesOf = ({ windows }: Piece): number => windows.reduce((n, bytes) => n + bytes, 0);

/** Bytes of the windows of a slot, which are whole slices where no buffer holds it. What no device can hold in any case is not cut to the end: the last is all the rest. */
const windowsOf = ({ bytes, slice = 0 }: Unplaced, limits: MemoryLimits): readonly number[] => {
  const room = roomOf(limits), sliced = slice > 0 && slice <= room && bytes > room;
  const window = sliced ? Math.floor(room / slice) * slice : windowBytesOf(limits);
  if (bytes <= Math.min(limits.maxBindingBytes, roomOf(limits))) return [bytes];
  const count = Math.ceil(bytes / window), cut = Math.min(count, MAX_WINDOWS + 1);
  return Array.from({ length: cut }, (_, i) => i === cut - 1 ? bytes - i * window : window);
};

/** The pieces of a slot: loops read slices of stacks across windows, so that these follow each other where they can. */
const piecesOf = (slot: Unplaced, limits: MemoryLimits): Piece[] => {
  const windows = windowsOf(slot, limits);
  return slot.bytes <= roomOf(limits)
    ? [{ slot, windows }]
    : windows.map((bytes) => ({ slot, windows: [bytes] }));
};

/** The ranges of a piece from a place in a buffer on. */
const rangesAt = ({ windows }: Piece, buffer: number, offset: number): readonly Range[] => {
  let at = offset;
  return windows.map((bytes) => {
    const range = { buffer, offset: at, bytes };
    at += bytes;
    return range;
  });
};

/** Gives every slot its ranges, and lists the buffers, which begin with those of temporaries. */
export const arrange = (
  slots: readonly Unplaced[],
  lives: readonly Life[],
  limits: MemoryLimits,
): Pick<MemoryPlan, "buffers" | "slots"> => {
  const pieces = slots.filter((s) => s.within === undefined && s.role === "scratch")
    .flatMap((s) => piecesOf(s, limits));
  const bySlot = livesBySlot(lives), inside = partsOf(slots);
  const { places, sizes } = allocate(
    pieces.map((piece) => ({
      bytes: up(bytesOf(piece)),
      parts: liveRangesOf(piece.slot, bytesOf(piece), inside, bySlot),
    })),
    roomOf(limits),
  );
  const ranges = new Map<number, readonly Range[]>();
  pieces.forEach((piece, i) => {
    const { buffer, offset } = places[i]!, { id } = piece.slot;
    ranges.set(id, [...ranges.get(id) ?? [], ...rangesAt(piece, buffer, offset)]);
  });
  return settled(slots, ranges, sizes.map((bytes) => ({ bytes, role: "scratch" as const })), limits);
};

/** Leaves temporaries where they are, and packs the rest without room for some slots. */
export const rearrange = (
  slots: readonly Slot[],
  limits: MemoryLimits,
  elsewhere: ReadonlySet<number>,
): Pick<MemoryPlan, "buffers" | "slots"> => {
  const ranges = new Map<number, readonly Range[]>(), buffers: Buffers = [];
  for (const s of slots) {
    if (s.within !== undefined || s.role !== "scratch") continue;
    ranges.set(s.id, s.ranges);
    for (const { buffer, offset, bytes } of s.ranges) {
      while (buffers.length <= buffer) buffers.push({ bytes: 0, role: "scratch" });
      buffers[buffer]!.bytes = Math.max(buffers[buffer]!.bytes, offset + up(bytes));
    }
  }
  return settled(slots, ranges, buffers, limits, elsewhere);
};

/** Puts inputs and outputs one behind the other, and parts of packs into their packs. */
const settled = (
  slots: readonly Unplaced[],
  scratch: ReadonlyMap<number, readonly Range[]>,
  buffers: Buffers,
  limits: MemoryLimits,
  elsewhere: ReadonlySet<number> = new Set(),
): Pick<MemoryPlan, "buffers" | "slots"> => {
  const ranges = new Map(scratch), room = roomOf(limits);
  const append = (piece: Piece): readonly Range[] => {
    const { slot: { role } } = piece, bytes = bytesOf(piece);
    const found = buffers.findIndex((b) => b.role === role && b.bytes + bytes <= room);
    const buffer = found >= 0 ? found : buffers.push({ bytes: 0, role }) - 1, offset = buffers[buffer]!.bytes;
    buffers[buffer]!.bytes += up(bytes);
    return rangesAt(piece, buffer, offset);
  };
  for (const s of slots) {
    if (s.within !== undefined || s.role === "scratch" || elsewhere.has(s.id)) continue;
    ranges.set(s.id, piecesOf(s, limits).flatMap(append));
  }
  const rangesOf = ({ id, within, bytes }: Unplaced): readonly Range[] => {
    if (within === undefined || elsewhere.has(id)) return ranges.get(id) ?? [];
    // a pack is no longer than a window
    return (ranges.get(within.slot) ?? []).map(({ buffer, offset }) => ({
      buffer,
      offset: offset + within.offset,
      bytes,
    }));
  };
  return { buffers, slots: slots.map((s) => ({ ...s, ranges: rangesOf(s) })) };
};

/** The first and the last kernel of every slot, for all tensors that are in it. */
const livesBySlot = (lives: readonly Life[]): ReadonlyMap<number, Life> => {
  const bySlot = new Map<number, Life>();
  for (const { slot, from, to } of lives) {
    const known = bySlot.get(slot) ?? { slot, from, to };
    bySlot.set(slot, { slot, from: Math.min(known.from, from), to: Math.max(known.to, to) });
  }
  return bySlot;
};

/** The slots inside of each pack. */
const partsOf = (slots: readonly Unplaced[]): ReadonlyMap<number, readonly Unplaced[]> => {
  const inside = new Map<number, Unplaced[]>();
  for (const s of slots) {
    if (s.within !== undefined) inside.set(s.within.slot, [...inside.get(s.within.slot) ?? [], s]);
  }
  return inside;
};

/** What a piece of a slot takes by itself, or the parts of a pack, each for as long as it lives. */
const liveRangesOf = (
  slot: Unplaced,
  bytes: number,
  inside: ReadonlyMap<number, readonly Unplaced[]>,
  lives: ReadonlyMap<number, Life>,
): LiveRange[] => {
  const parts = inside.get(slot.id);
  if (parts === undefined) {
    const { from, to } = lives.get(slot.id)!;
    return [{ offset: 0, end: up(bytes), from, to }];
  }
  const stored = parts.filter(({ id }) => lives.has(id)).sort((a, b) => a.within!.offset - b.within!.offset);
  return stored.map(({ id, within, bytes }, i) => {
    const { from, to } = lives.get(id)!, offset = Math.floor(within!.offset / ALIGNMENT) * ALIGNMENT;
    // kernels that run over the whole write what fills up the part, too
    const next = stored.slice(i + 1).map((s) => s.within!.offset).find((at) => at > within!.offset) ?? 0;
    return { offset, end: Math.max(up(within!.offset + bytes), next), from, to };
  });
};
