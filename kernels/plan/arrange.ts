/** Arranges slots in buffers: one after the other, or over each other where their lives are apart. */
import {
  ALIGNMENT,
  type MemoryLimits,
  type MemoryPlan,
  type Range,
  type Role,
  type Slot,
  windowBytesOf,
} from "./memory.ts";

/** The kernels during which a slot holds something. */
export interface Life {
  /** The slot. */
  readonly slot: number;
  /** Position of the first kernel. */
  readonly from: number;
  /** Position of the last kernel. */
  readonly to: number;
}

interface Piece {
  readonly slot: number;
  readonly bytes: number;
  /** How far into the slot it starts. */
  readonly start: number;
}

/** A buffer under construction, with what lies in it. */
interface Open {
  bytes: number;
  readonly role: Role;
  readonly taken: {
    readonly offset: number;
    readonly end: number;
    readonly from: number;
    readonly to: number;
  }[];
}

const up = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Slots in pieces that one binding can hold. */
const piecesOf = (
  slot: { readonly id: number; readonly bytes: number },
  most: number,
  window: number,
): Piece[] =>
  slot.bytes <= most
    ? [{ slot: slot.id, bytes: slot.bytes, start: 0 }]
    : Array.from({ length: Math.ceil(slot.bytes / window) }, (_, i) => ({
      slot: slot.id,
      bytes: Math.min(window, slot.bytes - i * window),
      start: i * window,
    }));

/**
 * Gives every slot its ranges, and lists the buffers. Scratch lies by `lives`, the largest first, each at the lowest
 * place that is free for as long as it lives; without lives it stays where it is. Slots `elsewhere` get no memory.
 */
export const arrange = (
  slots: readonly (Omit<Slot, "ranges"> & { readonly ranges?: readonly Range[] })[],
  lives: readonly Life[] | undefined,
  limits: MemoryLimits,
  elsewhere: ReadonlySet<number>,
): Pick<MemoryPlan, "buffers" | "slots"> => {
  const buffers: Open[] = [], ranges = new Map<number, Range[]>();
  const room = Math.floor(limits.maxBufferBytes / ALIGNMENT) * ALIGNMENT;
  const most = Math.min(limits.maxBindingBytes, room), window = windowBytesOf(limits);
  const put = ({ slot, bytes }: Piece, buffer: number, offset: number): void => {
    const open = buffers[buffer]!;
    open.bytes = Math.max(open.bytes, offset + up(bytes));
    ranges.set(slot, [...ranges.get(slot) ?? [], { buffer, offset, bytes }]);
  };
  /** Puts a piece behind everything in a buffer of its role. */
  const append = (piece: Piece, role: Role): void => {
    let buffer = buffers.findIndex((b) => b.role === role && b.bytes + piece.bytes <= room);
    if (buffer < 0) buffer = buffers.push({ bytes: 0, role, taken: [] }) - 1;
    put(piece, buffer, buffers[buffer]!.bytes);
  };
  const roots = slots.filter((s) => s.within === undefined);
  const inside = new Map<number, number[]>();
  for (const { id, within } of slots) {
    if (within !== undefined) inside.set(within.slot, [...inside.get(within.slot) ?? [], id]);
  }

  const scratch = roots.filter((s) => s.role === "scratch");
  if (lives === undefined) {
    for (const s of scratch) {
      for (const r of s.ranges!) {
        while (buffers.length <= r.buffer) buffers.push({ bytes: 0, role: "scratch", taken: [] });
        put({ slot: s.id, bytes: r.bytes, start: 0 }, r.buffer, r.offset);
      }
    }
  } else {
    const lifeOf = new Map<number, Life>();
    for (const l of lives) {
      const known = lifeOf.get(l.slot);
      lifeOf.set(l.slot, {
        slot: l.slot,
        from: Math.min(l.from, known?.from ?? l.from),
        to: Math.max(l.to, known?.to ?? l.to),
      });
    }
    /** What a root holds by itself, or the parts of a pack, each with its life. */
    const partsOf = (
      root: number,
    ): readonly { readonly offset: number; readonly bytes: number; readonly life: Life }[] => {
      const parts = inside.get(root) ?? [];
      return (parts.length > 0 ? parts : [root]).flatMap((id) => {
        const life = lifeOf.get(id);
        return life === undefined
          ? []
          : [{ offset: slots[id]!.within?.offset ?? 0, bytes: slots[id]!.bytes, life }];
      });
    };
    const pieces = scratch.flatMap((s) => piecesOf(s, most, window)).map((piece) => {
      const parts = partsOf(piece.slot);
      return {
        piece,
        parts,
        from: Math.min(...parts.map((p) => p.life.from)),
        to: Math.max(...parts.map((p) => p.life.to)),
      };
    }).sort((a, b) =>
      b.piece.bytes - a.piece.bytes || a.from - b.from || a.piece.slot - b.piece.slot ||
      a.piece.start - b.piece.start
    );
    for (const { piece, parts, from, to } of pieces) {
      let buffer = 0, offset = 0;
      for (;; buffer++) {
        if (buffer === buffers.length) buffers.push({ bytes: 0, role: "scratch", taken: [] });
        offset = lowest(buffers[buffer]!, up(piece.bytes), from, to);
        if (offset === 0 || offset + piece.bytes <= room) break;
      }
      put(piece, buffer, offset);
      const whole = parts.length === 1 && parts[0]!.life.slot === piece.slot;
      for (const p of parts) {
        const at = whole ? offset : offset + Math.floor(p.offset / ALIGNMENT) * ALIGNMENT;
        const end = whole ? offset + up(piece.bytes) : offset + up(p.offset + p.bytes);
        buffers[buffer]!.taken.push({ offset: at, end, from: p.life.from, to: p.life.to });
      }
    }
  }
  for (const s of roots) {
    if (s.role === "scratch" || elsewhere.has(s.id)) continue;
    for (const piece of piecesOf(s, most, window)) append(piece, s.role);
  }
  const rangesOf = (s: Omit<Slot, "ranges">): readonly Range[] => {
    if (elsewhere.has(s.id)) return [];
    if (s.within === undefined) return ranges.get(s.id) ?? [];
    const whole = ranges.get(s.within.slot)?.[0];
    return whole === undefined
      ? []
      : [{ buffer: whole.buffer, offset: whole.offset + s.within.offset, bytes: s.bytes }];
  };
  return {
    buffers: buffers.map(({ bytes, role }) => ({ bytes: Math.max(16, bytes), role })),
    slots: slots.map((s) => ({ ...s, ranges: rangesOf(s) })),
  };
};

/** The lowest offset that stays free from one kernel to another. */
const lowest = ({ taken }: Open, bytes: number, from: number, to: number): number => {
  const busy = taken.filter((t) => t.from <= to && from <= t.to).sort((a, b) => a.offset - b.offset);
  let offset = 0;
  for (const t of busy) {
    if (t.offset - offset >= bytes) break;
    offset = Math.max(offset, t.end);
  }
  return offset;
};
